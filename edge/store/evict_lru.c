/* SPDX-License-Identifier: MIT */

/* Least recently used, by ticks: a tick is a thirty-second of memory filled anew. A read puts the
 * tick of the moment into the segment, and nothing else, so that hits meet at no lock; a segment is
 * put where it belongs when its turn to go comes. Blocks of a segment that goes are carried where
 * they were read within the younger half of the ticks. */
#include "edge/store/evict_policy.h"

#include "edge/store/segment.h"

#define TICKS      EVICT_LISTS
#define VISITS_MAX 4096 /* bound on what one pick looks at */
#define TICK_YOUNG (TICKS / 2)

static uint8_t tick_now(const struct evict_queues *q)
{
    return (uint8_t)(atomic_load_explicit(&q->tick, memory_order_relaxed) % TICKS);
}

static uint8_t stamp_of(const struct segment *s)
{
    return atomic_load_explicit(&s->round, memory_order_relaxed);
}

/* The stamp of a segment never lies further back than the ring reaches: whoever is met there, last
 * in it, is carried along by turn_tick. */
static void turn_tick(struct evict_queues *q)
{
    uint8_t gone = (uint8_t)((tick_now(q) + 1) % TICKS), oldest = (uint8_t)((gone + 1) % TICKS);
    while (!list_is_empty(&q->lists[gone])) {
        struct segment *s = LIST_THING(q->lists[gone].next, struct segment, link);
        bool is_stale = stamp_of(s) == gone;
        evict_queue_remove(q, s);
        evict_queue_add(q, s, is_stale ? oldest : stamp_of(s));
        if (is_stale)
            atomic_store_explicit(&s->round, oldest, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&q->tick, 1, memory_order_relaxed);
    q->tick_bytes = 0;
}

static uint8_t lru_enter(struct evict_queues *q, enum evict_origin origin,
                         const struct odds_block *b)
{
    (void)q;
    (void)origin;
    (void)b;
    return 0;
}

static void lru_sealed(struct evict_queues *q, struct segment *s)
{
    q->tick_bytes += s->bump;
    if (q->tick_bytes >= q->sizes.memory_bytes / TICKS)
        turn_tick(q);
    atomic_store_explicit(&s->round, tick_now(q), memory_order_relaxed);
    evict_queue_add(q, s, tick_now(q));
}

static struct segment *lru_pick(struct evict_queues *q)
{
    int visits = 0;
    for (uint32_t age = TICKS - 1; age < TICKS; age--) {
        uint8_t list = (uint8_t)((tick_now(q) + TICKS - age) % TICKS);
        for (uint32_t n = q->counts[list]; n > 0 && visits < VISITS_MAX; n--, visits++) {
            struct segment *s = LIST_THING(q->lists[list].next, struct segment, link);
            bool is_here = stamp_of(s) == list;
            evict_queue_remove(q, s);
            if (is_here && !segment_is_pinned(s))
                return s;
            evict_queue_add(q, s, stamp_of(s));
        }
    }
    return NULL;
}

/* A block's `used` is one more than the tick of its last read; 0: it was never read. */
static int lru_carry(const struct segment *s, const struct block *b)
{
    uint8_t used = atomic_load_explicit(&b->used, memory_order_relaxed);
    uint32_t age = (tick_now(&s->home->queues) + TICKS + 1 - used) % TICKS;
    return used > 0 && age < TICK_YOUNG ? 0 : EVICT_LEAVES;
}

static void lru_carried(const struct segment *s, struct block *b)
{
    (void)s;
    (void)b;
}

static void lru_left(struct evict_queues *q, const struct segment *s, const struct block *b,
                     uint64_t name)
{
    (void)q;
    (void)s;
    (void)b;
    (void)name;
}

static void lru_read(struct segment *s, struct block *b, bool is_use)
{
    uint8_t tick = tick_now(&s->home->queues);
    (void)is_use;
    if (atomic_load_explicit(&b->used, memory_order_relaxed) != tick + 1)
        atomic_store_explicit(&b->used, (uint8_t)(tick + 1), memory_order_relaxed);
    if (stamp_of(s) != tick)
        atomic_store_explicit(&s->round, tick, memory_order_relaxed);
}

static void lru_brought(struct segment *s, struct block *b)
{
    lru_read(s, b, false);
}

const struct evict_policy evict_lru = {
    .name = "lru",
    .enter = lru_enter,
    .sealed = lru_sealed,
    .pick = lru_pick,
    .carry = lru_carry,
    .carried = lru_carried,
    .left = lru_left,
    .read = lru_read,
    .brought = lru_brought,
};
