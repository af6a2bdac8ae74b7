/* SPDX-License-Identifier: MIT */

/* Bytes into one claimed block: a fill writes straight into the segment, and what it has told with
 * block_write_add never changes again. The writer pins the segment and the generation until the
 * block is PRESENT or given up. Threads: one writer a block, any. */
#include "edge/store/generation_inner.h"

#include "edge/store/heads.h"
#include "lib/base/err.h"
#include "lib/http/message.h"

static size_t expected_bytes(const struct generation *g, int64_t index)
{
    generation_lock(g);
    size_t bytes = block_table_expected(&g->table, index);
    generation_unlock(g);
    return bytes;
}

/* A FILLING record for the claimed block; *bytes: its full length. */
static int block_open(struct generation *g, int64_t index, struct block **out, size_t *bytes)
{
    int r = 0;
    generation_lock(g);
    *bytes = block_table_expected(&g->table, index);
    CHECK(block_table_is_abandoned(&g->table) || block_table_is_claimed(&g->table, index));
    size_t cost = block_table_cost(&g->table, index);
    if (block_table_is_abandoned(&g->table)) {
        r = ERR_CHANGED;
    } else if (!heads_try_charge(generation_store(g), cost)) {
        r = ERR_NO_SPACE;
    } else {
        *out = block_table_open(&g->table, index);
        if (*out == NULL) {
            heads_uncharge(generation_store(g), cost);
            r = ERR_NO_MEMORY;
        }
    }
    generation_unlock(g);
    return r;
}

static int block_open_evicting(struct generation *g, int64_t index, struct block **out,
                               size_t *bytes)
{
    struct store *st = generation_store(g);
    int r = block_open(g, index, out, bytes);
    for (int i = 0; r == ERR_NO_SPACE && i < ROOM_ROUNDS && st->make_room(st); i++)
        r = block_open(g, index, out, bytes);
    return r;
}

int block_reserve(struct store *st, const struct record_wanted *want, struct block *b,
                  struct place *p)
{
    int r = segments_reserve(&st->segments, want, b, p);
    for (int i = 0; r == ERR_NO_SPACE && i < ROOM_ROUNDS && st->make_room(st); i++)
        r = segments_reserve(&st->segments, want, b, p);
    return r;
}

static struct record_wanted record_of(struct generation *g, int64_t index, size_t bytes)
{
    struct segments *ss = &generation_store(g)->segments;
    struct odds_block b = generation_block(g, index, (uint32_t)bytes);
    return (struct record_wanted){
        .bytes = bytes, .is_bare = true, .queue = ss->policy->enter(&ss->queues, EVICT_NEW, &b)};
}

static void close_again(struct generation *g, struct block *b)
{
    generation_lock(g);
    generation_close_locked(g, b);
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
}

int block_write_begin(struct block_writer *w, struct generation *g, int64_t index)
{
    struct store *st = generation_store(g);
    struct block *b;
    struct place p;
    size_t bytes;
    int r = block_open_evicting(g, index, &b, &bytes);
    if (r == 0) {
        struct record_wanted want = record_of(g, index, bytes);
        r = block_reserve(st, &want, b, &p);
        if (r != 0)
            close_again(g, b);
    }
    if (r == ERR_CHANGED)
        return r;
    if (r != 0) {
        counter_add_shared(&st->counters.no_space, 1);
        return ERR_NO_SPACE;
    }
    generation_ref(g);
    *w = (struct block_writer){.generation = g,
                               .index = index,
                               .block = b,
                               .segment = p.segment,
                               .offset = p.offset,
                               .at = segment_mem(p.segment) + p.offset,
                               .room = bytes,
                               .prepared = p.has_pages ? bytes : 0};
    return 0;
}

int block_write_prepare(struct block_writer *w, size_t n)
{
    struct segments *ss = &generation_store(w->generation)->segments;
    CHECK(n <= w->room);
    if (w->filled + n <= w->prepared)
        return 0;
    size_t at = segment_offset(w->segment) + w->offset + w->prepared;
    int r = medium_memory_prepare(&ss->medium, at, w->filled + n - w->prepared);
    if (r == 0)
        w->prepared = w->filled + n;
    return r;
}

/* Gives back what the writer held. w->block is NULL from here. */
static void writer_done(struct block_writer *w)
{
    w->block = NULL;
    w->at = NULL;
    w->room = w->prepared = 0;
    segment_unref(w->segment);
    generation_unref(&w->generation);
}

/* With `room`: what it may still become. */
static struct place place_of(const struct block_writer *w)
{
    return (struct place){
        .segment = w->segment, .offset = w->offset, .bytes = (uint32_t)(w->filled + w->room)};
}

/* What is written may be read. Its record lies nowhere before: nobody asks where an empty one does.
 */
static void show_locked(const struct block_writer *w)
{
    struct block *b = w->block;
    struct place p = place_of(w);
    if (b->segment == BLOCK_NOWHERE)
        segments_place(&generation_store(w->generation)->segments, b, &p);
    block_set_filled(b, w->filled);
    block_set_flags(b, (b->flags & ~BLOCK_MARK_ALL) | w->mark * BLOCK_MARK_ONE);
}

/* The checksum is computed outside the lock: the bytes are final, and mostly readable already. */
static void block_complete(struct block_writer *w)
{
    struct generation *g = w->generation;
    struct block *b = w->block;
    struct store *st = generation_store(g);
    struct segment *s = w->segment;
    uint64_t sum = segment_sum(s, w->offset, w->filled);
    if (w->filled == s->home->segment_bytes)
        segment_made(s);
    generation_lock(g);
    show_locked(w);
    b->checksum = sum;
    b->state = BLOCK_PRESENT;
    if (!list_is_empty(&audience_of(&g->audience)->readers))
        s->home->policy->brought(s, b); /* whom it was brought for is on his way to it */
    block_table_unclaim(&g->table, w->index, w->index + 1);
    audience_wake(&g->audience, &g->table);
    bool is_for_disk = generation_wants_disk_locked(g, b);
    generation_unlock(g);
    if (is_for_disk)
        st->disk_keep(st, g, w->index);
    atomic_fetch_add_explicit(&st->blocks, 1, memory_order_relaxed);
    counter_add_shared(&st->counters.written_bytes, w->filled);
    writer_done(w);
}

void block_write_add(struct block_writer *w, size_t n)
{
    struct generation *g = w->generation;
    CHECK(n <= w->room);
    w->at += n;
    w->filled += n;
    w->room -= n;
    if (w->filled > n || w->room > 0) { /* what comes at once is shown when it is complete */
        generation_lock(g);
        show_locked(w);
        audience_wake(&g->audience, &g->table);
        generation_unlock(g);
    }
    if (w->room == 0)
        block_complete(w);
}

void block_write_end(struct block_writer *w)
{
    struct generation *g = w->generation;
    if (w->block == NULL)
        return;
    bool is_cut = generation_length(g) != LENGTH_UNKNOWN && w->filled < expected_bytes(g, w->index);
    if (w->filled == 0 || is_cut) {
        block_write_abort(w);
        return;
    }
    struct place p = place_of(w);
    segments_trim(w->segment->home, &p, w->filled);
    block_complete(w);
}

void block_write_abort(struct block_writer *w)
{
    struct generation *g = w->generation;
    struct block *b = w->block;
    if (b == NULL)
        return;
    struct place p = place_of(w);
    if (w->filled == 0) {
        segments_trim(w->segment->home, &p, 0);
        segments_detach(w->segment->home, w->segment, b);
    }
    close_again(g, b);
    writer_done(w);
}
