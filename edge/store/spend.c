/* SPDX-License-Identifier: MIT */

/* What comes from a disk for one reader leaves memory behind it. Kept, a cold download would want a
 * fresh page for every page that it reads, and push out what is read more than once; so its blocks
 * go round in the few segments whose pages are kept (segment.h), which a processor's cache may
 * hold. Who comes later reads the disk once more; that is its block's second use, and it stays.
 * Threads: any. */
#include "edge/store/generation_inner.h"

static bool has_other_reader_locked(const struct generation *g, const struct generation_reader *r,
                                    int64_t index)
{
    int64_t from = index * g->table.block_bytes, to = from + g->table.block_bytes;
    LIST_EACH(l, &audience_of(&g->audience)->readers)
    {
        const struct generation_reader *other = LIST_THING(l, struct generation_reader, link);
        if (other != r && other->pos < to && other->last >= from)
            return true;
    }
    return false;
}

/* Its segment is lent to nobody, and is this block's alone. */
static bool is_spent_locked(const struct generation *g, const struct block *b)
{
    if (b->state != BLOCK_PRESENT || b->disk_segment == SEGMENT_NONE ||
        (b->flags & BLOCK_READ_ALL) > BLOCK_READ_ONE)
        return false;
    const struct segment *s = &generation_store(g)->segments.v[b->segment];
    return segment_is_own(s) && !segment_is_pinned(s);
}

void generation_spend(struct generation *g, const struct generation_reader *r, int64_t index)
{
    struct segments *ss = &generation_store(g)->segments;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, index);
    if (b != NULL && is_spent_locked(g, b) && !has_other_reader_locked(g, r, index)) {
        segments_detach(ss, &ss->v[b->segment], b);
        generation_rest_locked(g, b);
    }
    generation_unlock(g);
}
