/* SPDX-License-Identifier: MIT */

/* From the disk into memory. Whoever asks first reserves the room and sends the job; a thread of
 * the disk reads straight into it, verifies, and wakes all who follow the generation. A block that
 * cannot be read or does not verify becomes ABSENT: upstream has it still. Threads: as named. */
#include "edge/store/disk_load.h"

#include "edge/store/disk_code.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

/* From STORED to FILLING. 0, or what generation_view says. */
static int take_locked(struct generation *g, int64_t index, struct disk_job *j)
{
    struct block *b = block_table_find(&g->table, index);
    if (b == NULL)
        return ERR_NOT_FOUND;
    if ((b->flags & BLOCK_LATE) != 0)
        return ERR_BUSY;
    if (b->state != BLOCK_STORED)
        return ERR_AGAIN; /* somebody was quicker: it is there, or comes */
    j->index = index;
    j->bytes = b->filled;
    j->checksum = b->checksum;
    j->disk_segment = b->disk_segment;
    j->disk_at = b->disk_at;
    b->state = BLOCK_FILLING;
    b->filled = 0;
    return 0;
}

/* Nothing came of it: as it was. */
static void put_back(struct generation *g, const struct disk_job *j)
{
    struct segments *ss = &generation_store(g)->segments;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, j->index);
    if (b->segment != BLOCK_NOWHERE)
        segments_detach(ss, &ss->v[b->segment], b);
    b->segment = BLOCK_NOWHERE;
    if (b->disk_segment == SEGMENT_NONE) {
        generation_close_locked(g, b);
    } else {
        b->state = BLOCK_STORED;
        block_set_filled(b, j->bytes);
    }
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
}

static int reserve(struct generation *g, struct disk_job *j)
{
    struct segments *ss = &generation_store(g)->segments;
    struct record_wanted want = {.bytes = j->bytes,
                                 .is_bare = true,
                                 .queue = ss->policy->enter(&ss->queues, EVICT_LOADED, NULL)};
    struct place p;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, j->index);
    generation_unlock(g);
    int r = block_reserve(generation_store(g), &want, b, &p);
    if (r != 0)
        return ERR_NO_SPACE;
    generation_lock(g);
    segments_place(ss, b, &p);
    generation_unlock(g);
    j->segment = p.segment;
    j->offset = p.offset;
    j->has_pages = p.has_pages;
    return 0;
}

int disk_load_begin(struct disk *d, struct generation *g, int64_t index)
{
    struct store *st = generation_store(g);
    if (!disk_may_load(d)) {
        counter_add_shared(&st->counters.disk_bypassed, 1);
        return ERR_BUSY;
    }
    struct disk_job *j = disk_job_make(DISK_JOB_LOAD);
    generation_lock(g);
    int r = take_locked(g, index, j);
    if (r == 0)
        disk_segment_enter(d, j->disk_segment);
    generation_unlock(g);
    if (r != 0) {
        mem_free(j);
        disk_load_done(d, false);
        return r;
    }
    r = reserve(g, j);
    if (r != 0) {
        put_back(g, j);
        disk_segment_leave(d, j->disk_segment);
        disk_load_done(d, false);
        mem_free(j);
        return r;
    }
    generation_ref(g);
    j->generation = g;
    disk_load(d, j);
    return ERR_AGAIN;
}

/* What was read to where it goes. */
static int verify(const struct disk_job *j)
{
    const uint8_t *p = segment_mem(j->segment) + j->offset;
    return hash64(p, j->bytes) == j->checksum ? 0 : ERR_CORRUPT;
}

static int read_into_place(struct disk *d, const struct disk_job *j)
{
    uint8_t *to = segment_mem(j->segment) + j->offset;
    int r = medium_disk_read(&d->medium, j->disk_segment, j->disk_at, to, j->bytes);
    return r == 0 ? verify(j) : r;
}

/* What a loader has. */
struct loader {
    struct disk *d;
    uint8_t *pages;
    struct disk_decoder decoder;
};

/* The record and its payload, with what the spot rounds up to, in one read; decoded into its place,
 * or beside it where that has no pages yet. */
static int read_coded(struct loader *l, const struct disk_job *j)
{
    struct disk *d = l->d;
    struct medium_piece piece = {j->disk_segment, disk_spot_at(j->disk_at), 0};
    uint32_t left = d->medium.segment_bytes - piece.at;
    uint32_t bytes = disk_spot_bytes(j->disk_at, j->bytes);
    piece.at -= (uint32_t)sizeof(struct disk_record);
    piece.bytes = (uint32_t)sizeof(struct disk_record) + (bytes < left ? bytes : left);
    const uint8_t *record;
    int r = medium_disk_read_around(&d->medium, &piece, l->pages, &record);
    uint8_t *to = j->has_pages ? segment_mem(j->segment) + j->offset : NULL;
    if (r == 0)
        r = disk_decode(d, &l->decoder, j, span_make(record, piece.bytes), to);
    if (r == 0 && to == NULL)
        r = medium_memory_write(&d->store->segments.medium, segment_offset(j->segment) + j->offset,
                                l->decoder.plain, j->bytes);
    return r;
}

/* What lies next to each other, each straight to where it goes; the page between two of them, which
 * has the second one's record, to where it harms nobody. false: not all of it. */
