/* SPDX-License-Identifier: MIT
 *
 * The fills of a generation, and what they brought. Threads: any; under the generation's lock. */
#include "edge/store/disk_format.h"
#include "edge/store/generation_inner.h"
#include "lib/http/message.h"

void generation_fill_attach(struct generation *g, struct generation_fill *f)
{
    atomic_store(&f->is_posted, false);
    generation_lock(g);
    audience_feed(&g->audience, &f->link);
    generation_unlock(g);
}

bool generation_fill_detach(struct generation *g, struct generation_fill *f)
{
    generation_lock(g);
    audience_leave(&g->audience, &f->link);
    generation_unlock(g);
    return !atomic_load(&f->is_posted);
}

/* A fill that is about to ask for blocks that [first, first + count) adjoins. */
static bool takes(const struct generation_fill *f, int64_t first, int64_t count)
{
    bool adjoins = first == f->gather_end || first + count == f->gather_first;
    return adjoins && f->gather_end - f->gather_first + count <= f->gather_most;
}

void generation_gather(struct generation *g, struct generation_fill *f)
{
    CHECK(f->gather_most > 0);
    generation_lock(g);
    f->is_gathering = true;
    generation_unlock(g);
}

static void take(struct generation_fill *f, int64_t first, int64_t count)
{
    f->gather_end = first == f->gather_end ? first + count : f->gather_end;
    f->gather_first = first < f->gather_first ? first : f->gather_first;
}

bool generation_gather_join(struct generation *g, int64_t first, int64_t count)
{
    bool has_joined = false;
    generation_lock(g);
    LIST_EACH(l, &audience_of(&g->audience)->fills)
    {
        struct generation_fill *f = LIST_THING(l, struct generation_fill, link);
        if (!f->is_gathering || !takes(f, first, count))
            continue;
        take(f, first, count);
        has_joined = true;
        break;
    }
    generation_unlock(g);
    return has_joined;
}

/* One whose run f can take over; NULL: there is none. */
static struct generation_fill *find_neighbour(struct generation *g, const struct generation_fill *f)
{
    LIST_EACH(l, &audience_of(&g->audience)->fills)
    {
        struct generation_fill *o = LIST_THING(l, struct generation_fill, link);
        if (o != f && o->is_gathering && o->gather_may_go &&
            takes(f, o->gather_first, o->gather_end - o->gather_first))
            return o;
    }
    return NULL;
}

void generation_gathered(struct generation *g, struct generation_fill *f)
{
    struct generation_fill *o;
    generation_lock(g);
    while (f->is_gathering && (o = find_neighbour(g, f)) != NULL) {
        take(f, o->gather_first, o->gather_end - o->gather_first);
        o->is_gathering = false;
        o->gather_end = o->gather_first;
    }
    f->is_gathering = false;
    generation_unlock(g);
}

void generation_weigh(struct generation *g, struct generation_weight *out)
{
    generation_lock(g);
    const struct block_table *t = &g->table;
    *out = (struct generation_weight){.id = g->roster.id,
                                      .bytes = (int64_t)block_table_held(t) * t->block_bytes,
                                      .disk_bytes =
                                          (int64_t)generation_disk_held_locked(g) * t->block_bytes};
    int64_t last = block_table_count(t) - 1;
    const struct block *b =
        block_table_length(t) != LENGTH_UNKNOWN && last >= 0 ? block_table_find(t, last) : NULL;
    if (b != NULL) {
        int64_t lacks = t->block_bytes - (int64_t)block_table_expected(t, last);
        out->bytes -= lacks;
        out->disk_bytes -= b->disk_segment != SEGMENT_NONE ? lacks : 0;
    }
    generation_unlock(g);
}

void generation_tell(struct generation *g, struct generation_blocks *out)
{
    *out = (struct generation_blocks){0};
    generation_lock(g);
    for (int64_t i = block_table_next(&g->table, 0, INT64_MAX); i < INT64_MAX;
         i = block_table_next(&g->table, i + 1, INT64_MAX)) {
        const struct block *b = block_table_find(&g->table, i);
        bool is_on_disk = b->disk_segment != SEGMENT_NONE;
        out->on_disk += is_on_disk;
        out->coded += is_on_disk && disk_spot_is_coded(b->disk_at);
        if (b->state != BLOCK_PRESENT)
            continue;
        out->in_memory++;
        out->by_mark[(b->flags & BLOCK_MARK_ALL) / BLOCK_MARK_ONE]++;
    }
    generation_unlock(g);
}
