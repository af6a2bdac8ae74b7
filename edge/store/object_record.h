/* SPDX-License-Identifier: MIT
 * private to edge/store, but for `generation` and `status`: an object as it lies in memory */
#ifndef EDGE_STORE_OBJECT_RECORD_H
#define EDGE_STORE_OBJECT_RECORD_H

#include "edge/store/address.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_DATE_BITS 38 /* to the year 9999 and beyond */
#define OBJECT_NO_DATE   ((UINT64_C(1) << OBJECT_DATE_BITS) - 1)

struct generation;

/* What many objects have none of: behind the structure of one that has some. */
struct object_more {
    uint16_t vary_names_bytes, vary_values_bytes;
    uint16_t tags_count, groups_count; /* of all, of groups among them */
};
_Static_assert(sizeof(struct object_more) == 8, "tags behind it stay aligned");

/* Texts, tags and fields follow in the same allocation. Functions below find them by their counts:
 * pointers to them would weigh more than most of them. The 64 bits of the key's hash are its
 * generation's. Bit-fields are constant. */
struct object {
    uint16_t magic;
    uint16_t hash_tag; /* of its key's hash: most others of its bucket have another */
    _Atomic uint32_t refs;
    struct address chain_next; /* the index's own, under its shard's lock */
    uint16_t key_bytes;
    /* Number of the newest purge that it was compared with, above OBJECT_FLAGS. */
    _Atomic uint64_t standing;
    struct generation *generation; /* constant, as is what follows, where nothing else is said */
    /* Look-ups that found it, and whether one did since eviction's hand passed: written under its
     * shard's lock, read by anybody. */
    _Atomic uint32_t uses;
    uint16_t lines_bytes, site_bytes;
    uint64_t last_modified : OBJECT_DATE_BITS; /* s since 1970, or OBJECT_NO_DATE */
    uint64_t status : 10;
    uint64_t freshness_source : 4;
    uint64_t must_revalidate : 1, always_validates : 1, is_heuristic : 1, is_immutable : 1;
    uint64_t has_more : 1; /* struct object_more follows */
    uint64_t date : OBJECT_DATE_BITS;
    uint64_t fields_count : 10;
    uint64_t etag_bytes : 16;    /* 0: none: an empty one is no ETag */
    uint64_t response_wall : 48; /* ms */
    /* of the freshness; durations as duration_pack() has them */
    uint32_t initial_age, lifetime, stale_while_revalidate, stale_if_error;
};
#define OBJECT_MAGIC       0x0b1eU
#define OBJECT_SOFT_PURGED 1U /* flags in `standing`: stale whatever the freshness says */
#define OBJECT_PURGED      2U /* gone for a purge */
#define OBJECT_INDEXED     4U
#define OBJECT_FLAGS       8U                   /* bits of them */
#define OBJECT_USED        UINT32_C(0x80000000) /* in `uses`: since the hand passed */
_Static_assert(offsetof(struct object, site_bytes) < 40, "a look-up touches one line of cache");
_Static_assert(sizeof(struct object) <= 80, "weight of an object: the store's README");

/* object_hash_tag: of the lower half of the key's hash; bits that choose no bucket. */
static inline uint16_t object_hash_tag(uint64_t hash)
{
    return (uint16_t)(hash >> 32);
}

static inline void object_set(struct object *o, unsigned flag)
{
    atomic_fetch_or(&o->standing, flag);
}

static inline void object_unset(struct object *o, unsigned flag)
{
    atomic_fetch_and(&o->standing, ~(uint64_t)flag);
}

/* object_purges_known: 0: it was never in the index. object_purges_know: under its shard's lock. */
static inline uint64_t object_purges_known(const struct object *o)
{
    return atomic_load(&o->standing) >> OBJECT_FLAGS;
}

static inline void object_purges_know(struct object *o, uint64_t number)
{
    uint64_t known = object_purges_known(o);
    atomic_fetch_add(&o->standing, (number - known) << OBJECT_FLAGS);
}

#endif
