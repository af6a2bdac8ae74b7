/* SPDX-License-Identifier: MIT
 * private to edge/upstream: the part of a fetch that is about memcached */
#ifndef EDGE_UPSTREAM_ITEM_TURN_H
#define EDGE_UPSTREAM_ITEM_TURN_H

#include "edge/cluster/item.h"
#include "edge/upstream/fetcher.h"
#include "edge/upstream/source.h"

/* memcached is asked first, for the one block that a fetch begins with. What it has is given as an
 * answer to that range, to be judged like any other. Threads: its fetch's. */
struct item_turn {
    struct mcache_get *get; /* on its way */
    bool is_over, has_item;
    struct hash128 key; /* what was asked for */
    int64_t at, block_bytes;
    struct fetcher *fetcher;
    struct arena *mem; /* the fetch's: for the head */
    uint8_t *value;
    struct item item; /* borrows from value */
    struct response_head head;
    size_t read;
    uint64_t moment; /* of the store: what a later purge covers is not to be believed */
    void (*on_over)(struct item_turn *t); /* has_item tells */
};

struct item_ask {
    const struct source *source;
    const struct hash128 *key; /* of the object; NULL: memcached is not for it */
    int64_t first, last;       /* as fetch_ask */
};
/* item_turn_begin: true: on_over will come, not from inside; false: not asked. */
bool item_turn_begin(struct item_turn *t, struct fetcher *fr, const struct item_ask *ask,
                     struct arena *mem);
ssize_t item_turn_read(struct item_turn *t, void *dst, size_t room); /* 0: the end */
void item_turn_leave(struct item_turn *t);                           /* at any time */

/* item_keep: a block of o, whole, for whoever needs it next; stamp: purges that were applied before
 * it was asked for. Nothing where o is not for others, or stale soon. */
struct item_block {
    struct object *object;
    int64_t at, block_bytes;
    struct span bytes;
    const struct purge_stamp *stamp;
};
void item_keep(struct fetcher *fr, const struct item_block *b);

#endif
