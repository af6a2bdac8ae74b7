/* SPDX-License-Identifier: MIT
 * private to edge/store: what a generation is made of */
#ifndef EDGE_STORE_GENERATION_INNER_H
#define EDGE_STORE_GENERATION_INNER_H

#include "edge/policy/stride.h"
#include "edge/store/generation.h"
#include "edge/store/object.h"
#include "edge/store/store_inner.h"

struct generation {
    _Atomic uint32_t refs;
    uint32_t disk_object; /* segment with the newest head of its object, or SEGMENT_NONE: under the
                           * lock, as is all that follows where nothing else is said */
    _Atomic uint64_t key_hash; /* of the objects that have these bytes; 0: none had yet */
    struct roster_link roster; /* its id: no two are alike, ever; `disk` is DISK_NONE: none yet */
    _Atomic uint32_t pinned_s; /* generation_pinned_ms */
    struct address store;      /* constant */
    /* The object in the index whose bytes these are: not referenced. When the last reference has
     * gone: the next such generation, under the store's lock of remains. */
    struct address owner;
    struct address audience; /* audience_of() */
    uint8_t magic;
    bool is_wanted;           /* asked for more than once: worth a disk */
    struct block_table table; /* struct generation_more follows where it has more */
};
_Static_assert(sizeof(struct generation) <= 104, "weight of an object: the store's README");
#define DISK_NONE UINT16_MAX

#define GENERATION_MAGIC 0x6eU

/* Of a generation that may have more than a block. */
struct generation_more {
    struct block_more blocks; /* first: the table's */
    struct stride stride;
    int64_t given_back; /* blocks below it are, once the last reference has gone */
    uint32_t disk_held; /* blocks that lie on its disk */
    /* The disk's writer's own: blocks, one after the other, that it did not pay to code. */
    uint8_t disk_refused;
};

static inline struct store *generation_store(const struct generation *g)
{
    return address_get(&g->store);
}

static inline struct object *generation_owner(const struct generation *g)
{
    return address_get(&g->owner);
}

/* generation_more: NULL: it has a block at most. */
static inline struct generation_more *generation_more(const struct generation *g)
{
    return g->table.has_more ? (struct generation_more *)((uintptr_t)g + sizeof(*g)) : NULL;
}

/* block_generation: constant. */
static inline struct generation *block_generation(const struct block *b)
{
    return CONTAINER_OF(block_home(b), struct generation, table);
}

static inline pthread_mutex_t *generation_mutex(const struct generation *g)
{
    uintptr_t mixed = (uintptr_t)g >> 4;
    mixed ^= mixed >> 8;
    return &generation_store(g)->generation_locks[mixed % GENERATION_LOCKS].mutex;
}

static inline void generation_lock(const struct generation *g)
{
    pthread_mutex_lock(generation_mutex(g));
}

static inline void generation_unlock(const struct generation *g)
{
    pthread_mutex_unlock(generation_mutex(g));
}

/* generation_pinned_ms: until when (pin.h), rounded up to a second; monotonic; 0: it is not. */
static inline msec_t generation_pinned_ms(const struct generation *g)
{
    return (msec_t)atomic_load_explicit(&g->pinned_s, memory_order_relaxed) * MSEC_PER_SEC;
}

static inline bool generation_is_pinned(const struct generation *g)
{
    msec_t until = generation_pinned_ms(g);
    return until != 0 && clock_mono_ms() < until;
}

/* generation_try_ref: false: it is being freed. For who found it through a block under the
 * segments' lock, which freeing it takes too. */
bool generation_try_ref(struct generation *g);
/* generation_close_locked: b, in its segment or taken out of it, becomes ABSENT. */
void generation_close_locked(struct generation *g, struct block *b);
/* generation_take: for the roster. generation_known: the one of this id, referenced, or NULL. */
bool generation_take(struct roster_link *l);
struct generation *generation_known(struct store *st, uint64_t id);
/* generation_on_disk_locked: so many blocks more, or less, lie on its disk: before its record says
 * so, or does no longer. generation_disk_held_locked: how many do. */
uint32_t generation_disk_held_locked(const struct generation *g);
void generation_on_disk_locked(struct generation *g, int by);
/* generation_rest_locked: b, PRESENT and on its disk, has left memory: STORED. */
void generation_rest_locked(struct generation *g, struct block *b);
/* generation_wants_disk_locked: whether b, PRESENT, should go to a disk now. */
bool generation_wants_disk_locked(struct generation *g, const struct block *b);
/* block_reserve: as segments_reserve, and evicts where needed. No lock may be held. */
MUST_USE int block_reserve(struct store *st, const struct record_wanted *want, struct block *b,
                           struct place *p);
/* generation_block_name: of a block of the object's key, in whatever generation. */
uint64_t generation_block_name(const struct generation *g, int64_t index);
/* generation_block: what a policy may know of a block of so many bytes; generation_describe: of one
 * that is there. Under no lock, or any. */
struct odds_block generation_block(const struct generation *g, int64_t index, uint32_t bytes);
void generation_describe(const struct block *b, struct odds_block *out);
/* generation_key_set: whose bytes these will be. generation_key: the lower half of its hash. */
void generation_key_set(struct generation *g, const struct hash128 *key);
static inline uint64_t generation_key(const struct generation *g)
{
    return atomic_load_explicit(&g->key_hash, memory_order_relaxed);
}
/* The object that is in the index with these bytes; cleared only if it still is o. */
void generation_owner_set(struct generation *g, struct object *o);
bool generation_has_owner(struct generation *g);
void generation_owner_clear(struct generation *g, const struct object *o);
/* Bytes are being brought, or waited for. */
bool generation_is_busy_locked(const struct generation *g);
bool generation_is_busy(struct generation *g);
/* generation_scrub: verifies the checksums of all PRESENT blocks; what does not match becomes
 * ABSENT. Returns how many that were. Reads every byte: not for a worker's loop. */
uint64_t generation_scrub(struct generation *g);
/* generation_give_back: a bounded part of what generations without references hold. False: there
 * was nothing. */
bool generation_give_back(struct store *st);
/* What one weighs that has a block at most, with it. */
#define GENERATION_COST (sizeof(struct generation) + 16)

#endif
