/* SPDX-License-Identifier: MIT */

/* FIFO over segments with a second chance. A segment whose bytes were mostly read since it was
 * queued or passed goes to the tail once more; of another, the blocks that were read are carried
 * forward (evict.c bounds how much) and the rest goes. "Since" is a round number of the segment:
 * passing it makes all its blocks unread at once, whatever their number. */
#include "edge/store/evict_policy.h"

#include "edge/store/segment.h"

#define VISITS_MAX 1024 /* bound on what one pick looks at: the next goes on from there */

static void clock_add(struct evict_queues *q, struct segment *s)
{
    list_push_back(&q->lists[0], &s->link);
    q->counts[0]++;
}

static void clock_remove(struct evict_queues *q, struct segment *s)
{
    list_remove(&s->link);
    q->counts[0]--;
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
        clock_remove(q, s);
        bool is_pinned = segment_is_pinned(s);
        if (!is_pinned && !is_mostly_used(s))
            return s;
        if (!is_pinned)
            pass(s);
        clock_add(q, s);
    }
    return NULL;
}

static bool clock_keeps(const struct segment *s, const struct block *b)
{
    return b->used == atomic_load_explicit(&s->round, memory_order_relaxed);
}

static void clock_hit(struct segment *s, struct block *b)
{
    uint8_t round = atomic_load_explicit(&s->round, memory_order_relaxed);
    if (b->used == round)
        return;
    b->used = round;
    atomic_fetch_add_explicit(&s->used_bytes, b->filled, memory_order_relaxed);
}

const struct evict_policy evict_clock = {
    .name = "clock",
    .add = clock_add,
    .remove = clock_remove,
    .pick = clock_pick,
    .keeps = clock_keeps,
    .hit = clock_hit,
};
