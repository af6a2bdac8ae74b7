/* SPDX-License-Identifier: MIT */

/* Which blocks of a generation there are. Knows no locks, no segments and no waiters: those are
 * generation.c's and segment.c's. Threads: the owner's lock. */
#include "edge/store/block_table.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/http/message.h"

#define INDEX_MAX       ((int64_t)1 << 34) /* keeps leaf numbers within 32 bits */
#define ALLOCATION_COST 16                 /* what the heap adds to each piece */

static uint32_t leaf_number(int64_t index)
{
    if (index >= LEAF_BLOCKS)
        return (uint32_t)(index / LEAF_BLOCKS) + LEAVES_SMALL - 1;
    return index == 0 ? 0 : (uint32_t)(64 - __builtin_clzll((uint64_t)index));
}

/* Blocks of leaf `number`: what is left of the representation, where its length is known. */
static uint16_t leaf_count(const struct block_table *t, uint32_t number)
{
    int64_t all = leaf_first(number + 1) - leaf_first(number);
    int64_t left = block_table_count(t) - leaf_first(number);
    return (uint16_t)(left < all ? left : all);
}

static size_t leaf_bytes(uint16_t count)
{
    return sizeof(struct leaf) + count * sizeof(struct block);
}

static size_t directory_bytes(uint32_t room)
{
    return room > 0 ? room * sizeof(struct leaf *) + ALLOCATION_COST : 0;
}

static struct block *leaf_blocks(const struct leaf *leaf)
{
    return (struct block *)((uintptr_t)leaf + sizeof(*leaf));
}

static uint32_t leaves_room(const struct block_table *t)
{
    return t->has_more ? block_table_more(t)->leaves_room : 0;
}

/* NULL: there is none. number > 0 */
static struct leaf *leaf_of(const struct block_table *t, uint32_t number)
{
    return number <= leaves_room(t) ? block_table_more(t)->leaves[number - 1] : NULL;
}

static void block_init(struct block *b, uint8_t slot)
{
    *b = (struct block){.slot = slot, .segment = BLOCK_NOWHERE, .disk_segment = SEGMENT_NONE};
}

/* All records ABSENT. */
static void leaf_init(struct leaf *leaf, struct leaf as)
{
    *leaf = as;
    for (uint16_t i = 0; i < as.count; i++)
        block_init(&leaf_blocks(leaf)[i], (uint8_t)i);
}

bool block_table_has_more(int64_t length, int64_t block_bytes)
{
    return length == LENGTH_UNKNOWN || length > block_bytes;
}

void block_table_init(struct block_table *t, int64_t length, int64_t block_bytes)
{
    CHECK(block_bytes > 0 && block_bytes <= FILLED_MAX);
    bool has_more = block_table_has_more(length, block_bytes);
    *t = (struct block_table){.state = has_more ? 0 : (uint32_t)length,
                              .block_bytes = (uint32_t)block_bytes & FILLED_MAX,
                              .has_more = has_more};
    block_init(&t->first, BLOCK_FIRST);
    if (has_more)
        *block_table_more(t) = (struct block_more){.length = length};
}

void block_table_end(struct block_table *t, int64_t length)
{
    int64_t before = block_table_length(t);
    CHECK(before == LENGTH_UNKNOWN || before == length);
    if (t->has_more)
        atomic_store_explicit(&block_table_more(t)->length, length, memory_order_release);
}

void block_table_abandon(struct block_table *t)
{
    atomic_fetch_or_explicit(&t->state, BLOCK_TABLE_ABANDONED, memory_order_release);
}

size_t block_table_finish(struct block_table *t)
{
    size_t back = directory_bytes(leaves_room(t));
    CHECK(block_table_held(t) == 0);
    if (t->has_more) {
        struct block_more *more = block_table_more(t);
        mem_free(more->leaves);
        mem_free(more->claims);
        more->claims = NULL;
        more->leaves = NULL;
        more->leaves_room = 0;
    }
    return back;
}

int64_t block_table_count(const struct block_table *t)
{
    int64_t length = block_table_length(t);
    if (length == LENGTH_UNKNOWN)
        return INT64_MAX;
    return length / t->block_bytes + (length % t->block_bytes != 0);
}

size_t block_table_expected(const struct block_table *t, int64_t index)
{
    int64_t length = block_table_length(t), left = length - index * t->block_bytes;
    bool is_short = length != LENGTH_UNKNOWN && left < t->block_bytes;
    return (size_t)(is_short ? left : t->block_bytes);
}

/* The record of a block, if there is one, whatever its state. */
static struct block *record_of(const struct block_table *t, int64_t index)
{
    if (index == 0)
        return (struct block *)(uintptr_t)&t->first;
    uint32_t number = leaf_number(index);
    struct leaf *leaf = leaf_of(t, number);
    int64_t slot = index - leaf_first(number);
    return leaf != NULL && slot < leaf->count ? &leaf_blocks(leaf)[slot] : NULL;
}

