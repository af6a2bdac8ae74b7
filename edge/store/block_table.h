/* SPDX-License-Identifier: MIT
 * private to edge/store: which blocks of one generation there are, and who has claimed which */
#ifndef EDGE_STORE_BLOCK_TABLE_H
#define EDGE_STORE_BLOCK_TABLE_H

#include "edge/store/block_list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sparse table in two levels: a directory of leaves, leaves of 64 block records. The first leaves
 * are smaller (1, 2, 4, .. 32) so that a small object pays for the blocks it has; block 0 is a part
 * of the table, as most objects have no other. An empty leaf goes, so that few blocks
 * of a huge object cost little. Claims are runs, not marks on blocks: claiming a terabyte costs one
 * run, and what nobody is filling has no memory for any. Pure but for memory; the owner's lock
 * covers it. */
enum block_state {
    BLOCK_ABSENT,
    BLOCK_FILLING, /* from upstream or from its disk */
    BLOCK_PRESENT, /* in memory */
    BLOCK_STORED,  /* on its disk alone */
};

#define SEGMENT_NONE  UINT32_MAX /* of a disk */
#define BLOCK_NOWHERE 0xffffffu  /* of memory */

/* Bit-fields that stand together are under one lock, the generation's. */
struct block {
    uint64_t checksum;      /* XXH3 of its bytes, once PRESENT or STORED */
    struct block_link link; /* of its segment's records: under the segments' lock */
    uint32_t disk_segment;  /* of its generation's disk; SEGMENT_NONE: not there */
    uint32_t disk_at;       /* in that segment: a spot (disk_format.h) */
    uint32_t segment : 24;  /* in memory; BLOCK_NOWHERE: not placed there */
    uint32_t flags : 8;
    uint32_t filled : 30; /* bytes below it never change */
    uint32_t state : 2;   /* enum block_state */
    uint16_t place;       /* in its segment of memory: segments_offset */
    _Atomic uint8_t used; /* the eviction policy's own; 0 when it begins */
    uint8_t slot;         /* constant: in its leaf, or BLOCK_FIRST */
};
#define BLOCK_QUEUED   1u /* on its way to the disk */
#define BLOCK_LOADED   2u /* came from the disk, and nobody has read it yet */
#define BLOCK_READ_ONE 4u /* times it was used since it lies on the disk, up to three */
#define BLOCK_READ_ALL 0x0cu
#define BLOCK_MARK_ALL 0x60u /* its writer's mark */
#define BLOCK_MARK_ONE 0x20u
#define BLOCK_LATE     0x10u /* its disk takes too long over it: readers go past the store */
_Static_assert(sizeof(struct block) == 40, "index per block: the store's README");

#define BLOCK_FIRST 0xffu /* the slot of block 0, which is a part of its table */
#define FILLED_MAX  ((1u << 30) - 1)

struct leaf {
    struct block_table *home;
    uint32_t number;
    uint16_t count, held; /* records that follow; those that are not ABSENT */
};
_Static_assert(sizeof(struct leaf) == 16, "beside up to 64 blocks");

struct claim {
    int64_t first, end;
};
struct claims {
    uint32_t count, room;
    struct claim v[]; /* disjoint, in order */
};

struct block_table {
    struct block first;
    _Atomic uint32_t state; /* BLOCK_TABLE_..: changed under the lock, read by anybody */
    uint32_t block_bytes : 30;
    uint32_t has_more : 1; /* constant, as the last: there may be more than block 0 */
};
#define BLOCK_TABLE_LENGTH    0x3fffffffu /* of one that has no more */
#define BLOCK_TABLE_CLAIMED   0x40000000u /* likewise: its block */
#define BLOCK_TABLE_ABANDONED 0x80000000u
_Static_assert(sizeof(struct block_table) == 48, "most generations have one block");

/* What a table that has more has behind it, where its owner left room for it. */
struct block_more {
    _Atomic int64_t length; /* set under the lock; read by anybody */
    struct leaf **leaves;   /* number n at n - 1 */
    struct claims *claims;  /* NULL: none */
    uint32_t leaves_room;   /* of the directory */
    uint32_t held;          /* blocks that are not ABSENT */
};

static inline struct block_more *block_table_more(const struct block_table *t)
{
    return (struct block_more *)((uintptr_t)t + sizeof(*t));
}

