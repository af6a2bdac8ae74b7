/* SPDX-License-Identifier: MIT */
/* Private to lib/web: a client's connections at rest, by target. The freshest is used first; one on
 * which anything happens (an end, bytes nobody asked for) is closed at once. */
#ifndef LIB_WEB_CLIENT_POOL_H
#define LIB_WEB_CLIENT_POOL_H

#include "lib/base/map.h"
#include "lib/net/conn.h"
#include "lib/net/deadlines.h"

struct client_pool {
    struct map *targets; /* key -> struct pool_target, which lives while it has connections */
    struct deadlines idle;
    uint32_t per_target;
};

void client_pool_init(struct client_pool *p, struct loop *l, uint32_t per_target, msec_t idle_ms);
void client_pool_finish(struct client_pool *p);
/* client_pool_get: a connection to key's target, the caller's; NULL: none is at rest. */
struct conn *client_pool_get(struct client_pool *p, struct span key);
/* client_pool_put: takes *c; closes it where it is not fit, or the target has enough. */
void client_pool_put(struct client_pool *p, struct span key, struct conn **c);

#endif