struct block *block_table_find(const struct block_table *t, int64_t index)
{
    if (index > INDEX_MAX)
        return NULL;
    struct block *b = record_of(t, index);
    return b != NULL && b->state != BLOCK_ABSENT ? b : NULL;
}

int64_t block_table_next(const struct block_table *t, int64_t from, int64_t limit)
{
    if (from > INDEX_MAX || from >= limit)
        return limit;
    if (from == 0 && t->first.state != BLOCK_ABSENT)
        return 0;
    from += from == 0;
    for (uint32_t number = leaf_number(from); number <= leaves_room(t); number++) {
        const struct leaf *leaf = leaf_of(t, number);
        int64_t first = leaf_first(number), i = from > first ? from : first;
        if (i >= limit)
            break;
        while (leaf != NULL && i - first < leaf->count) {
            if (leaf_blocks(leaf)[i - first].state != BLOCK_ABSENT)
                return i < limit ? i : limit;
            i++;
        }
    }
    return limit;
}

/* Room of the directory so that it has leaf `number`: doubled, but never past the last leaf. */
static uint32_t directory_room(const struct block_table *t, uint32_t number)
{
    uint32_t room = leaves_room(t) > 0 ? leaves_room(t) : 1;
    while (room < number)
        room *= 2;
    int64_t count = block_table_count(t);
    if (count <= INDEX_MAX && leaf_number(count - 1) < room)
        room = leaf_number(count - 1);
    return room;
}

size_t block_table_cost(const struct block_table *t, int64_t index)
{
    uint32_t number = leaf_number(index);
    size_t cost = 0;
    if (record_of(t, index) == NULL)
        cost += leaf_bytes(leaf_count(t, number)) + ALLOCATION_COST;
    if (number > leaves_room(t))
        cost += directory_bytes(directory_room(t, number)) - directory_bytes(leaves_room(t));
    return cost;
}

static bool directory_grow(struct block_table *t, uint32_t number)
{
    struct block_more *more = block_table_more(t);
    uint32_t room = directory_room(t, number);
    struct leaf **grown = mem_try_grow(more->leaves, room * sizeof(struct leaf *));
    if (grown == NULL)
        return false;
    for (uint32_t i = more->leaves_room; i < room; i++)
        grown[i] = NULL;
    more->leaves = grown;
    more->leaves_room = room;
    return true;
}

/* Leaf `number`, which there is not, in its place; NULL: no memory. */
static struct leaf *leaf_make(struct block_table *t, uint32_t number)
{
    uint16_t count = leaf_count(t, number);
    struct leaf *leaf = mem_try_alloc(leaf_bytes(count));
    if (leaf == NULL || (number > leaves_room(t) && !directory_grow(t, number))) {
        mem_free(leaf);
        return NULL;
    }
    leaf_init(leaf, (struct leaf){.home = t, .number = number, .count = count});
    block_table_more(t)->leaves[number - 1] = leaf;
    return leaf;
}

struct block *block_table_open(struct block_table *t, int64_t index)
{
    if (index > INDEX_MAX)
        return NULL;
    CHECK(index >= 0 && index < block_table_count(t));
    struct block *b = record_of(t, index);
    if (b == NULL) {
        uint32_t number = leaf_number(index);
        struct leaf *leaf = leaf_make(t, number);
        if (leaf == NULL)
            return NULL;
        b = &leaf_blocks(leaf)[index - leaf_first(number)];
    }
    CHECK(b->state == BLOCK_ABSENT);
    b->state = BLOCK_FILLING;
    b->filled = 0;
    atomic_store_explicit(&b->used, 0, memory_order_relaxed);
    b->flags = 0;
    b->segment = BLOCK_NOWHERE;
    b->disk_segment = SEGMENT_NONE;
    if (b->slot != BLOCK_FIRST)
        block_leaf(b)->held++;
    if (t->has_more)
        block_table_more(t)->held++;
    return b;
}

size_t block_table_close(struct block_table *t, struct block *b)
{
    CHECK(b->state != BLOCK_ABSENT && !block_link_is_in(&b->link));
    b->state = BLOCK_ABSENT;
    if (t->has_more)
        block_table_more(t)->held--;
    if (b->slot == BLOCK_FIRST)
        return 0;
    struct leaf *leaf = block_leaf(b);
    if (--leaf->held > 0)
        return 0;
    size_t back = leaf_bytes(leaf->count) + ALLOCATION_COST;
    block_table_more(t)->leaves[leaf->number - 1] = NULL;
    mem_free(leaf);
    return back;
}

/* Of a table that has no more: whether its block is claimed. */
static bool is_first_claimed(const struct block_table *t)
{
    return (atomic_load_explicit(&t->state, memory_order_relaxed) & BLOCK_TABLE_CLAIMED) != 0;
}

static uint32_t claims_count(const struct block_more *m)
{
    return m->claims != NULL ? m->claims->count : 0;
}

