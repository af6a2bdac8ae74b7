/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_CLIENT_LIMITS_H
#define LIB_DAEMON_CLIENT_LIMITS_H

#include "lib/base/option.h"
#include "lib/web/server.h"

/* The `clients` section: what a client may ask of a connection, and how long it may take. */
struct client_limits {
    int64_t head_ms, idle_ms, stall_ms, min_progress_bytes, requests, connections;
};
extern const struct option_section client_limits_section; /* single */

/* client_limits_apply: into c; what the section does not know stays. Pure. */
void client_limits_apply(const struct client_limits *limits, struct server_config *c);

#endif
