/* SPDX-License-Identifier: MIT */

/* FIFO over segments with a second chance. A segment whose bytes were mostly read since it was
 * queued or passed goes to the tail once more; of another, the blocks that were read are carried
 * forward (evict.c bounds how much) and the rest goes. "Since" is a round number of the segment:
 * passing it makes all its blocks unread at once, whatever their number. */
#include "edge/store/evict_policy.h"

#include "edge/store/segment.h"

#define VISITS_MAX 1024 /* bound on what one pick looks at: the next goes on from there */

static uint8_t clock_enter(struct evict_queues *q, enum evict_origin origin,
                           const struct odds_block *b)
{
    (void)q;
    (void)origin;
    (void)b;
    return 0;
}

static void clock_sealed(struct evict_queues *q, struct segment *s)
{
    evict_queue_add(q, s, 0);
}

static bool is_mostly_used(const struct segment *s)
{
    return atomic_load_explicit(&s->used_bytes, memory_order_relaxed) > s->bump / 2;
}

static void pass(struct segment *s)
{
    uint8_t round = atomic_load_explicit(&s->round, memory_order_relaxed);
    /* 0 is the mark of a block that was never read */
    atomic_store_explicit(&s->round, (uint8_t)(round == UINT8_MAX ? 1 : round + 1),
                          memory_order_relaxed);
    atomic_store_explicit(&s->used_bytes, 0, memory_order_relaxed);
}

static struct segment *clock_pick(struct evict_queues *q)
{
    uint32_t visits = 2 * q->counts[0]; /* twice round: the second finds what the first passed */
    if (visits > VISITS_MAX)
        visits = VISITS_MAX;
    for (; visits > 0; visits--) {
        struct segment *s = LIST_THING(q->lists[0].next, struct segment, link);
        evict_queue_remove(q, s);
        bool is_pinned = segment_is_pinned(s);
        if (!is_pinned && !is_mostly_used(s))
            return s;
        if (!is_pinned)
            pass(s);
        evict_queue_add(q, s, 0);
    }
    return NULL;
}

static int clock_carry(const struct segment *s, const struct block *b)
{
    uint8_t used = atomic_load_explicit(&b->used, memory_order_relaxed);
    return used == atomic_load_explicit(&s->round, memory_order_relaxed) ? 0 : EVICT_LEAVES;
}

static void clock_carried(const struct segment *s, struct block *b)
{
    (void)s;
    atomic_store_explicit(&b->used, 0, memory_order_relaxed);
}

static void clock_left(struct evict_queues *q, const struct segment *s, const struct block *b,
                       uint64_t name)
{
    (void)q;
    (void)s;
    (void)b;
    (void)name;
}

static void clock_read(struct segment *s, struct block *b, bool is_use)
{
    uint8_t round = atomic_load_explicit(&s->round, memory_order_relaxed);
    (void)is_use;
    if (atomic_load_explicit(&b->used, memory_order_relaxed) == round)
        return;
    atomic_store_explicit(&b->used, round, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->used_bytes, b->filled, memory_order_relaxed);
}

static void clock_brought(struct segment *s, struct block *b)
{
    clock_read(s, b, false);
}

const struct evict_policy evict_clock = {
    .name = "clock",
    .enter = clock_enter,
    .sealed = clock_sealed,
    .pick = clock_pick,
    .carry = clock_carry,
    .carried = clock_carried,
    .left = clock_left,
    .read = clock_read,
    .brought = clock_brought,
};
