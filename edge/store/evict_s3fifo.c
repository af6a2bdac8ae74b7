/* SPDX-License-Identifier: MIT */

/* S3-FIFO over blocks (Yang, Zhang, Qiu, Yue and Rashmi, SOSP 2023), on segments. What is new
 * waits in a small queue; what was used twice there goes on in the main one, and is worth a disk
 * from its second use; the rest leaves its name in the ghost, and what comes back while its name is
 * known begins in the main queue. That one goes round: a block leaves it when it was not used.
 *
 * A segment of one block moves whole, and so does one most of whose bytes go on to the same queue;
 * of another, evict.c copies the blocks that go on. */
#include "edge/store/evict_policy.h"

#include "edge/store/segment.h"

/* In a block's `used`. */
#define USES       3u /* so many were counted */
#define IS_AWAITED 4u

#define USES_PROMOTED   2
#define RECORDS_WEIGHED 64   /* segments of more records do not move whole */
#define VISITS_MAX      1024 /* bound on what one pick looks at */

static uint8_t used_of(const struct block *b)
{
    return atomic_load_explicit(&b->used, memory_order_relaxed);
}

static void set_used(struct block *b, unsigned used)
{
    atomic_store_explicit(&b->used, (uint8_t)used, memory_order_relaxed);
}

static uint8_t queue_of(const struct segment *s)
{
    return atomic_load_explicit(&s->queue, memory_order_relaxed);
}

static uint8_t s3fifo_enter(struct evict_queues *q, enum evict_origin origin,
                            const struct odds_block *b)
{
    if (origin == EVICT_LOADED)
        return STAGE_LOADED;
    return ghost_take(q->ghost, b->name) ? STAGE_MAIN : STAGE_SMALL;
}

static void s3fifo_sealed(struct evict_queues *q, struct segment *s)
{
    evict_queue_add(q, s, queue_of(s));
}

static int s3fifo_carry(const struct segment *s, const struct block *b)
{
    uint8_t queue = queue_of(s), used = used_of(b);
    uint32_t enough = queue == STAGE_SMALL ? USES_PROMOTED : 1;
    if ((used & USES) >= enough)
        return STAGE_MAIN;
    return used & IS_AWAITED ? queue : EVICT_LEAVES;
}

static void s3fifo_carried(const struct segment *s, struct block *b)
{
    unsigned uses = used_of(b) & USES;
    bool is_again = queue_of(s) == STAGE_MAIN && uses > 0;
    set_used(b, is_again ? uses - 1 : 0);
}

/* The queue that most of its bytes go on to, or EVICT_LEAVES: it is a victim. */
static int weigh(const struct segment *s)
{
    int64_t to_main = 0, to_same = 0;
    if (s->live > RECORDS_WEIGHED)
        return EVICT_LEAVES;
    SEGMENT_EACH(b, s)
    {
        int queue = s3fifo_carry(s, b);
        to_main += queue == STAGE_MAIN ? b->filled : 0;
        to_same += queue != STAGE_MAIN && queue != EVICT_LEAVES ? b->filled : 0;
    }
    if (to_main + to_same <= s->bump / 2)
        return EVICT_LEAVES;
    return to_main >= to_same ? STAGE_MAIN : queue_of(s);
}

static void go_on(struct segment *s)
{
    SEGMENT_EACH(b, s)
    s3fifo_carried(s, b);
}

/* Where everything at hand goes on, the last that was met goes nevertheless: a pick is bounded. */
static struct segment *s3fifo_pick(struct evict_queues *q)
{
    for (int visits = 1; visits <= VISITS_MAX; visits++) {
        uint8_t from = (uint8_t)evict_stage_due(q);
        if (q->counts[from] == 0)
            break;
        struct segment *s = LIST_THING(q->lists[from].next, struct segment, link);
        bool is_pinned = segment_is_pinned(s);
        int to = is_pinned ? from : weigh(s);
        evict_queue_remove(q, s);
        if (to == EVICT_LEAVES || (visits == VISITS_MAX && !is_pinned))
            return s;
        if (!is_pinned)
            go_on(s);
        evict_queue_add(q, s, (uint8_t)to);
    }
    return NULL;
}

static void s3fifo_left(struct evict_queues *q, const struct segment *s, const struct block *b,
                        uint64_t name)
{
    if (queue_of(s) == STAGE_SMALL)
        ghost_add(q->ghost, name, b->filled);
}

static void s3fifo_read(struct segment *s, struct block *b, bool is_use)
{
    uint8_t used = used_of(b);
    unsigned uses = used & USES;
    (void)s;
    uses += is_use && uses < USES;
    if (used != uses)
        set_used(b, uses);
}

static void s3fifo_brought(struct segment *s, struct block *b)
{
    (void)s;
    set_used(b, used_of(b) | IS_AWAITED);
}

static bool s3fifo_is_proven(const struct segment *s, const struct block *b)
{
    return queue_of(s) == STAGE_MAIN || (used_of(b) & USES) >= USES_PROMOTED;
}

const struct evict_policy evict_s3fifo = {
    .name = "s3-fifo",
    .has_ghost = true,
    .enter = s3fifo_enter,
    .sealed = s3fifo_sealed,
    .pick = s3fifo_pick,
    .carry = s3fifo_carry,
    .carried = s3fifo_carried,
    .left = s3fifo_left,
    .read = s3fifo_read,
    .brought = s3fifo_brought,
    .is_proven = s3fifo_is_proven,
};
