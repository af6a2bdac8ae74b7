/* SPDX-License-Identifier: MIT
 *
 * Limits of clients from the configuration to a server's. Any thread. */
#include "lib/daemon/client_limits.h"

#define FIELD(member) OPTION_FIELD(struct client_limits, member)

static const struct option rows[] = {
    {"head",
     OPTION_DURATION,
     FIELD(head_ms),
     10,
     3600000,
     "10s",
     "Time for the head of a request, from its first byte; the first one's and the TLS handshake "
     "from "
     "the accept.",
     {NULL}},
    {"idle",
     OPTION_DURATION,
     FIELD(idle_ms),
     10,
     86400000,
     "60s",
     "How long a kept-alive connection may rest between requests.",
     {NULL}},
    {"stall",
     OPTION_DURATION,
     FIELD(stall_ms),
     100,
     3600000,
     "30s",
     "Who moves less than min_progress in so long is cut: a connection, or one stream of HTTP/2. "
     "Slow clients are spared.",
     {NULL}},
    {"min_progress",
     OPTION_BYTES,
     FIELD(min_progress_bytes),
     1,
     1048576,
     "1KiB",
     "Bytes that a client must take or send in each `stall`.",
     {NULL}},
    {"requests",
     OPTION_INT,
     FIELD(requests),
     0,
     1000000000,
     "0",
     "Requests on one connection, which then ends in order; 0: any number.",
     {NULL}},
    {"connections",
     OPTION_INT,
     FIELD(connections),
     1,
     10000000,
     "100000",
     "Connections of one worker; more are closed at once, and counted.",
     {NULL}},
    {.name = NULL},
};

const struct option_section client_limits_section = {
    .options = rows,
    .record_bytes = sizeof(struct client_limits),
    .is_single = true,
};

void client_limits_apply(const struct client_limits *limits, struct server_config *c)
{
    c->head_ms = limits->head_ms;
    c->idle_ms = limits->idle_ms;
    c->stall_ms = limits->stall_ms;
    c->min_progress_bytes = (uint32_t)limits->min_progress_bytes;
    c->requests_per_conn = (uint32_t)limits->requests;
    c->conns = (uint32_t)limits->connections;
}