bool block_table_has_claims(const struct block_table *t)
{
    return t->has_more ? block_table_more(t)->claims != NULL : is_first_claimed(t);
}

/* The first run that ends after index, or their count. */
static uint32_t claim_after(const struct block_more *m, int64_t index)
{
    uint32_t i = 0, count = claims_count(m);
    while (i < count && m->claims->v[i].end <= index)
        i++;
    return i;
}

bool block_table_is_claimed(const struct block_table *t, int64_t index)
{
    const struct block_more *m = block_table_more(t);
    if (!t->has_more)
        return index == 0 && is_first_claimed(t);
    uint32_t i = claim_after(m, index);
    return i < claims_count(m) && m->claims->v[i].first <= index;
}

static void claim_insert(struct block_more *m, uint32_t at, struct claim c)
{
    struct claims *cs = m->claims;
    uint32_t count = claims_count(m);
    if (cs == NULL || count == cs->room) {
        uint32_t room = count > 0 ? 2 * count : 1;
        cs = mem_grow(cs, 1, sizeof(*cs) + room * sizeof(c));
        cs->room = room;
        m->claims = cs;
    }
    memmove(&cs->v[at + 1], &cs->v[at], (count - at) * sizeof(c));
    cs->v[at] = c;
    cs->count = count + 1;
}

static void claim_remove(struct block_more *m, uint32_t at)
{
    struct claims *cs = m->claims;
    if (cs->count == 1) {
        mem_free(cs);
        m->claims = NULL;
        return;
    }
    cs->count--;
    memmove(&cs->v[at], &cs->v[at + 1], (cs->count - at) * sizeof(cs->v[0]));
}

/* Of a table that has no more. */
static int64_t claim_first(struct block_table *t)
{
    if (t->first.state != BLOCK_ABSENT || is_first_claimed(t))
        return 0;
    atomic_fetch_or_explicit(&t->state, BLOCK_TABLE_CLAIMED, memory_order_relaxed);
    return 1;
}

int64_t block_table_claim(struct block_table *t, int64_t first, int64_t max, int64_t *out)
{
    int64_t limit = max > INT64_MAX - first ? INT64_MAX : first + max;
    if (limit > block_table_count(t))
        limit = block_table_count(t);
    if (block_table_is_abandoned(t))
        return 0;
    if (!t->has_more) {
        *out = 0;
        return first == 0 && limit > 0 ? claim_first(t) : 0;
    }
    struct block_more *m = block_table_more(t);
    uint32_t run = claim_after(m, first), runs = claims_count(m);
    while (first < limit) {
        if (run < runs && m->claims->v[run].first <= first) {
            first = m->claims->v[run++].end;
        } else if (block_table_find(t, first) != NULL) {
            first++;
        } else {
            break;
        }
    }
    if (first >= limit)
        return 0;
    if (run < runs && m->claims->v[run].first < limit)
        limit = m->claims->v[run].first;
    struct claim c = {.first = first, .end = block_table_next(t, first, limit)};
    claim_insert(m, run, c);
    *out = c.first;
    return c.end - c.first;
}

void block_table_unclaim(struct block_table *t, int64_t first, int64_t end)
{
    struct block_more *m = block_table_more(t);
    if (!t->has_more) {
        if (first <= 0 && end > 0)
            atomic_fetch_and_explicit(&t->state, ~BLOCK_TABLE_CLAIMED, memory_order_relaxed);
        return;
    }
    uint32_t i = claim_after(m, first);
    while (i < claims_count(m) && m->claims->v[i].first < end) {
        struct claim *c = &m->claims->v[i];
        if (c->first < first && c->end > end) {
            struct claim rest = {.first = end, .end = c->end};
            c->end = first;
            claim_insert(m, i + 1, rest);
            return;
        }
        if (c->first < first) {
            c->end = first;
            i++;
        } else if (c->end > end) {
            c->first = end;
            i++;
        } else {
            claim_remove(m, i);
        }
    }
}

int block_table_look(const struct block_table *t, int64_t pos, struct block **out)
{
    int64_t length = block_table_length(t);
    if (length != LENGTH_UNKNOWN && pos >= length)
        return 0;
    int64_t index = pos / t->block_bytes;
    struct block *b = block_table_find(t, index);
    if (b != NULL && (int64_t)b->filled > pos - index * t->block_bytes) {
        *out = b;
        return b->state == BLOCK_STORED ? ERR_BUSY : 1;
    }
    if (b != NULL && b->state == BLOCK_FILLING)
        return (b->flags & BLOCK_LATE) != 0 ? ERR_BUSY : ERR_AGAIN;
    if (block_table_is_abandoned(t))
        return ERR_CHANGED;
    /* A last block that is complete, its generation's length about to be told. */
    return b != NULL || block_table_is_claimed(t, index) ? ERR_AGAIN : ERR_NOT_FOUND;
}
