/* SPDX-License-Identifier: MIT
 * private to control/route: the best of a group of edges */
#ifndef CONTROL_ROUTE_RANK_H
#define CONTROL_ROUTE_RANK_H

#include "control/registry/picture.h"

#define RANK_MAX 16

/* Edges in order: the cheaper class first, within it weighted rendezvous on the key. Filled one by
 * one in any order; holds the first `room` of them. Pure. */
struct rank {
    uint64_t key_hash;
    size_t room, count; /* room: 1..RANK_MAX */
    struct ranked {
        const struct picture_edge *edge;
        double score;
    } v[RANK_MAX];
    size_t members; /* edges of the cheapest class, whether they have room here or not */
    uint8_t cheapest;
};

void rank_init(struct rank *r, uint64_t key_hash, size_t room);
void rank_add(struct rank *r, const struct picture_edge *e);
/* rank_prefer: moves the one of the first `among` to the front that rendezvous on another key, the
 * user's, gives. */
void rank_prefer(struct rank *r, size_t among, uint64_t user_hash);
/* rank_put_first: before all others, whether it was among them or not. */
void rank_put_first(struct rank *r, struct ranked first);

#endif
