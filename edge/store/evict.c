/* SPDX-License-Identifier: MIT */

/* Makes room. The policy names a segment; here its blocks leave their generations, those worth it
 * are carried into another segment, and the segment goes when its last reader has gone. An object
 * whose last block left leaves the index, unless somebody is at it. Where heads take too much of
 * the budget (many small or empty objects, huge tables), objects leave by a clock of their own.
 *
 * A victim is CONDEMNED and unpinned when it comes here, so nothing is FILLING in it and nothing
 * new will be. Its records are taken out in batches under the segments' lock, each with a reference
 * to its generation; one whose generation is just being freed is left to that. Threads: any. */
#include "edge/store/evict.h"

#include "edge/store/generation_inner.h"
#include "edge/store/heads.h"
#include "edge/store/index.h"
#include "lib/base/counter.h"

#define BATCH           32
#define OBJECTS_AT_ONCE 16
#define HEADS_HELP      16 /* below it they are not what the budget lacks */
#define CARRY_SHARE     2  /* of a segment, one part in this many at most is carried */

struct leaving {
    struct generation *generation;
    int64_t index;
    bool is_pinned; /* in memory: what is on a disk may leave here */
};

static int take_batch(struct segments *ss, struct segment *s, struct leaving out[BATCH])
{
    int n = 0;
    pthread_mutex_lock(&ss->lock);
    for (struct block *b; n < BATCH && (b = segment_first(s)) != NULL;) {
        block_list_remove(&s->blocks, &b->link);
        s->live--;
        struct generation *g = block_generation(b);
        bool has_disks = generation_store(g)->disks != NULL;
        if (generation_try_ref(g))
            out[n++] = (struct leaving){.generation = g,
                                        .index = block_index(b),
                                        .is_pinned = !has_disks && generation_is_pinned(g)};
    }
    pthread_mutex_unlock(&ss->lock);
    return n;
}

/* The block as it lies in s, or NULL where it went meanwhile. */
static struct block *still_there_locked(const struct segment *s, const struct leaving *l)
{
    struct block *b = block_table_find(&l->generation->table, l->index);
    bool is_there = b != NULL && b->state == BLOCK_PRESENT && b->segment == segment_number(s);
    return is_there ? b : NULL;
}

/* Whether it is to be carried, and how. */
static bool is_worth_carrying_locked(const struct segment *s, const struct leaving *l,
                                     const struct block *b, struct record_wanted *want)
{
    int queue = s->home->policy->carry(s, b);
    if (queue == EVICT_LEAVES && l->is_pinned)
        queue = s->entry;
    *want = (struct record_wanted){.bytes = b->filled, .queue = (uint8_t)queue, .may_carry = true};
    return queue != EVICT_LEAVES;
}

/* Copies the block into another segment. A stand-in keeps its place there while nothing is locked:
 * the block's record may vanish meanwhile. False: it stays where it is, to leave. */
static bool carry(struct segment *s, const struct leaving *l, const struct record_wanted *want,
                  uint32_t from)
{
    struct segments *ss = s->home;
    struct block stand_in = {.segment = BLOCK_NOWHERE};
    struct place p;
    if (segments_reserve(ss, want, &stand_in, &p) != 0)
        return false;
    segment_copy(&p, s, from);
    generation_lock(l->generation);
    struct block *b = still_there_locked(s, l);
    if (b != NULL) {
        segments_place(ss, b, &p);
        ss->policy->carried(s, b);
        segments_replace(ss, &p, &stand_in, b);
    } else {
        segments_detach(ss, p.segment, &stand_in);
    }
    generation_unlock(l->generation);
    segment_unref(p.segment);
    counter_add_shared(&generation_store(l->generation)->counters.carried_bytes, want->bytes);
    return true;
}

/* The block becomes ABSENT, or STORED where its disk has it. Returns a reference to the object that
 * has none left, or NULL. */
