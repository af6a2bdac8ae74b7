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

/* NULL: there is none. number > 0 */
static struct leaf *leaf_of(const struct block_table *t, uint32_t number)
{
    return number <= t->leaves_room ? t->leaves[number - 1] : NULL;
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

void block_table_init(struct block_table *t, int64_t length, int64_t block_bytes)
{
    CHECK(block_bytes > 0 && block_bytes <= FILLED_MAX);
    *t = (struct block_table){.length = length,
                              .block_bytes = (uint32_t)block_bytes,
                              .has_more = length == LENGTH_UNKNOWN || length > block_bytes};
    block_init(&t->first, BLOCK_FIRST);
}

/* The one claim of block 0: what an object of one block needs, and nothing is made for it. Never
 * written. */
static struct claims first_claimed = {.count = 1, .room = 1, .v = {{0, 1}}};

static void claims_free(struct block_table *t)
{
    if (t->claims != &first_claimed)
        mem_free(t->claims);
    t->claims = NULL;
}

size_t block_table_finish(struct block_table *t)
{
    CHECK(t->held == 0);
    size_t back = directory_bytes(t->leaves_room);
    mem_free(t->leaves);
    claims_free(t);
    t->leaves = NULL;
    t->leaves_room = 0;
    return back;
}

int64_t block_table_count(const struct block_table *t)
{
    if (t->length == LENGTH_UNKNOWN)
        return INT64_MAX;
    return t->length / t->block_bytes + (t->length % t->block_bytes != 0);
}

size_t block_table_expected(const struct block_table *t, int64_t index)
{
    int64_t left = t->length - index * t->block_bytes;
    bool is_short = t->length != LENGTH_UNKNOWN && left < t->block_bytes;
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
    for (uint32_t number = leaf_number(from); number <= t->leaves_room; number++) {
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
    uint32_t room = t->leaves_room > 0 ? t->leaves_room : 1;
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
    if (number > t->leaves_room)
        cost += directory_bytes(directory_room(t, number)) - directory_bytes(t->leaves_room);
    return cost;
}

static bool directory_grow(struct block_table *t, uint32_t number)
{
    uint32_t room = directory_room(t, number);
    struct leaf **grown = mem_try_grow(t->leaves, room * sizeof(struct leaf *));
    if (grown == NULL)
        return false;
    for (uint32_t i = t->leaves_room; i < room; i++)
        grown[i] = NULL;
    t->leaves = grown;
    t->leaves_room = room;
    return true;
}

/* Leaf `number`, which there is not, in its place; NULL: no memory. */
static struct leaf *leaf_make(struct block_table *t, uint32_t number)
{
    uint16_t count = leaf_count(t, number);
    struct leaf *leaf = mem_try_alloc(leaf_bytes(count));
    if (leaf == NULL || (number > t->leaves_room && !directory_grow(t, number))) {
        mem_free(leaf);
        return NULL;
    }
    leaf_init(leaf, (struct leaf){.home = t, .number = number, .count = count});
    t->leaves[number - 1] = leaf;
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
    t->held++;
    return b;
}

size_t block_table_close(struct block_table *t, struct block *b)
{
    CHECK(b->state != BLOCK_ABSENT && !block_link_is_in(&b->link));
    b->state = BLOCK_ABSENT;
    t->held--;
    if (b->slot == BLOCK_FIRST)
        return 0;
    struct leaf *leaf = block_leaf(b);
    if (--leaf->held > 0)
        return 0;
    size_t back = leaf_bytes(leaf->count) + ALLOCATION_COST;
    t->leaves[leaf->number - 1] = NULL;
    mem_free(leaf);
    return back;
}

static uint32_t claims_count(const struct block_table *t)
{
    return t->claims != NULL ? t->claims->count : 0;
}

bool block_table_has_claims(const struct block_table *t)
{
    return t->claims != NULL;
}

/* The first run that ends after index, or their count. */
static uint32_t claim_after(const struct block_table *t, int64_t index)
{
    uint32_t i = 0, count = claims_count(t);
    while (i < count && t->claims->v[i].end <= index)
        i++;
    return i;
}

bool block_table_is_claimed(const struct block_table *t, int64_t index)
{
    uint32_t i = claim_after(t, index);
    return i < claims_count(t) && t->claims->v[i].first <= index;
}

static void claim_insert(struct block_table *t, uint32_t at, struct claim c)
{
    struct claims *cs = t->claims;
    uint32_t count = claims_count(t);
    if (count == 0 && c.first == 0 && c.end == 1) {
        t->claims = &first_claimed;
        return;
    }
    if (cs == NULL || count == cs->room) {
        uint32_t room = count > 0 ? 2 * count : 1;
        bool is_heaped = cs != &first_claimed;
        cs = mem_grow(is_heaped ? cs : NULL, 1, sizeof(*cs) + room * sizeof(c));
        if (!is_heaped)
            cs->v[0] = first_claimed.v[0];
        cs->room = room;
        t->claims = cs;
    }
    memmove(&cs->v[at + 1], &cs->v[at], (count - at) * sizeof(c));
    cs->v[at] = c;
    cs->count = count + 1;
}

static void claim_remove(struct block_table *t, uint32_t at)
{
    struct claims *cs = t->claims;
    if (cs->count == 1) {
        claims_free(t);
        return;
    }
    cs->count--;
    memmove(&cs->v[at], &cs->v[at + 1], (cs->count - at) * sizeof(cs->v[0]));
}

int64_t block_table_claim(struct block_table *t, int64_t first, int64_t max, int64_t *out)
{
    int64_t limit = max > INT64_MAX - first ? INT64_MAX : first + max;
    if (limit > block_table_count(t))
        limit = block_table_count(t);
    if (t->is_abandoned)
        return 0;
    uint32_t run = claim_after(t, first), runs = claims_count(t);
    while (first < limit) {
        if (run < runs && t->claims->v[run].first <= first) {
            first = t->claims->v[run++].end;
        } else if (block_table_find(t, first) != NULL) {
            first++;
        } else {
            break;
        }
    }
    if (first >= limit)
        return 0;
    if (run < runs && t->claims->v[run].first < limit)
        limit = t->claims->v[run].first;
    struct claim c = {.first = first, .end = block_table_next(t, first, limit)};
    claim_insert(t, run, c);
    *out = c.first;
    return c.end - c.first;
}

void block_table_unclaim(struct block_table *t, int64_t first, int64_t end)
{
    uint32_t i = claim_after(t, first);
    while (i < claims_count(t) && t->claims->v[i].first < end) {
        struct claim *c = &t->claims->v[i];
        if (c->first < first && c->end > end) {
            struct claim rest = {.first = end, .end = c->end};
            c->end = first;
            claim_insert(t, i + 1, rest);
            return;
        }
        if (c->first < first) {
            c->end = first;
            i++;
        } else if (c->end > end) {
            c->first = end;
            i++;
        } else {
            claim_remove(t, i);
        }
    }
}

int block_table_look(const struct block_table *t, int64_t pos, struct block **out)
{
    if (t->length != LENGTH_UNKNOWN && pos >= t->length)
        return 0;
    int64_t index = pos / t->block_bytes;
    struct block *b = block_table_find(t, index);
    if (b != NULL && (int64_t)b->filled > pos - index * t->block_bytes) {
        *out = b;
        return b->state == BLOCK_STORED ? ERR_BUSY : 1;
    }
    if (b != NULL && b->state == BLOCK_FILLING)
        return (b->flags & BLOCK_LATE) != 0 ? ERR_BUSY : ERR_AGAIN;
    if (t->is_abandoned)
        return ERR_CHANGED;
    /* A last block that is complete, its generation's length about to be told. */
    return b != NULL || block_table_is_claimed(t, index) ? ERR_AGAIN : ERR_NOT_FOUND;
}
