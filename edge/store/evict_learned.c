/* SPDX-License-Identifier: MIT */

/* By how likely a block is read again (odds.h). What is new waits in a small queue, and goes on if
 * it is likelier than what leaves the main one. There the least likely of the next sixteen segments
 * goes, and the others begin anew: a segment's worth is the mean of its blocks', but nothing where
 * all of them were expected in vain. Of what goes those are copied that are better than most. A
 * disk is written for what is likely enough, and that is as much as keeps the bytes written to a
 * small share of those read; what lies there goes on by nearly the same measure, the likeliest
 * first. */
#include "edge/store/evict_policy.h"

#include "edge/store/segment.h"

#define IS_AWAITED 1u /* in a block's `used`: whom it was brought for has not read it yet */

#define CANDIDATES  16
#define ASKED_MOST  64    /* blocks of a segment that are asked for it */
#define ASKED_ALL   128   /* ... of all candidates: small records need fewer of them */
#define VISITS_MAX  1024  /* bound on what one pick looks at */
#define DOUBT_AFTER 16    /* segments that left before the main queue, and none went on to it */
#define TREND       0.05F /* share of the newest in a mean that follows */
#define WORTH_FIRST 0.33F /* chance from which a block is written to a disk, to begin with */
#define WORTH_LEAST 0.2F
#define WORTH_MOST  0.7F
#define WORTH_PACE  0.1F   /* by how much it falls while a cacheful is read and nothing written */
#define WRITE_SHARE 0.045F /* of what is read, to be written: it rises where that is more */
#define STEPS       1024   /* in which the bar moves, a cacheful */
#define AGAIN_MORE  0.1F /* what is on a disk is written anew for a chance that is so much higher */
#define AGAIN_EACH  0.12F /* from one worth to the next */

static float get(const _Atomic float *f)
{
    return atomic_load_explicit(f, memory_order_relaxed);
}

static void follow(_Atomic float *mean, float newest, float by)
{
    float before = get(mean);
    atomic_store_explicit(mean, before + by * (newest - before), memory_order_relaxed);
}

static uint8_t queue_of(const struct segment *s)
{
    return atomic_load_explicit(&s->queue, memory_order_relaxed);
}

static float chance_of(struct evict_queues *q, const struct block *b)
{
    struct odds_block r;
    q->describe(b, &r);
    return odds_chance(q->odds, &r);
}

/* It was expected to be read, or would not be in the main queue, and was not for long. */
static bool is_past(struct evict_queues *q, const struct block *b)
{
    struct odds_block r;
    q->describe(b, &r);
    return odds_is_past(q->odds, &r);
}

static float bar_of(const struct evict_queues *q)
{
    return WORTH_FIRST + get(&q->margin);
}

/* `bytes` are to be written, or nothing is. The bar moves now and then: by less than a step a sum
 * of floats would not move. Of several threads one finds that it is time. */
static void move_bar(struct evict_queues *q, uint32_t bytes)
{
    uint64_t cache = (uint64_t)(q->sizes.memory_bytes + q->sizes.disk_bytes);
    uint64_t now = odds_read_bytes(q->odds);
    uint64_t before = atomic_load_explicit(&q->told_at, memory_order_relaxed);
    atomic_fetch_add_explicit(&q->admitted_bytes, bytes, memory_order_relaxed);
    if (now - before < cache / STEPS || !atomic_compare_exchange_strong(&q->told_at, &before, now))
        return;
    uint64_t admitted = atomic_exchange_explicit(&q->admitted_bytes, 0, memory_order_relaxed);
    float over = (float)admitted / WRITE_SHARE - (float)(now - before);
    float margin = get(&q->margin) + WORTH_PACE * over / (float)cache;
    margin = margin < WORTH_LEAST - WORTH_FIRST ? WORTH_LEAST - WORTH_FIRST : margin;
    margin = margin > WORTH_MOST - WORTH_FIRST ? WORTH_MOST - WORTH_FIRST : margin;
    atomic_store_explicit(&q->margin, margin, memory_order_relaxed);
}

static uint8_t learned_enter(struct evict_queues *q, enum evict_origin origin,
                             const struct odds_block *b)
{
    if (origin == EVICT_LOADED)
        return STAGE_LOADED;
    odds_read(q->odds, b);
    return odds_watch(q->odds, b) >= bar_of(q) ? STAGE_MAIN : STAGE_SMALL;
}

static void learned_sealed(struct evict_queues *q, struct segment *s)
{
    evict_queue_add(q, s, queue_of(s));
}

static int learned_carry(const struct segment *s, const struct block *b)
{
    struct evict_queues *q = &s->home->queues;
    uint8_t queue = queue_of(s);
    float least = get(queue == STAGE_MAIN ? &q->middle : &q->floor);
    if (chance_of(q, b) > least && !(queue == STAGE_MAIN && is_past(q, b)))
        return STAGE_MAIN;
    return atomic_load_explicit(&b->used, memory_order_relaxed) & IS_AWAITED ? queue : EVICT_LEAVES;
}

static void forget_awaited(struct block *b)
{
    if (atomic_load_explicit(&b->used, memory_order_relaxed) != 0)
        atomic_store_explicit(&b->used, 0, memory_order_relaxed);
}

static void learned_carried(const struct segment *s, struct block *b)
{
    (void)s;
    forget_awaited(b);
}