static struct object *drop_locked(struct segment *s, const struct leaving *l, struct block *b)
{
    struct generation *g = l->generation;
    struct store *st = generation_store(g);
    if (b->disk_segment != SEGMENT_NONE) {
        generation_rest_locked(g, b);
        return NULL;
    }
    counter_add_shared(&st->counters.evicted_blocks, 1);
    counter_add_shared(&st->counters.evicted_bytes, b->filled);
    s->home->policy->left(&s->home->queues, s, b, generation_block_name(g, l->index));
    b->segment = BLOCK_NOWHERE; /* take_batch took it out */
    generation_close_locked(g, b);
    bool is_bare = block_table_held(&g->table) == 0 && !generation_is_busy_locked(g);
    struct object *bare = is_bare ? generation_owner(g) : NULL;
    if (bare != NULL)
        object_ref(bare); /* the index holds one as long as it is the owner */
    return bare;
}

/* It is carried, within *budget, or leaves. Returns as drop_locked. */
static struct object *leave(struct segment *s, const struct leaving *l, uint32_t *budget)
{
    struct generation *g = l->generation;
    struct record_wanted want;
    struct object *bare = NULL;
    generation_lock(g);
    struct block *b = still_there_locked(s, l);
    if (b != NULL && is_worth_carrying_locked(s, l, b, &want) &&
        (want.bytes <= *budget || l->is_pinned)) {
        uint32_t from = segments_offset(s->home, b);
        generation_unlock(g);
        if (carry(s, l, &want, from)) {
            *budget -= want.bytes < *budget ? (uint32_t)want.bytes : *budget;
            return NULL;
        }
        generation_lock(g);
        b = still_there_locked(s, l);
    }
    if (b != NULL)
        bare = drop_locked(s, l, b);
    generation_unlock(g);
    return bare;
}

static void remove_object(struct store *st, struct object *o)
{
    struct index_left left = {0};
    index_remove(st->index, o, &left);
    counter_add_shared(&st->counters.evicted_objects, index_let_go(&left));
    object_unref(&o);
}

/* When the first pin of what lies in s ends, where most of it is pinned; else 0. */
static msec_t pinned_until(struct segments *ss, const struct segment *s)
{
    msec_t first = INT64_MAX;
    uint32_t bytes = 0;
    pthread_mutex_lock(&ss->lock);
    SEGMENT_EACH(b, s)
    {
        const struct generation *g = block_generation(b);
        if (!generation_is_pinned(g))
            continue;
        msec_t until = generation_pinned_ms(g);
        first = until < first ? until : first;
        bytes += b->filled;
    }
    pthread_mutex_unlock(&ss->lock);
    return bytes > ss->segment_bytes / 2 ? first : 0;
}

/* The victim; those that are pinned are put aside. */
static struct segment *pick(struct store *st)
{
    struct segments *ss = &st->segments;
    msec_t pins_until = atomic_load_explicit(&st->pins_until, memory_order_relaxed);
    bool has_pins = pins_until > 0 && pins_until > clock_mono_ms();
    for (;;) {
        struct segment *s = segments_pick(ss);
        msec_t until = s != NULL && has_pins ? pinned_until(ss, s) : 0;
        if (until == 0)
            return s;
        segments_put_aside(ss, s, until);
    }
}

static bool evict_segment(struct store *st)
{
    struct segments *ss = &st->segments;
    struct segment *s = pick(st);
    if (s == NULL)
        return false;
    struct leaving batch[BATCH];
    uint32_t budget = ss->segment_bytes / CARRY_SHARE;
    int n;
    do {
        n = take_batch(ss, s, batch);
        for (int i = 0; i < n; i++) {
            struct object *bare = leave(s, &batch[i], &budget);
            if (bare != NULL)
                remove_object(st, bare);
            generation_unref(&batch[i].generation);
        }
    } while (n == BATCH);
    segment_unref(s);
    return true;
}

static bool evict_objects(struct store *st)
{
    struct index_left left = {0};
    index_evict(st->index, OBJECTS_AT_ONCE, &left);
    uint64_t count = index_let_go(&left);
    counter_add_shared(&st->counters.evicted_objects, count);
    return count > 0;
}

bool evict_some(struct store *st)
{
    if (generation_give_back(st)) /* what is dead before what lives */
        return true;
    int64_t heads = atomic_load_explicit(&st->head_bytes, memory_order_relaxed);
    if (heads_dominate(st) && evict_objects(st)) {
        heads_tell(st);
        return true;
    }
    if (evict_segment(st))
        return true;
    /* All segments are pinned. What lies on a disk gives back its head alone: it is worth more. */
    bool heads_help = st->disk_keep == NULL || heads > st->memory_bytes / HEADS_HELP;
    return heads_help && evict_objects(st);
}
