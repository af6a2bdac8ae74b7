/* SPDX-License-Identifier: MIT
 * private to edge/store: generations by their id */
#ifndef EDGE_STORE_ROSTER_H
#define EDGE_STORE_ROSTER_H

#include "edge/store/address.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Those that have, or are about to have, something on a disk: records there name them by id. Holds
 * no references, and does not know what it lists: links that their owners take out before they go.
 * A fixed number of buckets. Threads: any; the lock is the last to be taken. */
struct roster_link {
    uint64_t id;
    struct address next;
    uint16_t disk; /* its owner's own: what it has is on that one */
};
_Static_assert(sizeof(struct roster_link) == 16, "part of every generation");

struct roster {
    pthread_mutex_t lock;
    struct address *buckets;
    uint32_t mask;
    /* Makes what is found stay; false: it is being freed. Under the lock. */
    bool (*take)(struct roster_link *l);
};

/* buckets: a power of two. Returns what it weighs. */
size_t roster_init(struct roster *r, uint32_t buckets, bool (*take)(struct roster_link *l));
void roster_finish(struct roster *r); /* half-made is fine */
/* roster_add, roster_remove: one that is not, that is in it. */
void roster_add(struct roster *r, struct roster_link *l);
void roster_remove(struct roster *r, struct roster_link *l);
/* roster_find: taken, or NULL. */
struct roster_link *roster_find(struct roster *r, uint64_t id);

#endif