/* What of its bytes will be read again, of all that it takes. */
static float worth_of(struct evict_queues *q, const struct segment *s)
{
    float sum = 0, asked = 0;
    uint32_t left = ASKED_MOST;
    SEGMENT_EACH(b, s)
    {
        struct odds_block r;
        if (left-- == 0)
            break;
        q->describe(b, &r);
        sum += odds_watch(q->odds, &r) * (float)r.bytes;
        asked += (float)r.bytes;
    }
    return sum / (s->live > ASKED_MOST ? asked : (float)s->bump);
}

static bool is_awaited(const struct segment *s)
{
    const struct block *first = segment_first(s);
    return s->live == 1 && atomic_load_explicit(&first->used, memory_order_relaxed) != 0;
}

static void go_on(struct evict_queues *q, struct segment *s, uint8_t to)
{
    SEGMENT_EACH(b, s)
    forget_awaited(b);
    evict_queue_remove(q, s);
    evict_queue_add(q, s, to);
}

/* As far as is asked. */
static bool is_all_past(struct evict_queues *q, const struct segment *s)
{
    uint32_t left = ASKED_MOST;
    SEGMENT_EACH(b, s)
    {
        if (left-- == 0)
            break;
        if (!is_past(q, b))
            return false;
    }
    return true;
}

/* Of the next candidates of the main queue the least worth, the others at its end; NULL: all are
 * pinned. */
static struct segment *least_of_main(struct evict_queues *q)
{
    struct segment *least = NULL;
    float lowest = 0, sum = 0;
    uint32_t met = 0, asked = 0;
    for (uint32_t n = q->counts[STAGE_MAIN]; n > 0 && met < CANDIDATES && asked < ASKED_ALL; n--) {
        struct segment *s = LIST_THING(q->lists[STAGE_MAIN].next, struct segment, link);
        go_on(q, s, STAGE_MAIN);
        if (segment_is_pinned(s))
            continue;
        float worth = is_all_past(q, s) ? 0 : worth_of(q, s);
        sum += worth;
        asked += s->live < ASKED_MOST ? s->live : ASKED_MOST;
        met++;
        if (least == NULL || worth < lowest) {
            least = s;
            lowest = worth;
        }
    }
    if (least != NULL) {
        bool is_in_doubt = q->left_before_main > DOUBT_AFTER;
        follow(&q->floor, lowest, is_in_doubt ? 1 : TREND);
        follow(&q->middle, sum / (float)met, TREND);
    }
    q->left_before_main = 0;
    return least;
}

/* The next of a queue in front of the main one, or NULL: it has gone on. */
static struct segment *next_of(struct evict_queues *q, uint8_t from)
{
    struct segment *s = LIST_THING(q->lists[from].next, struct segment, link);
    if (segment_is_pinned(s)) {
        go_on(q, s, from);
        return NULL;
    }
    if (worth_of(q, s) > get(&q->floor)) {
        go_on(q, s, STAGE_MAIN);
    } else if (is_awaited(s)) {
        go_on(q, s, from);
    } else {
        if (++q->left_before_main > DOUBT_AFTER)
            (void)least_of_main(q); /* what is new was held to what was there long ago */
        return s;
    }
    return NULL;
}

static struct segment *learned_pick(struct evict_queues *q)
{
    for (int visits = 0; visits < VISITS_MAX; visits++) {
        uint8_t from = (uint8_t)evict_stage_due(q);
        if (q->counts[from] == 0)
            break;
        struct segment *s = from == STAGE_MAIN ? least_of_main(q) : next_of(q, from);
        if (s != NULL) {
            evict_queue_remove(q, s);
            return s;
        }
    }
    return NULL;
}

static void learned_left(struct evict_queues *q, const struct segment *s, const struct block *b,
                         uint64_t name)
{
    (void)q;
    (void)s;
    (void)b;
    (void)name;
}

static void learned_read(struct segment *s, struct block *b, bool is_use)
{
    struct evict_queues *q = &s->home->queues;
    forget_awaited(b);
    if (is_use) {
        struct odds_block r;
        q->describe(b, &r);
        odds_read(q->odds, &r);
    }
}

static void learned_brought(struct segment *s, struct block *b)
{
    (void)s;
    atomic_store_explicit(&b->used, IS_AWAITED, memory_order_relaxed);
}

static bool learned_is_proven(const struct segment *s, const struct block *b)
{
    struct evict_queues *q = &s->home->queues;
    bool is_proven = chance_of(q, b) >= bar_of(q);
    move_bar(q, is_proven ? b->filled : 0);
    return is_proven;
}

static uint32_t learned_worth(struct evict_queues *q, const struct block *b)
{
    struct odds_block r;
    q->describe(b, &r);
    float over = (odds_watch(q->odds, &r) - bar_of(q) - AGAIN_MORE) / AGAIN_EACH;
    if (over < 0)
        return 0;
    return over < EVICT_WORTH_MOST - 1 ? 1 + (uint32_t)over : EVICT_WORTH_MOST;
}

const struct evict_policy evict_learned = {
    .name = "learned",
    .has_odds = true,
    .enter = learned_enter,
    .sealed = learned_sealed,
    .pick = learned_pick,
    .carry = learned_carry,
    .carried = learned_carried,
    .left = learned_left,
    .read = learned_read,
    .brought = learned_brought,
    .is_proven = learned_is_proven,
    .worth = learned_worth,
};
