/* SPDX-License-Identifier: MIT
 *
 * Limits of clients from the configuration to a server's. Any thread. */
#include "lib/daemon/client_limits.h"

#define FIELD(member) OPTION_FIELD(struct client_limits, member)

static const struct option rows[] = {
    OPTION_ROW_WITH("head", DURATION, FIELD(head_ms), "10s",
                    "Time for the head of a request, from its first byte; the first one's and the "
                    "TLS handshake from the accept.",
                    .min = 10, .max = 3600000),
    OPTION_ROW_WITH("idle", DURATION, FIELD(idle_ms), "60s",
                    "How long a kept-alive connection may rest between requests.", .min = 10,
                    .max = 86400000),
    OPTION_ROW_WITH("stall", DURATION, FIELD(stall_ms), "30s",
                    "Who moves less than min_progress in so long is cut: a connection, or one "
                    "stream of HTTP/2. Slow clients are spared.",
                    .min = 100, .max = 3600000),
    OPTION_ROW_WITH("min_progress", BYTES, FIELD(min_progress_bytes), "1KiB",
                    "Bytes that a client must take or send in each `stall`.", .min = 1,
                    .max = 1048576),
    OPTION_ROW_WITH("requests", INT, FIELD(requests), "0",
                    "Requests on one connection, which then ends in order; 0: any number.",
                    .max = 1000000000),
    OPTION_ROW_WITH("connections", INT, FIELD(connections), "100000",
                    "Connections of one worker; more are closed at once, and counted.", .min = 1,
                    .max = 10000000),
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
