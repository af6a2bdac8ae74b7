/* SPDX-License-Identifier: MIT */

/* One version of a representation: its table, claims, views, end. Who waits, reads and feeds is
 * audience.c's, writing is block_write.c's, leaving is evict.c's.
 * Threads: any; everything under the generation's lock unless it says otherwise. */
#include "edge/store/generation_inner.h"

#include "edge/store/heads.h"
#include "edge/store/object.h"
#include "edge/store/store.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/http/message.h"

#define BLOCKS_AT_ONCE   64 /* given back in one step */
#define READ_AHEAD_BYTES ((int64_t)8 << 20)
#define READ_AHEAD_SHARE 64 /* of memory, for one reader at most */

static size_t more_bytes(bool has_more)
{
    return has_more ? sizeof(struct generation_more) : 0;
}

struct generation *generation_create(struct store *st, int64_t length, int64_t block_bytes)
{
    CHECK(block_bytes > 0 && block_bytes <= st->block_max_bytes);
    CHECK(length >= 0 || length == LENGTH_UNKNOWN);
    size_t more = more_bytes(block_table_has_more(length, block_bytes));
    if (!heads_charge(st, GENERATION_COST + more))
        return NULL;
    struct generation *g = mem_zalloc(sizeof(*g) + more);
    g->magic = GENERATION_MAGIC;
    g->refs = 1;
    address_set(&g->store, st);
    g->roster.id = atomic_fetch_add_explicit(&st->generation_id, 1, memory_order_relaxed) + 1;
    g->roster.disk = DISK_NONE;
    g->disk_object = SEGMENT_NONE;
    block_table_init(&g->table, length, block_bytes);
    return g;
}

void generation_ref(struct generation *g)
{
    CHECK_OBJ(g, GENERATION_MAGIC);
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
}

