/* SPDX-License-Identifier: MIT
 *
 * How a fill begins: with the body of an answer that a flight judged, or by asking for a run of
 * blocks that a reader found absent. */
#include "edge/upstream/fill_inner.h"

#include "edge/upstream/answer.h"
#include "lib/base/err.h"

/* What comes after the run that a fill begins with. */
struct fill_plan {
    bool is_whole;
    int64_t want_last, stripe_blocks;
};

/* Claims the run that a reader at spec->at needs. Count of blocks, 0: somebody else's already. */
static int64_t claim_run(const struct fill_spec *spec, int64_t *first)
{
    struct generation *g = spec->generation;
    int64_t block_bytes = generation_block_bytes(g);
    int64_t wanted = spec->at / block_bytes;
    int64_t blocks = spec->last / block_bytes - wanted + 1;
    int64_t count = generation_claim(g, wanted, blocks, first);
    if (count > 0 && *first != wanted) {
        generation_release(g, *first, count);
        return 0;
    }
    return count;
}

/* Whether who is asked next is known to answer with the whole. */
static bool expects_whole(const struct fill *f)
{
    msec_t now = loop_now(f->fetcher->loop);
    const struct upstream_origin *o = upstream_choose(f->source->upstream, 0, f->source->key, now);
    return o != NULL && upstream_ignores_ranges(o, now);
}

#define GATHER_MS 1 /* a crowd's, whose workers wake one after the other */

/* Wants of the same moment that adjoin become one range, whichever workers they come from, as long
 * as it is no longer than a reader may have brought ahead. */
static void gather(struct fill *f, bool is_of_crowd)
{
    struct generation_fill *w = &f->watch;
    w->gather_first = fill_block_of(f, f->pos);
    w->gather_end = f->claimed_end;
    w->gather_most = source_site(f->source)->read_ahead_bytes / f->block_bytes;
    w->gather_may_go = is_of_crowd;
    f->is_gathering = f->stripe_blocks == 0 && f->claimed_end == fill_block_of(f, f->last) + 1 &&
                      f->claimed_end - w->gather_first < w->gather_most && !f->is_whole;
    if (f->is_gathering && is_of_crowd) {
        block_write_abort(&f->writer); /* there is room, as far as one can tell */
        f->is_writing = false;
        timer_set(&f->again, GATHER_MS);
    } else {
        loop_defer(f->fetcher->loop, &f->ask);
    }
    if (f->is_gathering)
        generation_gather(f->generation, w);
}

void fill_on_gathered(struct loop_task *t)
{
    struct fill *f = CONTAINER_OF(t, struct fill, ask);
    fill_end_gathering(f);
    if (f->claimed_end == fill_block_of(f, f->pos)) { /* another brings it all */
        fill_end(f);
        return;
    }
    if (generation_length(f->generation) != LENGTH_UNKNOWN && expects_whole(f))
        block_runs_claim(&f->runs, f->generation);
    if (fill_ask_rest(f, 0) != 0)
        fill_broken(f, ERR_BUSY);
}

static int64_t read_ahead_blocks(const struct fill_spec *spec)
{
    return source_site(spec->source)->read_ahead_bytes / generation_block_bytes(spec->generation);
}

/* Brings blocks that are claimed; up to byte want_last (-1: these) in stripes (0: as it comes). */
static int begin(struct fetcher *fr, const struct fill_spec *spec, struct block_run run,
                 struct fill_plan plan)
{
    struct fill *f = fill_new(fr, spec);
    f->want_last = plan.want_last;
    f->stripe_blocks = plan.stripe_blocks;
    f->is_whole = plan.is_whole;
    f->whole_from = plan.is_whole ? run.first : 0;
    fill_set_run(f, run.first, run.end - run.first);
    if (block_write_begin(&f->writer, f->generation, run.first) != 0) {
        counter_add(&fr->count.no_space, 1);
        fill_end(f);
        return ERR_NO_SPACE;
    }
    f->is_writing = true;
    gather(f, spec->is_of_crowd);
    return 0;
}

/* The site's rule for the want that was just counted. */
static bool is_to_be_whole(struct fetcher *fr, const struct fill_spec *spec, uint32_t wants)
{
    uint32_t after = source_site(spec->source)->whole_after;
    int64_t size = generation_length(spec->generation);
    struct store_usage usage;
    if (after == 0 || wants % after != 0 || size == LENGTH_UNKNOWN)
        return false;
    store_usage(fr->store, &usage);
    return size <= usage.memory_cap_bytes / 2;
}

int64_t fill_stripe_blocks(const struct site *site)
{
    int64_t blocks = site->read_ahead_bytes / site->block_bytes / site->parallel;
    if (site->parallel == 1)
        return 0;
    return blocks > 0 ? blocks : 1;
}