/* block_table_length: or LENGTH_UNKNOWN. */
static inline int64_t block_table_length(const struct block_table *t)
{
    if (t->has_more)
        return atomic_load_explicit(&block_table_more(t)->length, memory_order_acquire);
    return atomic_load_explicit(&t->state, memory_order_relaxed) & BLOCK_TABLE_LENGTH;
}

static inline bool block_table_is_abandoned(const struct block_table *t)
{
    uint32_t state = atomic_load_explicit(&t->state, memory_order_acquire);
    return (state & BLOCK_TABLE_ABANDONED) != 0;
}

/* block_table_held: blocks that are not ABSENT. */
static inline uint32_t block_table_held(const struct block_table *t)
{
    return t->has_more ? block_table_more(t)->held : t->first.state != BLOCK_ABSENT;
}

/* block_table_has_more: whether one of that length will. */
bool block_table_has_more(int64_t length, int64_t block_bytes);
void block_table_init(struct block_table *t, int64_t length, int64_t block_bytes);
/* block_table_finish: no block may be held. Returns the bytes given back. */
size_t block_table_finish(struct block_table *t);

/* Number of blocks; INT64_MAX: not known yet. block_table_expected: full length of one (block_bytes
 * where it cannot be known). */
int64_t block_table_count(const struct block_table *t);
int64_t block_table_length(const struct block_table *t);     /* or LENGTH_UNKNOWN */
void block_table_end(struct block_table *t, int64_t length); /* it turned out */
void block_table_abandon(struct block_table *t);
size_t block_table_expected(const struct block_table *t, int64_t index);

static inline void block_set_filled(struct block *b, size_t bytes)
{
    b->filled = (uint32_t)bytes & FILLED_MAX;
}

static inline void block_set_flags(struct block *b, unsigned flags)
{
    b->flags = (uint8_t)flags;
}

/* Of a block that has a slot. */
static inline struct leaf *block_leaf(const struct block *b)
{
    return (struct leaf *)((uintptr_t)(b - b->slot) - sizeof(struct leaf));
}

/* block_home: the table that it is in: constant. */
static inline struct block_table *block_home(const struct block *b)
{
    if (b->slot == BLOCK_FIRST)
        return (struct block_table *)((uintptr_t)b - offsetof(struct block_table, first));
    return block_leaf(b)->home;
}

/* Leaf 0 is block 0 alone, in the table; 1: block 1; 2: 2-3; 3: 4-7; .. 6: 32-63; 7: 64-127; 8:
 * 128-191; .. */
#define LEAF_BLOCKS  64
#define LEAVES_SMALL 7 /* leaves that hold the first LEAF_BLOCKS blocks */

/* leaf_first: index of its first block. */
static inline int64_t leaf_first(uint32_t number)
{
    if (number >= LEAVES_SMALL)
        return (int64_t)(number - (LEAVES_SMALL - 1)) * LEAF_BLOCKS;
    return number == 0 ? 0 : (int64_t)1 << (number - 1);
}

static inline int64_t block_index(const struct block *b)
{
    return b->slot == BLOCK_FIRST ? 0 : leaf_first(block_leaf(b)->number) + b->slot;
}

/* block_table_find: the record of a block that is not ABSENT, or NULL. */
struct block *block_table_find(const struct block_table *t, int64_t index);
/* block_table_next: the first index in [from, limit) whose block is not ABSENT, or limit. */
int64_t block_table_next(const struct block_table *t, int64_t from, int64_t limit);
/* block_table_cost: bytes that block_table_open will take. block_table_open: an ABSENT block
 * becomes FILLING, empty, placed nowhere; NULL: no memory. block_table_close: to ABSENT (taken out
 * of its segment before); returns the bytes given back. */
size_t block_table_cost(const struct block_table *t, int64_t index);
struct block *block_table_open(struct block_table *t, int64_t index);
size_t block_table_close(struct block_table *t, struct block *b);

/* Claims. block_table_claim: as generation_claim. block_table_unclaim: whatever of [first, end). */
int64_t block_table_claim(struct block_table *t, int64_t first, int64_t max, int64_t *out);
void block_table_unclaim(struct block_table *t, int64_t first, int64_t end);
bool block_table_is_claimed(const struct block_table *t, int64_t index);
bool block_table_has_claims(const struct block_table *t);

/* block_table_look: as generation_view, with the block where it says 1, or ERR_BUSY: it is
 * STORED, or its disk is late with it. */
int block_table_look(const struct block_table *t, int64_t pos, struct block **out);

#endif
