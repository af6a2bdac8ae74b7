/* SPDX-License-Identifier: MIT
 *
 * How far a fill may go: ahead of its readers, without any, and where another's blocks begin. */
#include "edge/upstream/fill_inner.h"

#define AHEAD_BLOCKS 2

/* How far to run ahead: as far as readers have come since it began, so that it doubles while they
 * go on, up to the site's bound. */
static int64_t ahead_of(const struct fill *f)
{
    int64_t most = source_site(f->source)->read_ahead_bytes;
    int64_t ahead = f->pos - f->begun_at;
    if (ahead < AHEAD_BLOCKS * f->block_bytes)
        ahead = AHEAD_BLOCKS * f->block_bytes;
    return ahead < most ? ahead : most;
}

int64_t fill_window_blocks(const struct fill *f)
{
    int64_t ahead = ahead_of(f) / f->block_bytes;
    return ahead > 0 ? ahead + 1 : 2;
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

bool fill_must_pause(struct fill *f)
{
    int64_t ahead = ahead_of(f), furthest = 0;
    int64_t to = f->claims_all ? INT64_MAX : f->claimed_end * f->block_bytes;
    f->looked_at = f->pos;
    if (generation_readers(f->generation, f->pos, to, &furthest) > 0) {
        if (f->has_no_reader)
            timer_stop(&f->grace);
        f->has_no_reader = false;
        return f->pos >= furthest + ahead;
    }
    if (!f->has_no_reader) {
        f->has_no_reader = true;
        f->alone_at = f->pos;
        timer_set(&f->grace, source_site(f->source)->grace_ms);
    }
    return f->pos >= f->alone_at + ahead;
}
