/* SPDX-License-Identifier: MIT
 * private to edge/store: which objects can be found */
#ifndef EDGE_STORE_INDEX_H
#define EDGE_STORE_INDEX_H

#include "edge/store/object.h"
#include "edge/store/purge_marks.h"

/* Objects by key, in shards of one lock each; those of one key are the variants of a resource, the
 * newest first. Holds a reference to each. Purges of one key act at once and are remembered, so
 * that what was asked for before one is not stored after it: a bounded ring a shard, and for what
 * fell out of it a moment before which everything is refused. Purges of many are marks that objects
 * are compared with when somebody comes to them. Threads: any. */
struct index;

/* buckets: a power of two. *bytes: what it weighs. */
struct index *index_create(uint32_t buckets, uint32_t variants_max, struct purge_marks *marks,
                           size_t *bytes) __attribute__((returns_nonnull));
void index_destroy(struct index *ix); /* NULL is fine; must be empty */

uint64_t index_count(const struct index *ix);

/* Objects that left: linked by chain_next, each with the index's reference, which index_let_go
 * gives back: outside the lock, as that may free much. */
struct index_left {
    struct object *first;
    uint64_t count;
};
uint64_t index_let_go(struct index_left *left);

/* index_select: objects under key that fell to a mark leave on the way. */
struct index_wanted {
    object_match_fn matches; /* NULL: any */
    void *ctx;
    bool is_use; /* of the object that is found: it stays longer for it */
};
struct object *index_select(struct index *ix, const struct store_key *key,
                            const struct index_wanted *wanted, struct index_left *left);
/* 0 or ERR_CHANGED. */
MUST_USE int index_insert(struct index *ix, struct object *o, uint64_t moment,
                          struct index_left *left);
/* index_return: o, from a disk, is older than all that comes by itself: it stands behind those of
 * the same Date, and comes only where is_outdone() is false, which is asked under the shard's lock;
 * other: what has its place, or NULL. moment: of the start. 0; ERR_CHANGED: purged since;
 * ERR_EXISTS: outdone. */
struct index_return {
    uint64_t moment;
    bool (*is_outdone)(void *ctx, const struct object *o, const struct object *other);
    void *ctx;
};
MUST_USE int index_return(struct index *ix, struct object *o, const struct index_return *back,
                          struct index_left *left);
void index_remove(struct index *ix, struct object *o, struct index_left *left);
/* Soft: marks and counts, nothing leaves. */
uint64_t index_purge(struct index *ix, const struct store_key *key, bool is_soft,
                     struct index_left *left);
bool index_is_purged(struct index *ix, struct object *o);
bool index_was_purged(struct index *ix, const struct object *o, uint64_t moment);
/* index_sweep: compares a few more objects with the marks; false: all know the newest. One thread
 * at a time. */
bool index_sweep(struct index *ix, struct index_left *left);
/* index_walk: gives fn the objects of a few buckets, under their shard's lock, from *at on (0: the
 * beginning), which it moves; fn may ask a generation, and lock nothing else. What fell to a mark
 * leaves instead. false: that was the end. What comes or goes meanwhile may be missed. */
struct index_visitor {
    void (*fn)(void *ctx, const struct object *o);
    void *ctx;
};
bool index_walk(struct index *ix, uint64_t *at, const struct index_visitor *v,
                struct index_left *left);
/* index_evict: of the shard whose turn it is, up to max objects that were not used since the last
 * pass and that nobody holds. */
void index_evict(struct index *ix, uint32_t max, struct index_left *left);
/* index_clear: all of them. */
void index_clear(struct index *ix, struct index_left *left);

#endif
