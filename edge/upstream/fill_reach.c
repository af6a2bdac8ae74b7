/* SPDX-License-Identifier: MIT
 *
 * How far a fill may go: ahead of its readers, without any, and where another's blocks begin. */
#include "edge/upstream/fill_inner.h"

#include "edge/upstream/answer.h"

#define AHEAD_BLOCKS 2

/* How far to run ahead: as far as readers have come since it began, so that it doubles while they
 * go on, up to the site's bound. */
static int64_t ahead_of(const struct fill *f)
{
    int64_t most = source_site(f->source)->read_ahead_bytes;
    int64_t ahead = f->pos - f->begun_at;
    if (f->stripe_blocks > 0)
        return most; /* of several, each may be far ahead */
    if (ahead < AHEAD_BLOCKS * f->block_bytes)
        ahead = AHEAD_BLOCKS * f->block_bytes;
    return ahead < most ? ahead : most;
}

int64_t fill_window_blocks(const struct fill *f)
{
    int64_t ahead = ahead_of(f) / f->block_bytes;
    return ahead > 0 ? ahead + 1 : 2;
}

void fill_set_run(struct fill *f, int64_t first, int64_t count)
{
    int64_t size = generation_length(f->generation), claimed = first + count;
    if (f->stripe_blocks > 0 && count > f->stripe_blocks)
        count = f->stripe_blocks;
    f->pos = f->looked_at = f->begun_at = first * f->block_bytes;
    f->claimed_end = first + count;
    bool is_to_end = f->claimed_end > INT64_MAX / f->block_bytes; /* of a length not known yet */
    f->last = is_to_end ? INT64_MAX : f->claimed_end * f->block_bytes - 1;
    if (size != LENGTH_UNKNOWN && f->last > size - 1)
        f->last = size - 1;
    int64_t window = first + fill_window_blocks(f);
    int64_t most = source_site(f->source)->read_ahead_bytes / f->block_bytes;
    if (count > most && window < f->claimed_end)
        f->claimed_end = window;
    if (claimed > f->claimed_end)
        generation_release(f->generation, f->claimed_end, claimed - f->claimed_end);
}

void fill_end_gathering(struct fill *f)
{
    int64_t size = generation_length(f->generation);
    if (!f->is_gathering)
        return;
    f->is_gathering = false;
    generation_gathered(f->generation, &f->watch);
    if (f->watch.gather_first < fill_block_of(f, f->pos)) {
        block_write_abort(&f->writer);
        f->is_writing = false; /* it begins with another block */
        f->pos = f->looked_at = f->begun_at = f->watch.gather_first * f->block_bytes;
    }
    f->claimed_end = f->watch.gather_end;
    f->last = f->claimed_end * f->block_bytes - 1;
    if (size != LENGTH_UNKNOWN && f->last > size - 1)
        f->last = size - 1;
}

bool fill_next_run(struct fill *f)
{
    int64_t first, count = 0, at = f->claimed_end, end = fill_block_of(f, f->want_last) + 1;
    if (f->want_last < 0)
        return false;
    if (at < end)
        count = generation_claim(f->generation, at, end - at, &first);
    if (count == 0 && f->is_whole && f->whole_from > 0) {
        end = f->whole_from;
        f->want_last = end * f->block_bytes - 1;
        f->whole_from = 0;
        count = generation_claim(f->generation, 0, end, &first);
    }
    if (count == 0)
        return false;
    fill_set_run(f, first, count);
    return true;
}

void fill_claim_ahead(struct fill *f)
{
    int64_t end = f->last == INT64_MAX ? INT64_MAX : fill_block_of(f, f->last) + 1;
    int64_t want = fill_block_of(f, f->pos) + fill_window_blocks(f);
    int64_t first;
    if (f->claims_all || want > end)
        want = end;
    if (want <= f->claimed_end)
        return;
    int64_t ask = want == INT64_MAX ? INT64_MAX : want - f->claimed_end;
    int64_t count = generation_claim(f->generation, f->claimed_end, ask, &first);
    if (count > 0 && first == f->claimed_end) {
        f->claimed_end = want == INT64_MAX ? want : f->claimed_end + count;
        return;
    }
    if (count > 0)
        generation_release(f->generation, first, count);
    f->last = f->claimed_end * f->block_bytes - 1;
}

/* Without readers: where it has to rest until its time is over, or ends at once. */
static bool is_at_grace(struct fill *f, int64_t ahead)
{
    const struct site *site = source_site(f->source);
    if (!f->has_no_reader) {
        f->has_no_reader = true;
        f->alone_at = f->pos;
        timer_set(&f->grace, site->grace_ms);
    }
    if (site->grace_bytes == 0)
        return f->pos >= f->alone_at + ahead;
    bool is_over = f->pos >= f->alone_at + site->grace_bytes;
    if (is_over)
        timer_set(&f->grace, 0);
    return is_over;
}

/* No client reads what an errand asked for, and somebody waits for its place. */
static bool gives_way(const struct fill *f)
{
    return f->source->is_errand && !f->claims_all && f->fetch != NULL &&
           fetch_place_is_wanted(f->fetch) && answer_can_continue(&f->validators) &&
           !generation_has_client(f->generation);
}

bool fill_must_pause(struct fill *f)
{
    if (gives_way(f))
        return true;
    int64_t ahead = ahead_of(f), furthest = 0;
    int64_t to = f->claims_all ? INT64_MAX : f->claimed_end * f->block_bytes;
    f->looked_at = f->pos;
    if (f->is_whole)
        return false; /* the store takes what nobody reads */
    if (generation_readers(f->generation, f->pos, to, &furthest) > 0) {
        if (f->has_no_reader)
            timer_stop(&f->grace);
        f->has_no_reader = false;
        return f->pos >= furthest + ahead;
    }
    return is_at_grace(f, ahead);
}