static struct fill_plan plan_of(struct fetcher *fr, const struct fill_spec *spec, uint32_t wants)
{
    const struct site *site = source_site(spec->source);
    struct fill_plan plan = {.want_last = -1};
    if (site->parallel > 1 && spec->last != INT64_MAX) {
        plan.stripe_blocks = fill_stripe_blocks(site);
        plan.want_last = spec->last;
    }
    plan.is_whole = is_to_be_whole(fr, spec, wants);
    if (plan.is_whole)
        plan.want_last = generation_length(spec->generation) - 1;
    return plan;
}

/* The other ranges of a long want, beside the one that begins with block `first`. */
static void begin_others(struct fetcher *fr, const struct fill_spec *spec, int64_t first,
                         struct fill_plan plan)
{
    int64_t end = spec->last / generation_block_bytes(spec->generation) + 1, at;
    plan.is_whole = false; /* one is enough to go round */
    plan.want_last = spec->last;
    for (int64_t i = 1; i < source_site(spec->source)->parallel && plan.stripe_blocks > 0; i++) {
        int64_t from = first + i * plan.stripe_blocks;
        int64_t most = end - from < plan.stripe_blocks ? end - from : plan.stripe_blocks;
        int64_t count = from < end ? generation_claim(spec->generation, from, most, &at) : 0;
        if (count > 0 && begin(fr, spec, (struct block_run){at, at + count}, plan) != 0)
            return;
    }
}

/* Blocks after a run that ended where the want did, for one who reads on. */
static int64_t add_ahead(const struct fill_spec *spec, int64_t end, int64_t ahead)
{
    int64_t first, count = ahead > 0 ? generation_claim(spec->generation, end, ahead, &first) : 0;
    if (count > 0 && first != end) {
        generation_release(spec->generation, first, count);
        return 0;
    }
    return count;
}

int fill_start(struct fetcher *fr, const struct fill_spec *spec)
{
    struct generation *g = spec->generation;
    struct validators version = source_version(spec->source, &spec->validators);
    uint32_t wants;
    int64_t first;
    if (generation_is_abandoned(g))
        return ERR_CHANGED;
    if (!answer_can_continue(&version)) {
        generation_abandon(g);
        return ERR_CHANGED;
    }
    int64_t count = claim_run(spec, &first);
    if (count == 0)
        return generation_is_abandoned(g) ? ERR_CHANGED : 0;
    int64_t ahead = generation_want(g, first, count, read_ahead_blocks(spec), &wants);
    count += add_ahead(spec, first + count, ahead);
    struct fill_plan plan = plan_of(fr, spec, wants);
    if (!plan.is_whole && generation_gather_join(g, first, count))
        return 0;
    int err = begin(fr, spec, (struct block_run){first, first + count}, plan);
    if (err == 0)
        begin_others(fr, spec, first, plan);
    return err;
}

/* What the range that an adopted fill brings leaves out. */
static void go_on_after(struct fill *f, const struct fill_spec *spec)
{
    int64_t size = generation_length(f->generation), first = fill_block_of(f, f->pos);
    int64_t count = fill_block_of(f, f->last) + 1 - first;
    struct fill_spec rest = *spec;
    uint32_t wants;
    if (size == LENGTH_UNKNOWN || count <= 0 || (spec->at == 0 && spec->last >= size - 1))
        return;
    (void)generation_want(f->generation, first, count, 0, &wants);
    rest.last = spec->want_last < size ? spec->want_last : size - 1;
    struct fill_plan plan = plan_of(f->fetcher, &rest, wants);
    f->is_whole = plan.is_whole;
    f->whole_from = plan.is_whole ? first : 0;
    f->want_last = plan.want_last;
    f->stripe_blocks = plan.stripe_blocks;
    if (rest.last > spec->last)
        begin_others(f->fetcher, &rest, first, plan);
}

int fill_adopt(struct fetcher *fr, const struct fill_spec *spec, struct fetch **fetch)
{
    struct fill *f = fill_new(fr, spec);
    int64_t first = (spec->at + f->block_bytes - 1) / f->block_bytes;
    f->pos = f->looked_at = f->begun_at = first * f->block_bytes;
    f->skip = f->pos - spec->at;
    f->last = spec->last;
    f->claimed_end = first;
    f->claims_all =
        spec->last == INT64_MAX || spec->is_only_chance || !answer_can_continue(&f->validators);
    if (f->pos <= f->last) {
        fill_claim_ahead(f);
        if (block_write_begin(&f->writer, f->generation, first) != 0) {
            counter_add(&fr->count.no_space, 1);
            fill_end(f);
            return ERR_NO_SPACE;
        }
        f->is_writing = true;
    }
    if (!f->claims_all)
        go_on_after(f, spec);
    f->fetch = *fetch;
    *fetch = NULL;
    fetch_hand_over(f->fetch, &fill_events, f);
    if (f->pos > f->last) {
        fill_finish(f);
    } else {
        loop_defer(fr->loop, &f->turn);
        fill_watch_pace(f);
    }
    return 0;
}
