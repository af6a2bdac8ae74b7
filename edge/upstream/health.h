/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_HEALTH_H
#define EDGE_UPSTREAM_HEALTH_H

#include "edge/upstream/upstream.h"

/* Active health: asks each origin of every site that names a health_path for it, every
 * health_interval, by a GET of its own. An answer below 400 in time is good. Three that are not,
 * in a row, make the origin UNFIT; two good ones make it fit, and WELL whatever it was. One of
 * these does it for the whole node. Threads: its loop's. */
struct health;

struct health *health_create(struct loop *l, struct client *client);
/* health_use: these origins from here on; referenced. */
void health_use(struct health *h, struct upstream_set *set);
void health_destroy(struct health **h); /* before the client; NULL is fine */

/* health_note: one more result; whether that made a difference. Pure. */
struct health_row {
    uint8_t good, bad; /* in a row */
    bool is_unfit;
};
bool health_note(struct health_row *r, bool is_good);

#endif