bool generation_try_ref(struct generation *g)
{
    CHECK_OBJ(g, GENERATION_MAGIC);
    uint32_t refs = atomic_load_explicit(&g->refs, memory_order_relaxed);
    do {
        if (refs == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&g->refs, &refs, refs + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

bool generation_take(struct roster_link *l)
{
    return generation_try_ref(CONTAINER_OF(l, struct generation, roster));
}

struct generation *generation_known(struct store *st, uint64_t id)
{
    struct roster_link *l = roster_find(&st->roster, id);
    return l != NULL ? CONTAINER_OF(l, struct generation, roster) : NULL;
}

void generation_close_locked(struct generation *g, struct block *b)
{
    struct segments *ss = &generation_store(g)->segments;
    bool was_present = b->state == BLOCK_PRESENT;
    if (b->segment != BLOCK_NOWHERE)
        segments_detach(ss, &ss->v[b->segment], b);
    if (b->disk_segment != SEGMENT_NONE)
        generation_on_disk_locked(g, -1);
    size_t back = block_table_close(&g->table, b);
    if (was_present)
        atomic_fetch_sub_explicit(&generation_store(g)->blocks, 1, memory_order_relaxed);
    heads_uncharge(generation_store(g), back);
}

void generation_on_disk_locked(struct generation *g, int by)
{
    struct generation_more *more = generation_more(g);
    if (more != NULL)
        more->disk_held += (uint32_t)by;
    atomic_fetch_add_explicit(&generation_store(g)->disk_blocks, by, memory_order_relaxed);
}

uint32_t generation_disk_held_locked(const struct generation *g)
{
    const struct generation_more *more = generation_more(g);
    const struct block *only = &g->table.first;
    if (more != NULL)
        return more->disk_held;
    return only->state != BLOCK_ABSENT && only->disk_segment != SEGMENT_NONE;
}

void generation_rest_locked(struct generation *g, struct block *b)
{
    CHECK(b->state == BLOCK_PRESENT && b->disk_segment != SEGMENT_NONE);
    b->state = BLOCK_STORED;
    b->segment = BLOCK_NOWHERE;
    block_set_flags(b, b->flags & ~BLOCK_LOADED);
    atomic_fetch_sub_explicit(&generation_store(g)->blocks, 1, memory_order_relaxed);
}

uint64_t generation_block_name(const struct generation *g, int64_t index)
{
    uint64_t x = generation_key(g) ^ ((uint64_t)index + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

struct odds_block generation_block(const struct generation *g, int64_t index, uint32_t bytes)
{
    int64_t length = generation_length(g), each = g->table.block_bytes;
    int64_t count = length == LENGTH_UNKNOWN ? 0 : length / each + (length % each != 0);
    return (struct odds_block){.name = generation_block_name(g, index),
                               .object = generation_block_name(g, -1),
                               .bytes = bytes,
                               .index = index < UINT32_MAX ? (uint32_t)index : UINT32_MAX,
                               .count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX};
}

void generation_describe(const struct block *b, struct odds_block *out)
{
    *out = generation_block(block_generation(b), block_index(b), b->filled);
}

void generation_key_set(struct generation *g, const struct hash128 *key)
{
    uint64_t before = atomic_exchange_explicit(&g->key_hash, key->lo, memory_order_relaxed);
    CHECK(before == 0 || before == key->lo); /* the index finds objects by it */
}

/* Whether more than one asked: the index found its object for somebody, or two are reading. */
static bool is_asked_again_locked(const struct generation *g)
{
    const struct list *readers = &audience_of(&g->audience)->readers;
    return object_uses(generation_owner(g)) > 0 || readers->next != readers->prev;
}

static bool is_admitted_locked(struct generation *g, const struct block *b)
{
    const struct store *st = generation_store(g);
    const struct segments *ss = &st->segments;
    switch ((enum store_admission)st->disk_admission) {
    case STORE_ADMIT_PROVEN:
        if (st->disk_has_room(st, g))
            return true;
        if (ss->policy->is_proven != NULL)
            return ss->policy->is_proven(&ss->v[b->segment], b);
        __attribute__((fallthrough));
    case STORE_ADMIT_USED:
        g->is_wanted = g->is_wanted || is_asked_again_locked(g);
        return g->is_wanted;
    case STORE_ADMIT_ALL:
        break;
    }
    return true;
}

bool generation_wants_disk_locked(struct generation *g, const struct block *b)
{
    if (generation_store(g)->disk_keep == NULL || b->disk_segment != SEGMENT_NONE ||
        (b->flags & BLOCK_QUEUED) || generation_owner(g) == NULL ||
        block_table_length(&g->table) == LENGTH_UNKNOWN || block_table_is_abandoned(&g->table))
        return false;
    return generation_is_pinned(g) || is_admitted_locked(g, b);
}

/* Nobody else can reach it any more, but eviction through its blocks, and the disks' threads
 * through the roster: they fail generation_try_ref and leave it alone, apart from taking blocks out
 * of a segment. False: some blocks are left. */
static bool generation_free(struct generation *g)
{
    struct store *st = generation_store(g);
    struct generation_more *more = generation_more(g);
    if (g->roster.disk != DISK_NONE)
        roster_remove(&st->roster, &g->roster);
    g->roster.disk = DISK_NONE;
    for (int n = 0; block_table_held(&g->table) > 0 && n < BLOCKS_AT_ONCE; n++) {
        int64_t index = block_table_next(&g->table, more != NULL ? more->given_back : 0, INT64_MAX);
        struct block *b = block_table_find(&g->table, index);
        CHECK(b->state == BLOCK_PRESENT || b->state == BLOCK_STORED);
        generation_close_locked(g, b);
        if (more != NULL)
            more->given_back = index;
    }
    if (block_table_held(&g->table) > 0)
        return false;
    size_t back = GENERATION_COST + more_bytes(more != NULL) + block_table_finish(&g->table);
    g->magic = 0;
    mem_free(g);
    heads_uncharge(st, back);
    return true;
}

/* Whoever lets go of a huge generation should not wait until all of it is given back. */
static void leave_behind(struct generation *g)
{
    struct store *st = generation_store(g);
    pthread_mutex_lock(&st->remains_lock);
    address_set(&g->owner, st->remains);
    st->remains = g;
    pthread_mutex_unlock(&st->remains_lock);
}

bool generation_give_back(struct store *st)
{
    if (atomic_load_explicit(&st->remains, memory_order_relaxed) == NULL)
        return false;
    pthread_mutex_lock(&st->remains_lock);
    struct generation *g = st->remains;
    if (g != NULL)
        st->remains = address_get(&g->owner);
    pthread_mutex_unlock(&st->remains_lock);
    if (g != NULL && !generation_free(g))
        leave_behind(g);
    return g != NULL;
}

void generation_unref(struct generation **pg)
{
    struct generation *g = *pg;
    *pg = NULL;
    if (g == NULL)
        return;
    CHECK_OBJ(g, GENERATION_MAGIC);
    uint32_t before = atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    CHECK(audience_is_empty(&g->audience) && generation_owner(g) == NULL);
    if (!generation_free(g))
        leave_behind(g);
}

int64_t generation_length(const struct generation *g)
{
    return block_table_length(&g->table);
}

uint64_t generation_id(const struct generation *g)
{
    return g->roster.id;
}

int64_t generation_block_bytes(const struct generation *g)
{
    return g->table.block_bytes;
}

void generation_end(struct generation *g, int64_t length)
{
    CHECK(length >= 0);
    generation_lock(g);
    block_table_end(&g->table, length);
    block_table_unclaim(&g->table, block_table_count(&g->table), INT64_MAX);
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
}

void generation_abandon(struct generation *g)
{
    generation_lock(g);
    block_table_abandon(&g->table);
    block_table_unclaim(&g->table, 0, INT64_MAX);
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
}

bool generation_is_abandoned(const struct generation *g)
{
    return block_table_is_abandoned(&g->table);
}

/* A use by somebody who comes upon it, and who reads it at all, for who decides what stays. */
static void tell_policy_locked(struct generation *g, struct block *b, bool is_use)
{
    struct segments *ss = &generation_store(g)->segments;
    if (is_use || b->state == BLOCK_PRESENT)
        ss->policy->read(&ss->v[b->segment], b, is_use);
    bool is_counted = is_use && b->disk_segment != SEGMENT_NONE;
    if (is_counted && (b->flags & BLOCK_READ_ALL) != BLOCK_READ_ALL)
        block_set_flags(b, b->flags + BLOCK_READ_ONE);
    if (b->flags & BLOCK_LOADED)
        block_set_flags(b, b->flags & ~BLOCK_LOADED);
}

/* The block at pos is PRESENT or FILLING as far as pos. */
static void view_locked(struct generation *g, int64_t pos, const struct block *b, bool is_use,
                        struct block_view *out)
{
    struct segments *ss = &generation_store(g)->segments;
    struct segment *s = &ss->v[b->segment];
    size_t skip = (size_t)(pos % g->table.block_bytes);
    size_t at = segments_offset(ss, b) + skip;
    segment_ref(s);
    if (is_use && (b->flags & BLOCK_LOADED) == 0)
        segment_lend(s); /* not only whom it was loaded for */
    *out = (struct block_view){.mem = segment_mem(s) + at,
                               .fd = segment_is_own(s) ? -1 : ss->medium.fd,
                               .from = (int64_t)(segment_offset(s) + at),
                               .len = b->filled - skip,
                               .segment = s,
                               .is_from_disk = (b->flags & BLOCK_LOADED) != 0,
                               .mark = (b->flags & BLOCK_MARK_ALL) / BLOCK_MARK_ONE};
}

static int view(struct generation *g, int64_t pos, bool is_use, struct block_view *out)
{
    struct block *b;
    bool is_for_disk = false;
    struct store *st = generation_store(g);
    out->is_from_disk = false;
    generation_lock(g);
    int r = block_table_look(&g->table, pos, &b);
    if (r == 1) {
        view_locked(g, pos, b, is_use, out);
        tell_policy_locked(g, b, is_use);
        is_for_disk = b->state == BLOCK_PRESENT && generation_wants_disk_locked(g, b);
    } else if (r == ERR_AGAIN) {
        b = block_table_find(&g->table, pos / g->table.block_bytes);
        out->is_from_disk = b != NULL && b->disk_segment != SEGMENT_NONE;
    }
    generation_unlock(g);
    if (is_for_disk)
        st->disk_keep(st, g, pos / g->table.block_bytes);
    if (r == ERR_BUSY) {
        r = st->disk_load(st, g, pos / g->table.block_bytes);
        out->is_from_disk = r == ERR_AGAIN;
    }
    return r;
}

int generation_view(struct generation *g, int64_t pos, struct block_view *out)
{
    return view(g, pos, false, out);
}

int generation_use(struct generation *g, int64_t pos, struct block_view *out)
{
    return view(g, pos, true, out);
}

void block_view_release(struct block_view *v)
{
    struct segment *s = v->segment;
    v->segment = NULL;
    segment_unref(s);
}

int generation_wait(struct generation *g, struct block_waiter *w)
{
    generation_lock(g);
    int r = audience_wait(&g->audience, &g->table, w);
    generation_unlock(g);
    return r;
}

bool generation_wait_cancel(struct generation *g, struct block_waiter *w)
{
    generation_lock(g);
    bool is_quiet = audience_give_up(&g->audience, w);
    generation_unlock(g);
    return is_quiet;
}

int64_t generation_claim(struct generation *g, int64_t first_block, int64_t max_blocks,
                         int64_t *first)
{
    generation_lock(g);
    int64_t count = block_table_claim(&g->table, first_block, max_blocks, first);
    generation_unlock(g);
    return count;
}

void generation_release(struct generation *g, int64_t first, int64_t count)
{
    int64_t end = count > INT64_MAX - first ? INT64_MAX : first + count;
    generation_lock(g);
    block_table_unclaim(&g->table, first, end);
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
}

int64_t generation_present(struct generation *g, int64_t first, int64_t count)
{
    int64_t end = count > INT64_MAX - first ? INT64_MAX : first + count, present = 0;
    generation_lock(g);
    for (int64_t i = block_table_next(&g->table, first, end); i < end;
         i = block_table_next(&g->table, i + 1, end))
        present += block_table_find(&g->table, i)->state != BLOCK_FILLING;
    generation_unlock(g);
    return present;
}

int64_t generation_next_held(struct generation *g, int64_t first)
{
    generation_lock(g);
    int64_t next = block_table_next(&g->table, first, INT64_MAX);
    generation_unlock(g);
    return next;
}

int64_t generation_want(struct generation *g, int64_t first, int64_t count, int64_t most,
                        uint32_t *wants)
{
    struct generation_more *more = generation_more(g);
    struct stride only = {0}, *s = more != NULL ? &more->stride : &only;
    int64_t room = generation_store(g)->memory_bytes / READ_AHEAD_SHARE / g->table.block_bytes;
    generation_lock(g);
    int64_t ahead = stride_want(s, first, count, most < room ? most : room);
    *wants = s->wants;
    generation_unlock(g);
    return ahead;
}

bool generation_lacks(struct generation *g, int64_t first, int64_t count)
{
    generation_lock(g);
    int64_t i = first, end = first + count;
    bool is_filled = !list_is_empty(&audience_of(&g->audience)->fills) ||
                     block_table_has_claims(&g->table) ||
                     block_table_held(&g->table) == block_table_count(&g->table);
    while (!is_filled && i < end && block_table_next(&g->table, i, end) == i)
        i++;
    generation_unlock(g);
    return !is_filled && i < end;
}

static bool is_present(const struct block_table *t, int64_t index)
{
    const struct block *b = block_table_find(t, index);
    return b != NULL && (b->state == BLOCK_PRESENT || b->state == BLOCK_STORED);
}

int64_t generation_run(struct generation *g, int64_t from, int64_t *first)
{
    generation_lock(g);
    int64_t i = block_table_next(&g->table, from, INT64_MAX), count = 0;
    while (i != INT64_MAX && !is_present(&g->table, i))
        i = block_table_next(&g->table, i + 1, INT64_MAX);
    while (i != INT64_MAX && is_present(&g->table, i + count))
        count++;
    generation_unlock(g);
    *first = i;
    return count;
}

/* Blocks that a reader will want soon, and only those, come from the disk before it asks. */
static void read_ahead(struct generation *g, const struct generation_reader *r)
{
    struct store *st = generation_store(g);
    int64_t each = g->table.block_bytes;
    int64_t ahead = st->memory_bytes / READ_AHEAD_SHARE;
    if (ahead > READ_AHEAD_BYTES)
        ahead = READ_AHEAD_BYTES;
    if (ahead < 2 * each)
        ahead = 2 * each;
    int64_t last = r->last - r->pos > ahead ? r->pos + ahead : r->last;
    st->disk_read_ahead(st, g, r->pos / each, last / each + 1);
}

void generation_reader_attach(struct generation *g, struct generation_reader *r)
{
    generation_lock(g);
    audience_read(&g->audience, &r->link);
    audience_tell_fills(&g->audience);
    bool has_disk = generation_disk_held_locked(g) > 0;
    generation_unlock(g);
    if (has_disk)
        read_ahead(g, r);
}

/* Within a block nobody is told: a fill that pauses is a block ahead, or its reader waits. */
void generation_reader_move(struct generation *g, struct generation_reader *r, int64_t pos)
{
    generation_lock(g);
    bool is_elsewhere = pos / g->table.block_bytes != r->pos / g->table.block_bytes;
    r->pos = pos;
    if (is_elsewhere)
        audience_tell_fills(&g->audience);
    bool has_disk = generation_disk_held_locked(g) > 0;
    generation_unlock(g);
    if (is_elsewhere && has_disk)
        read_ahead(g, r);
}

void generation_reader_detach(struct generation *g, struct generation_reader *r)
{
    generation_lock(g);
    audience_leave(&g->audience, &r->link);
    audience_tell_fills(&g->audience);
    generation_unlock(g);
}

bool generation_has_client(struct generation *g)
{
    generation_lock(g);
    bool has = audience_has_client(&g->audience);
    generation_unlock(g);
    return has;
}

int generation_readers(struct generation *g, int64_t from, int64_t to, int64_t *furthest)
{
    generation_lock(g);
    int count = audience_readers(&g->audience, from, to, furthest);
    generation_unlock(g);
    return count;
}

void generation_owner_set(struct generation *g, struct object *o)
{
    generation_lock(g);
    address_set(&g->owner, o);
    generation_unlock(g);
}

bool generation_has_owner(struct generation *g)
{
    generation_lock(g);
    bool has = generation_owner(g) != NULL;
    generation_unlock(g);
    return has;
}

void generation_owner_clear(struct generation *g, const struct object *o)
{
    generation_lock(g);
    if (generation_owner(g) == o)
        address_set(&g->owner, NULL);
    generation_unlock(g);
}

bool generation_is_busy_locked(const struct generation *g)
{
    return block_table_has_claims(&g->table) || !audience_is_empty(&g->audience);
}

bool generation_is_busy(struct generation *g)
{
    generation_lock(g);
    bool is_busy = generation_is_busy_locked(g);
    generation_unlock(g);
    return is_busy;
}

/* One block: 1 when it did not verify and is gone, 0 otherwise. */
static uint64_t scrub_block(struct generation *g, int64_t index)
{
    struct block_view v;
    if (generation_view(g, index * g->table.block_bytes, &v) != 1)
        return 0;
    uint64_t sum = hash64(v.mem, v.len), gone = 0;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, index);
    if (b != NULL && b->state == BLOCK_PRESENT && b->filled == v.len && b->checksum != sum) {
        generation_close_locked(g, b);
        gone = 1;
    }
    generation_unlock(g);
    block_view_release(&v);
    return gone;
}

uint64_t generation_scrub(struct generation *g)
{
    uint64_t gone = 0;
    int64_t i = -1;
    do {
        generation_lock(g);
        i = block_table_next(&g->table, i + 1, INT64_MAX);
        generation_unlock(g);
        if (i != INT64_MAX)
            gone += scrub_block(g, i);
    } while (i != INT64_MAX);
    return gone;
}
