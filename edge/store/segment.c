/* SPDX-License-Identifier: MIT */

/* Gives out room, takes it back, and keeps the account. What lies in a record, and who may leave,
 * is not known here. Threads: any. */
#include "edge/store/segment.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <string.h>

#define PAGE_BYTES   4096u
#define RECORD_ALIGN 64u
#define PLACES       65536u /* where a record may begin in a segment: 16 bits (block_table.h) */
#define OPEN_MAX     4u
#define SPARE_SHARE  64  /* of memory, kept as pages for the next block, and no more .. */
#define SPARE_MOST   64u /* segments than these */

static uint32_t page_up(size_t n)
{
    return (uint32_t)((n + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
}

static uint32_t record_up(const struct segments *ss, size_t n)
{
    return (uint32_t)((n + ss->align - 1) / ss->align * ss->align);
}

int segments_init(struct segments *ss, const struct evict_sizes *sizes,
                  const struct evict_policy *policy, bool is_hollow)
{
    int64_t cap_bytes = sizes->memory_bytes, segment_bytes = sizes->segment_bytes;
    /* Twice the cap: segments that are not full to the end must not run out before the cap does. */
    uint32_t count = (uint32_t)(2 * cap_bytes / segment_bytes) + EVICT_ENTRIES * OPEN_MAX;
    *ss = (struct segments){.policy = policy,
                            .count = count,
                            .cap_bytes = cap_bytes,
                            .segment_bytes = sizes->segment_bytes,
                            .medium.fd = -1};
    CHECK(segment_bytes % PAGE_BYTES == 0 && count < BLOCK_NOWHERE);
    ss->align = RECORD_ALIGN;
    while (segment_bytes / ss->align > PLACES)
        ss->align *= 2;
    ss->carry_bytes = segment_bytes < cap_bytes / 16 ? segment_bytes : cap_bytes / 16;
    uint32_t spare = (uint32_t)(cap_bytes / SPARE_SHARE / segment_bytes);
    if (!is_hollow)
        ss->spare_max = spare < SPARE_MOST ? spare : SPARE_MOST;
    pthread_mutex_init(&ss->lock, NULL);
    list_init(&ss->free);
    list_init(&ss->spare);
    for (size_t i = 0; i < EVICT_ENTRIES; i++)
        list_init(&ss->open[i]);
    size_t weight = evict_queues_init(&ss->queues, policy, sizes) + count * sizeof(*ss->v);
    ss->v = mem_zarray(count, sizeof(*ss->v));
    for (uint32_t i = 0; i < count; i++) {
        struct segment *s = &ss->v[i];
        s->home = ss;
        list_push_back(&ss->free, &s->link);
    }
    ss->free_count = count;
    if (!is_hollow && !segments_charge(ss, weight, false))
        return ERR_NO_SPACE;
    return medium_memory_init(&ss->medium, (size_t)count * ss->segment_bytes, is_hollow);
}

void segments_finish(struct segments *ss)
{
    if (ss->v == NULL)
        return;
    CHECK(ss->free_count == ss->count);
    medium_memory_finish(&ss->medium);
    evict_queues_finish(&ss->queues);
    pthread_mutex_destroy(&ss->lock);
    mem_free(ss->v);
    ss->v = NULL;
}

static int64_t limit_of(const struct segments *ss, bool may_carry)
{
    return ss->cap_bytes - (int64_t)ss->spare_max * ss->segment_bytes -
           (may_carry ? 0 : ss->carry_bytes);
}

static bool has_room(const struct segments *ss, size_t bytes, bool may_carry)
{
    int64_t used = atomic_load_explicit(&ss->used_bytes, memory_order_relaxed);
    return used + (int64_t)bytes <= limit_of(ss, may_carry);
}

bool segments_have_room(const struct segments *ss, size_t bytes)
{
    return has_room(ss, bytes, false);
}

bool segments_charge(struct segments *ss, size_t bytes, bool may_carry)
{
    int64_t limit = limit_of(ss, may_carry);
    int64_t used = atomic_load_explicit(&ss->used_bytes, memory_order_relaxed);
    do {
        if (used + (int64_t)bytes > limit)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&ss->used_bytes, &used, used + (int64_t)bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void segments_uncharge(struct segments *ss, size_t bytes)
{
    int64_t before =
        atomic_fetch_sub_explicit(&ss->used_bytes, (int64_t)bytes, memory_order_relaxed);
    CHECK(before >= (int64_t)bytes);
}

/* The open segment of the queue that `size` fills best, or NULL. */
static struct segment *open_best_locked(struct segments *ss, uint8_t queue, uint32_t size)
{
    struct segment *best = NULL;
    LIST_EACH(l, &ss->open[queue])
    {
        struct segment *s = LIST_THING(l, struct segment, link);
        if (s->bump + size <= ss->segment_bytes && (best == NULL || s->bump > best->bump))
            best = s;
    }
    return best;
}

/* The account of a queue has the segments that are OPEN for it too. */
static void leave_open_locked(struct segments *ss, struct segment *s)
{
    list_remove(&s->link);
    ss->open_count[s->entry]--;
    ss->queues.bytes[s->entry] -= s->bump;
}

static void seal_locked(struct segments *ss, struct segment *s)
{
    leave_open_locked(ss, s);
    s->state = SEGMENT_SEALED;
    ss->policy->sealed(&ss->queues, s);
}

/* Where every open one is too full for what came: the fullest takes no more. */
static void seal_fullest_locked(struct segments *ss, uint8_t queue)
{
    struct segment *fullest = NULL;
    LIST_EACH(l, &ss->open[queue])
    {
        struct segment *s = LIST_THING(l, struct segment, link);
        if (fullest == NULL || s->bump > fullest->bump)
            fullest = s;
    }
    CHECK(fullest != NULL);
    seal_locked(ss, fullest);
}

static void enlist_open_locked(struct segments *ss, struct segment *s, uint8_t queue)
{
    list_push_back(&ss->open[queue], &s->link);
    ss->open_count[queue]++;
    ss->queues.bytes[queue] += s->bump;
    s->state = SEGMENT_OPEN;
    s->entry = queue;
    atomic_store_explicit(&s->queue, queue, memory_order_relaxed);
}

/* One that is free, of the sort that suits; NULL: there is none. */
static struct segment *free_one(const struct segments *ss, bool is_spare)
{
    const struct list *first = is_spare ? &ss->spare : &ss->free;
    if (list_is_empty(first))
        first = is_spare ? &ss->free : &ss->spare;
    return list_is_empty(first) ? NULL : LIST_THING(first->next, struct segment, link);
}

/* Whether it is to be a segment of one reader's own. */
static bool is_own(const struct segments *ss, const struct record_wanted *want, uint32_t size)
{
    return want->is_bare && size == ss->segment_bytes && ss->spare_max > 0;
}

static bool has_pages(const struct segment *s)
{
    return atomic_load_explicit(&s->has_pages, memory_order_relaxed);
}

static void open_locked(struct segments *ss, struct segment *s, uint8_t queue)
{
    list_remove(&s->link);
    ss->free_count--;
    ss->spare_count -= has_pages(s);
    s->bump = 0;
    enlist_open_locked(ss, s, queue);
    atomic_store_explicit(&s->refs, 1, memory_order_relaxed);
    atomic_store_explicit(&s->used_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&s->round, 1, memory_order_relaxed);
}

/* A segment with room for size, charged for it; NULL: the budget or the segments are at an end. */
static struct segment *room_locked(struct segments *ss, const struct record_wanted *want,
                                   uint32_t size)
{
    bool is_whole = size == ss->segment_bytes; /* no open one has room for that */
    struct segment *s = is_whole ? NULL : open_best_locked(ss, want->queue, size);
    bool is_new = s == NULL, own = is_own(ss, want, size);
    if (is_new) {
        s = free_one(ss, own);
        if (s == NULL)
            return NULL;
    }
    uint32_t before = is_new ? 0 : s->bump;
    if (!segments_charge(ss, page_up(before + size) - page_up(before), want->may_carry))
        return NULL;
    if (is_new) {
        if (ss->open_count[want->queue] >= OPEN_MAX && size < ss->segment_bytes)
            seal_fullest_locked(ss, want->queue);
        open_locked(ss, s, want->queue);
        atomic_store_explicit(&s->is_own, own, memory_order_relaxed);
        if (has_pages(s) && !own) { /* the last free ones: the account goes by the pages in use */
            medium_memory_drop(&ss->medium, segment_offset(s), ss->segment_bytes);
            atomic_store_explicit(&s->has_pages, false, memory_order_relaxed);
        }
    }
    return s;
}

int segments_reserve(struct segments *ss, const struct record_wanted *want, struct block *b,
                     struct place *out)
{
    uint32_t size = record_up(ss, want->bytes);
    CHECK(want->bytes > 0 && size <= ss->segment_bytes && want->queue < EVICT_ENTRIES);
    if (size == ss->segment_bytes && !has_room(ss, size, want->may_carry))
        return ERR_NO_SPACE; /* mostly so where all is full: no lock is needed to see it */
    pthread_mutex_lock(&ss->lock);
    struct segment *s = room_locked(ss, want, size);
    if (s == NULL) {
        pthread_mutex_unlock(&ss->lock);
        return ERR_NO_SPACE;
    }
    *out = (struct place){
        .segment = s, .offset = s->bump, .bytes = (uint32_t)want->bytes, .has_pages = has_pages(s)};
    s->bump += size;
    ss->queues.bytes[s->entry] += size;
    block_list_push_back(&s->blocks, &b->link);
    s->live++;
    segment_ref(s);
    if (s->bump == ss->segment_bytes)
        seal_locked(ss, s);
    pthread_mutex_unlock(&ss->lock);

    /* The page that it shares with the record before it is there already; that which it shares with
     * the next one must be, however it is written itself. */
    uint32_t end = out->offset + size, from = page_up(out->offset), to = page_up(end);
    if (want->is_bare && from < to)
        from = page_up(end) > end ? to - PAGE_BYTES : to;
    if (from == to || medium_memory_prepare(&ss->medium, segment_offset(s) + from, to - from) == 0)
        return 0;
    segments_detach(ss, s, b);
    segment_unref(s);
    return ERR_NO_MEMORY;
}

void segments_place(const struct segments *ss, struct block *b, const struct place *p)
{
    b->segment = segment_number(p->segment) & BLOCK_NOWHERE;
    b->place = (uint16_t)(p->offset / ss->align);
}

/* Out of its queue and into it again, or open once more: the account goes by its bytes. */
static void shorten_locked(struct segments *ss, struct segment *s, uint32_t end)
{
    if (s->state != SEGMENT_SEALED) {
        ss->queues.bytes[s->entry] -= s->state == SEGMENT_OPEN ? s->bump - end : 0;
        s->bump = end;
        return;
    }
    evict_queue_remove(&ss->queues, s);
    s->bump = end;
    if (ss->open_count[s->entry] < OPEN_MAX)
        enlist_open_locked(ss, s, s->entry);
    else
        ss->policy->sealed(&ss->queues, s);
}

void segments_trim(struct segments *ss, const struct place *p, size_t kept)
{
    struct segment *s = p->segment;
    pthread_mutex_lock(&ss->lock);
    uint32_t end = p->offset + record_up(ss, kept), had = page_up(s->bump);
    bool is_last = s->bump == p->offset + record_up(ss, p->bytes) && end < s->bump;
    if (is_last) {
        shorten_locked(ss, s, end);
        atomic_store_explicit(&s->has_pages, false, memory_order_relaxed);
    }
    /* Under the lock: nobody may be given this room again before its pages have gone. */
    if (is_last && page_up(end) < had)
        medium_memory_drop(&ss->medium, segment_offset(s) + page_up(end), had - page_up(end));
    pthread_mutex_unlock(&ss->lock);
    if (is_last)
        segments_uncharge(ss, had - page_up(end));
}

/* Out of the open ones or the policy's queues. The medium's reference is the caller's from here. */
static void condemn_locked(struct segments *ss, struct segment *s)
{
    if (s->state == SEGMENT_SEALED) {
        evict_queue_remove(&ss->queues, s);
    } else {
        leave_open_locked(ss, s);
    }
    s->state = SEGMENT_CONDEMNED;
}

void segments_detach(struct segments *ss, struct segment *s, struct block *b)
{
    bool is_empty = false;
    pthread_mutex_lock(&ss->lock);
    if (block_link_is_in(&b->link)) {
        block_list_remove(&s->blocks, &b->link);
        s->live--;
        is_empty = s->live == 0 && s->state != SEGMENT_CONDEMNED;
    }
    if (is_empty)
        condemn_locked(ss, s);
    pthread_mutex_unlock(&ss->lock);
    if (is_empty)
        segment_unref(s);
}

void segments_replace(struct segments *ss, const struct place *p, struct block *stand_in,
                      struct block *b)
{
    struct block_list *blocks = &p->segment->blocks;
    pthread_mutex_lock(&ss->lock);
    CHECK(!block_link_is_in(&b->link));
    block_list_insert(blocks, &stand_in->link, &b->link);
    block_list_remove(blocks, &stand_in->link);
    pthread_mutex_unlock(&ss->lock);
}

void segments_put_aside(struct segments *ss, struct segment *s, msec_t until)
{
    pthread_mutex_lock(&ss->lock);
    s->state = SEGMENT_SEALED;
    if (ss->queues.counts[EVICT_ASIDE] == 0 || until < ss->aside_until)
        ss->aside_until = until;
    evict_queue_add(&ss->queues, s, EVICT_ASIDE);
    pthread_mutex_unlock(&ss->lock);
}

/* What was put aside is the policy's again when the first of it may go: the rest comes back. */
static void take_back_locked(struct segments *ss)
{
    struct list *aside = &ss->queues.lists[EVICT_ASIDE];
    if (list_is_empty(aside) || clock_mono_ms() < ss->aside_until)
        return;
    while (!list_is_empty(aside)) {
        struct segment *s = LIST_THING(aside->next, struct segment, link);
        evict_queue_remove(&ss->queues, s);
        atomic_store_explicit(&s->queue, s->entry, memory_order_relaxed);
        ss->policy->sealed(&ss->queues, s);
    }
}

/* An open one that nobody is at, or NULL. */
static struct segment *open_loose_locked(const struct segments *ss)
{
    for (size_t i = 0; i < EVICT_ENTRIES; i++) {
        LIST_EACH(l, &ss->open[i])
        {
            struct segment *s = LIST_THING(l, struct segment, link);
            if (!segment_is_pinned(s))
                return s;
        }
    }
    return NULL;
}

struct segment *segments_pick(struct segments *ss)
{
    pthread_mutex_lock(&ss->lock);
    take_back_locked(ss);
    struct segment *s = ss->policy->pick(&ss->queues);
    if (s != NULL)
        s->state = SEGMENT_CONDEMNED;
    else if ((s = open_loose_locked(ss)) != NULL)
        condemn_locked(ss, s);
    pthread_mutex_unlock(&ss->lock);
    return s;
}

/* Free with its pages, if nobody else may have one of them. */
static bool put_by(struct segments *ss, struct segment *s)
{
    if (!segment_is_own(s) || !has_pages(s))
        return false;
    pthread_mutex_lock(&ss->lock);
    bool is_kept = ss->spare_count < ss->spare_max;
    if (is_kept) {
        s->state = SEGMENT_FREE;
        list_push_front(&ss->spare, &s->link);
        ss->spare_count++;
        ss->free_count++;
    }
    pthread_mutex_unlock(&ss->lock);
    return is_kept;
}

void segment_unref(struct segment *s)
{
    uint32_t before = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    struct segments *ss = s->home;
    CHECK(s->state == SEGMENT_CONDEMNED && s->live == 0);
    uint32_t charged = page_up(s->bump);
    if (!put_by(ss, s)) {
        medium_memory_drop(&ss->medium, segment_offset(s), charged);
        pthread_mutex_lock(&ss->lock);
        atomic_store_explicit(&s->has_pages, false, memory_order_relaxed);
        s->state = SEGMENT_FREE;
        list_push_front(&ss->free, &s->link);
        ss->free_count++;
        pthread_mutex_unlock(&ss->lock);
    }
    segments_uncharge(ss, charged);
}

uint64_t segment_sum(const struct segment *s, uint32_t offset, size_t n)
{
    return s->home->medium.is_hollow ? 0 : hash64(segment_mem(s) + offset, n);
}

void segment_copy(const struct place *to, const struct segment *s, uint32_t offset)
{
    if (!s->home->medium.is_hollow)
        memcpy(segment_mem(to->segment) + to->offset, segment_mem(s) + offset, to->bytes);
}

void segments_check(struct segments *ss)
{
    pthread_mutex_lock(&ss->lock);
    uint32_t by_state[SEGMENT_CONDEMNED + 1] = {0};
    int64_t pages = 0, queued = 0;
    for (uint32_t i = 0; i < ss->count; i++) {
        struct segment *s = &ss->v[i];
        by_state[s->state]++;
        uint32_t live = 0;
        SEGMENT_EACH(b, s)
        live++;
        CHECK(live == s->live);
        CHECK(s->bump <= ss->segment_bytes);
        bool is_empty = s->state == SEGMENT_FREE || s->state == SEGMENT_CONDEMNED;
        CHECK(is_empty || (s->live > 0 && s->refs > 0));
        pages += s->state == SEGMENT_FREE ? 0 : page_up(s->bump);
        queued += s->state == SEGMENT_OPEN || s->state == SEGMENT_SEALED ? s->bump : 0;
    }
    CHECK(by_state[SEGMENT_FREE] == ss->free_count);
    uint32_t open = 0;
    for (size_t i = 0; i < EVICT_ENTRIES; i++) {
        CHECK(ss->open_count[i] <= OPEN_MAX);
        open += ss->open_count[i];
    }
    CHECK(by_state[SEGMENT_OPEN] == open);
    for (size_t i = 0; i <= EVICT_ASIDE; i++)
        queued -= ss->queues.bytes[i];
    CHECK(queued == 0);
    CHECK(pages <= ss->used_bytes && ss->used_bytes <= ss->cap_bytes);
    pthread_mutex_unlock(&ss->lock);
}