static bool read_run(struct loader *l, struct disk_job *const run[], int count)
{
    struct iovec v[2 * DISK_RUN];
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (n > 0)
            v[n++] = (struct iovec){l->pages, DISK_PAGE};
        v[n++] = (struct iovec){segment_mem(run[i]->segment) + run[i]->offset, run[i]->bytes};
    }
    const struct disk_job *first = run[0];
    return medium_disk_read_into(&l->d->medium, first->disk_segment, first->disk_at, v, n) == 0;
}

/* Past the page cache into the thread's own pages, and from there, once it has verified, into the
 * segment: to copy it costs less than to have pages made and cleared for the disk to write into. */
static int read_block(struct loader *l, const struct disk_job *j)
{
    struct disk *d = l->d;
    if (disk_spot_is_coded(j->disk_at))
        return read_coded(l, j);
    if (j->has_pages && (j->disk_at | j->bytes) % DISK_PAGE == 0)
        return read_into_place(d, j);

    const struct medium_piece piece = {j->disk_segment, j->disk_at, j->bytes};
    struct medium_memory *to = &d->store->segments.medium;
    const uint8_t *payload;
    int r = medium_disk_read_around(&d->medium, &piece, l->pages, &payload);
    if (r == 0 && hash64(payload, j->bytes) != j->checksum)
        r = ERR_CORRUPT;
    if (r == 0)
        r = medium_memory_write(to, segment_offset(j->segment) + j->offset, payload, j->bytes);
    return r;
}

/* It was read: what came of it shows in the block. Damage counts where it still lay there: the
 * scrub may have met the same one meanwhile. */
static void settle(struct disk *d, struct disk_job *j, int r)
{
    struct generation *g = j->generation;
    /* Before who waits is woken: whoever has the bytes finds them counted. */
    counter_add_shared(&d->store->counters.disk_read_bytes, j->bytes);
    counter_add_shared(&d->store->counters.disk_read_blocks, r == 0);
    generation_lock(g);
    struct block *b = block_table_find(&g->table, j->index);
    if (r == ERR_CORRUPT && b->disk_segment == j->disk_segment)
        counter_add_shared(&d->store->counters.disk_corrupt, 1);
    block_set_flags(b, b->flags & ~BLOCK_LATE);
    if (r == 0) {
        if (j->bytes == d->store->segments.segment_bytes)
            segment_made(j->segment);
        block_set_filled(b, j->bytes);
        b->state = BLOCK_PRESENT;
        block_set_flags(b, b->flags | BLOCK_LOADED);
        atomic_fetch_add_explicit(&generation_store(g)->blocks, 1, memory_order_relaxed);
    } else {
        generation_close_locked(g, b);
    }
    segment_unref(j->segment); /* who reads it may be done with it before this thread is */
    j->segment = NULL;
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
}

static void load_end(struct disk *d, struct disk_job *j, int r)
{
    disk_segment_leave(d, j->disk_segment);
    settle(d, j, r);
    disk_end_load(d, j);
    disk_load_done(d, true);
    disk_job_free(j);
}

/* In one go; where that fails one by one, since a record that cannot be read is no fault of its
 * neighbours. */
static void load_jobs(struct loader *l, struct disk_job *const run[], int count)
{
    struct disk *d = l->d;
    msec_t began = clock_mono_ms();
    bool is_read = count > 1 && read_run(l, run, count);
    if (is_read)
        disk_read_told(d, clock_mono_ms() - began, true);
    for (int i = 0; i < count && is_read; i++)
        load_end(d, run[i], verify(run[i]));
    for (int i = 0; i < count && !is_read; i++) {
        began = clock_mono_ms();
        int r = read_block(l, run[i]);
        disk_read_told(d, clock_mono_ms() - began, r != ERR_IO);
        load_end(d, run[i], r);
    }
}

/* No thread has begun with it. */
static void cancel(struct disk *d, struct disk_job *j)
{
    disk_segment_leave(d, j->disk_segment);
    put_back(j->generation, j);
    counter_add_shared(&d->store->counters.disk_bypassed, 1);
    disk_load_done(d, false);
    disk_job_free(j);
}

static void mark_late(struct disk_late *l)
{
    struct generation *g = l->generation;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, l->index);
    if (b != NULL && b->state == BLOCK_FILLING && b->disk_segment != SEGMENT_NONE)
        block_set_flags(b, b->flags | BLOCK_LATE);
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
    generation_unref(&l->generation);
}

void disk_load_drop(struct disk *d)
{
    for (struct disk_job *j; (j = disk_take_waiting(d)) != NULL;)
        cancel(d, j);
}

void disk_load_watch(struct disk *d)
{
    struct disk_late late[DISK_LOADING_MAX];
    if (!disk_is_slow(d))
        return;
    if (disk_is_up(d))
        disk_set_state(d, STORE_DISK_SLOW, "no read came back for long");
    int n = disk_take_late(d, clock_mono_ms() - d->store->disk_slow_ms, late);
    for (int i = 0; i < n; i++)
        mark_late(&late[i]);
    disk_load_drop(d);
}

void disk_load_all(struct disk *d)
{
    size_t room = (size_t)d->store->block_max_bytes + 2 * DISK_PAGE;
    struct loader l = {.d = d, .pages = disk_pages_get(room)};
    disk_decoder_init(&l.decoder, (size_t)d->store->block_max_bytes);
    struct disk_job *run[DISK_RUN];
    for (int n; (n = disk_take_loads(d, run)) > 0;)
        load_jobs(&l, run, n);
    disk_decoder_finish(&l.decoder);
    disk_pages_put(l.pages, room);
}
