/* SPDX-License-Identifier: MIT
 *
 * How a fill begins: with the body of an answer that a flight judged, or by asking for a run of
 * blocks that a reader found absent. */
#include "edge/upstream/fill_inner.h"

#include "edge/upstream/answer.h"
#include "lib/base/err.h"

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

int fill_start(struct fetcher *fr, const struct fill_spec *spec)
{
    int64_t first, size = generation_length(spec->generation);
    if (generation_is_abandoned(spec->generation))
        return ERR_CHANGED;
    struct validators version = source_version(spec->source, &spec->validators);
    if (!answer_can_continue(&version)) {
        generation_abandon(spec->generation);
        return ERR_CHANGED;
    }
    int64_t count = claim_run(spec, &first);
    if (count == 0)
        return generation_is_abandoned(spec->generation) ? ERR_CHANGED : 0;
    struct fill *f = fill_new(fr, spec);
    f->pos = f->looked_at = f->begun_at = first * f->block_bytes;
    f->claimed_end = first + count;
    bool is_to_end = f->claimed_end > INT64_MAX / f->block_bytes; /* of a length not known yet */
    f->last = is_to_end ? INT64_MAX : f->claimed_end * f->block_bytes - 1;
    if (size != LENGTH_UNKNOWN && f->last > size - 1)
        f->last = size - 1;
    if (block_write_begin(&f->writer, f->generation, first) != 0) {
        counter_add(&fr->count.no_space, 1);
        fill_end(f);
        return ERR_NO_SPACE;
    }
    f->is_writing = true;
    int64_t window = first + fill_window_blocks(f);
    if (window < f->claimed_end) {
        generation_release(f->generation, window, f->claimed_end - window);
        f->claimed_end = window;
    }
    if (size != LENGTH_UNKNOWN && expects_whole(f))
        block_runs_claim(&f->runs, f->generation);
    if (fill_ask_rest(f, 0) != 0)
        fill_broken(f, ERR_BUSY);
    return 0;
}
