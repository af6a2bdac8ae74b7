/* SPDX-License-Identifier: MIT */

/* Appends records to the open segment, through a buffer that is written in whole pages; when the
 * segment is full its summary is written and the next one opened, and where that was the last free
 * one, another is given up (disk_turn.h): blocks of it that were read from the disk since they came
 * are moved (bounded), heads of objects that have blocks here are written again, the rest is
 * forgotten. Threads: the writer's. */
#include "edge/store/disk_log.h"

#include "edge/store/disk_orders.h"
#include "edge/store/disk_place.h"
#include "edge/store/disk_scan.h"
#include "edge/store/disk_turn.h"
#include "edge/store/object.h"
#include "edge/store/purge_marks.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <errno.h>

#define BARRED_MS 10000

static void written(struct disk *d, size_t n)
{
    counter_add_shared(&d->store->counters.disk_written_bytes, n);
}

/* The head that was in the buffer never came to the disk. */
static void forget_head(struct disk *d, struct generation *g)
{
    generation_lock(g);
    if (g->disk_object == d->writer.segment)
        g->disk_object = SEGMENT_NONE;
    generation_unlock(g);
}

void disk_log_undo(struct disk *d, struct disk_job *j)
{
    if (j->kind == DISK_JOB_OBJECT)
        forget_head(d, j->generation);
    else
        disk_place_abandon(j);
    if (j->kind == DISK_JOB_BLOCK)
        atomic_fetch_sub_explicit(&d->queued_bytes, j->bytes, memory_order_relaxed);
    disk_job_free(j);
}

static void count_block(struct store_counters *c, const struct disk_record *r)
{
    counter_add_shared(&c->disk_written_blocks, 1);
    if (r->kind != DISK_CODED)
        return;
    counter_add_shared(&c->disk_coded_blocks, 1);
    counter_add_shared(&c->disk_coded_saved_bytes, r->plain.bytes - r->length);
}

static void commit(struct disk *d, struct disk_job *j)
{
    if (j->kind != DISK_JOB_OBJECT)
        disk_place_commit(d, j);
    if (j->kind == DISK_JOB_BLOCK) {
        atomic_fetch_sub_explicit(&d->queued_bytes, j->bytes, memory_order_relaxed);
        count_block(&d->store->counters, &j->record);
    } else if (j->kind == DISK_JOB_MOVE) {
        counter_add_shared(&d->store->counters.disk_moved_bytes, j->bytes);
    }
    disk_job_free(j);
}

/* The segment is left as it is: what was flushed can be read. */
static void give_up(struct disk *d, const char *doing)
{
    struct disk_writer *w = &d->writer;
    disk_fault(d, doing);
    for (struct list *l; (l = list_pop(&w->pending)) != NULL;) {
        counter_add_shared(&d->store->counters.disk_not_kept, 1);
        disk_log_undo(d, LIST_THING(l, struct disk_job, link));
    }
    if (w->segment != SEGMENT_NONE)
        d->segments[w->segment].state = DISK_SEGMENT_SEALED;
    w->segment = SEGMENT_NONE;
    w->filled = w->pinned = 0;
}

void disk_log_flush(struct disk *d)
{
    struct disk_writer *w = &d->writer;
    size_t n = disk_up(w->filled, DISK_PAGE);
    if (n == 0)
        return;
    memset(w->buffer + w->filled, 0, n - w->filled);
    if (medium_disk_write(&d->medium, w->segment, w->flushed, w->buffer, n) != 0) {
        give_up(d, "write");
        return;
    }
    written(d, n);
    w->flushed += (uint32_t)n;
    w->filled = w->pinned = 0;
    for (struct list *l; (l = list_pop(&w->pending)) != NULL;)
        commit(d, LIST_THING(l, struct disk_job, link));
}

/* The summary, in pieces of the buffer. */
static int write_summary(struct disk *d, uint32_t at)
{
    struct disk_writer *w = &d->writer;
    for (size_t done = 0; done < w->summary.n;) {
        size_t left = w->summary.n - done, piece = left < w->room ? left : w->room;
        size_t n = disk_up(piece, DISK_PAGE);
        memcpy(w->buffer, w->summary.p + done, piece);
        memset(w->buffer + piece, 0, n - piece);
        if (medium_disk_write(&d->medium, w->segment, at + done, w->buffer, n) != 0)
            return ERR_IO;
        written(d, n);
        done += piece;
    }
    return 0;
}

static int write_foot(struct disk *d, uint32_t summary_at)
{
    struct disk_writer *w = &d->writer;
    struct disk_foot foot = {.records = w->records,
                             .sequence = w->sequence,
                             .summary_at = summary_at,
                             .summary_bytes = (uint32_t)w->summary.n,
                             .summary_sum = hash64(w->summary.p, w->summary.n)};
    disk_foot_seal(&foot);
    memset(w->buffer, 0, DISK_PAGE);
    memcpy(w->buffer, &foot, sizeof(foot));
    written(d, DISK_PAGE);
    return medium_disk_write(&d->medium, w->segment, d->medium.segment_bytes - DISK_PAGE, w->buffer,
                             DISK_PAGE);
}

void disk_log_close(struct disk *d)
{
    struct disk_writer *w = &d->writer;
    disk_log_flush(d);
    if (w->segment == SEGMENT_NONE)
        return;
    if (write_summary(d, w->flushed) != 0 || write_foot(d, w->flushed) != 0) {
        give_up(d, "write of a summary");
        return;
    }
    d->segments[w->segment].state = DISK_SEGMENT_SEALED;
    d->segments[w->segment].is_unsynced = true;
    w->segment = SEGMENT_NONE;
}

static bool fits_segment(const struct disk *d, uint32_t length, bool is_object)
{
    const struct disk_writer *w = &d->writer;
    uint64_t end = disk_payload_at((uint64_t)w->flushed + w->filled, length) + length;
    uint64_t summary = w->summary.n + sizeof(struct disk_record) + (is_object ? length : 0);
    return disk_up(end, DISK_PAGE) + disk_up(summary, DISK_PAGE) + DISK_PAGE <=
           d->medium.segment_bytes;
}

static bool fits_buffer(const struct disk *d, uint32_t length)
{
    const struct disk_writer *w = &d->writer;
    uint64_t end = disk_payload_at((uint64_t)w->flushed + w->filled, length) + length;
    return disk_up(end, DISK_PAGE) - w->flushed <= w->room;
}

/* There is room for it in the segment and the buffer. */
static void put(struct disk *d, struct disk_record *r, const void *payload)
{
    struct disk_writer *w = &d->writer;
    uint64_t at = (uint64_t)w->flushed + w->filled;
    r->sequence = w->sequence;
    r->at = (uint32_t)disk_payload_of(r, at);
    disk_record_seal(r);
    uint8_t *to = w->buffer + w->filled, *data = w->buffer + (r->at - w->flushed);
    memcpy(to, r, sizeof(*r));
    memset(to + sizeof(*r), 0, (size_t)(data - to) - sizeof(*r));
    if (r->length > 0)
        memcpy(data, payload, r->length);
    uint64_t end = disk_up((uint64_t)r->at + r->length, DISK_RECORD_ALIGN);
    memset(data + r->length, 0, end - r->at - r->length);
    if (w->filled == 0)
        w->pending_since = clock_mono_ms();
    w->filled = (uint32_t)(end - w->flushed);
    w->records++;
    buf_add(&w->summary, r, sizeof(*r));
    if (disk_has_summary(r))
        buf_add(&w->summary, payload, r->length);
}

/* The head of g's object, in the buffer. */
static void put_object(struct disk *d, struct object *o)
{
    struct disk_writer *w = &d->writer;
    struct generation *g = o->generation;
    struct store_key key = object_key(o);
    struct disk_record r = {.kind = DISK_OBJECT,
                            .length = (uint32_t)w->image.n,
                            .generation = g->roster.id,
                            .key = {key.hash.lo, key.hash.hi},
                            .payload_sum = hash64(w->image.p, w->image.n)};
    put(d, &r, w->image.p);
    generation_lock(g);
    g->disk_object = w->segment;
    generation_unlock(g);
    struct disk_job *j = disk_job_make(DISK_JOB_OBJECT);
    generation_ref(g);
    j->generation = g;
    list_push_back(&w->pending, &j->link);
}

/* Of j->record kind, length and sums are given. */
static void put_block(struct disk *d, const struct object *o, struct disk_job *j,
                      const void *payload)
{
    struct disk_record *r = &j->record;
    r->generation = j->generation->roster.id;
    r->index = (uint64_t)j->index;
    if (r->kind == DISK_BLOCK) {
        struct store_key key = object_key(o);
        r->key[0] = key.hash.lo;
        r->key[1] = key.hash.hi;
    }
    put(d, r, payload);
    j->written_at = disk_spot(r);
    if (j->kind == DISK_JOB_BLOCK)
        d->writer.pinned += j->bytes;
    list_push_back(&d->writer.pending, &j->link);
}

static int image_of(struct disk *d, const struct object *o)
{
    struct buf *image = &d->writer.image;
    buf_clear(image);
    object_image_write(o, image);
    return buf_overflowed(image) ? ERR_TOO_BIG : 0;
}

/* A purge of many leaves objects to be compared with it later: who is written behind it must have
 * been. */
static bool is_purged(const struct disk *d, struct object *o)
{
    uint64_t newest, known = object_purges_known(o);
    struct purge_marks *marks = d->store->marks;
    if (object_is(o, OBJECT_PURGED))
        return true;
    if (known >= purge_marks_newest(marks))
        return false;
    enum purge_verdict v = purge_marks_judge(marks, o, known, &newest);
    if (v == PURGE_VERDICT_SOFT)
        object_set(o, OBJECT_SOFT_PURGED);
    return v == PURGE_VERDICT_HARD;
}

/* Of a segment that is given up. */
static bool read_payload(struct disk *d, uint32_t segment, const struct disk_record *r,
                         const uint8_t **payload)
{
    const struct medium_piece piece = {segment, r->at, r->length};
    if (medium_disk_around(&piece) > d->writer.room ||
        medium_disk_read_around(&d->medium, &piece, d->writer.moved, payload) != 0)
        return false;
    if (hash64(*payload, r->length) == r->payload_sum)
        return true;
    counter_add_shared(&d->store->counters.disk_corrupt, 1);
    return false;
}

/* Into the open segment, if there is room and it is whole. */
static bool move_block(struct disk *d, uint32_t segment, const struct disk_record *r,
                       struct generation *g)
{
    const uint8_t *payload;
    if (d->writer.segment == SEGMENT_NONE || !read_payload(d, segment, r, &payload))
        return false;
    if (!fits_buffer(d, r->length))
        disk_log_flush(d);
    struct object *o = disk_place_owner(g);
    bool is_moved =
        o != NULL && d->writer.segment != SEGMENT_NONE && fits_segment(d, r->length, false);
    if (is_moved) {
        struct disk_job *j = mem_zalloc(sizeof(*j));
        *j = (struct disk_job){.kind = DISK_JOB_MOVE,
                               .bytes = r->length,
                               .generation = g,
                               .index = (int64_t)r->index,
                               .checksum = disk_plain_sum(r),
                               .disk_segment = segment,
                               .disk_at = disk_spot(r),
                               .record = *r};
        list_init(&j->link);
        generation_ref(g);
        put_block(d, o, j, payload);
    }
    object_unref(&o);
    return is_moved;
}

/* Those of so many uses, as long as the budget lasts. */
static void move_used(struct disk *d, const struct disk_turn *t, uint32_t uses, int64_t *budget)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct disk_record *r = &t->v[i].record;
        if (t->v[i].uses != uses || *budget < r->length)
            continue;
        struct generation *g = generation_known(d->store, r->generation);
        if (g != NULL && move_block(d, t->segment, r, g))
            *budget -= r->length;
        generation_unref(&g);
    }
}

/* The head of g's object is written again, where that is needed. */
static void renew_head(struct disk *d, uint32_t segment, struct generation *g)
{
    generation_lock(g);
    bool is_newest = g->disk_object == segment;
    bool is_needed = is_newest && generation_disk_held_locked(g) > 0;
    if (is_newest)
        g->disk_object = SEGMENT_NONE;
    generation_unlock(g);
    struct object *o = is_needed ? disk_place_owner(g) : NULL;
    if (o != NULL && d->writer.segment != SEGMENT_NONE && !is_purged(d, o) && image_of(d, o) == 0) {
        uint32_t length = (uint32_t)d->writer.image.n;
        if (!fits_buffer(d, length))
            disk_log_flush(d);
        if (d->writer.segment != SEGMENT_NONE && fits_segment(d, length, true))
            put_object(d, o);
    }
    object_unref(&o);
}

/* Blocks are forgotten, or heads come. */
static void forget(struct disk *d, const struct disk_turn *t, bool are_blocks)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct disk_record *r = &t->v[i].record;
        bool is_due = disk_is_block(r) == are_blocks;
        struct generation *g = is_due ? generation_known(d->store, r->generation) : NULL;
        if (g != NULL && !are_blocks)
            renew_head(d, t->segment, g);
        else if (g != NULL && disk_place_clear(g, r, t->segment))
            counter_add_shared(&d->store->counters.disk_evicted_blocks, 1);
        generation_unref(&g);
    }
}

/* Into the open segment, or, where there is none, into the next one. What finds no room there is
 * made good by who sees has_missed. */
static void put_orders(struct disk *d)
{
    struct disk_writer *w = &d->writer;
    struct disk_record r;
    const uint8_t *payload;
    if (w->segment == SEGMENT_NONE)
        return;
    for (size_t at = 0; disk_orders_next(d, &at, &r, &payload);) {
        if (!fits_buffer(d, r.length))
            disk_log_flush(d);
        if (w->segment != SEGMENT_NONE && fits_segment(d, r.length, true))
            put(d, &r, payload);
        else
            w->has_missed = true;
    }
    disk_orders_clear(d);
}

/* Drops and purges go on first, then what is used most is moved, what is left forgotten, and heads
 * come, of objects that have blocks elsewhere. */
static void reclaim(struct disk *d, const struct disk_turn *t)
{
    int64_t budget = d->medium.segment_bytes / DISK_MOVE_SHARE;
    put_orders(d);
    for (uint32_t uses = DISK_PLACE_USES_MAX; uses > 0; uses--)
        move_used(d, t, uses, &budget);
    disk_log_flush(d); /* what is moved lies elsewhere from here */
    forget(d, t, true);
    forget(d, t, false);
    disk_log_flush(d);
}

/* The one whose turn it is is free, or the disk is dead. Where it cannot be read, blocks that still
 * point there fail their checksum when they are read. false: there is none. */
static bool reclaim_next(struct disk *d)
{
    struct disk_turn t;
    if (!disk_wait_recovered(d, -1))
        return false; /* whose blocks lie where is not known before the start is over */
    disk_turn_next(d, &t);
    uint32_t segment = t.segment;
    if (segment != SEGMENT_NONE)
        reclaim(d, &t);
    if (segment != SEGMENT_NONE && !t.is_read)
        LOG_WARN_LIMITED("disk-segment-unreadable", "path=\"%s\" segment=%u", d->medium.path,
                         segment);
    disk_turn_finish(&t);
    if (segment == SEGMENT_NONE)
        return false;
    disk_segment_wait(d, segment);
    d->segments[segment].state = DISK_SEGMENT_FREE;
    return true;
}

/* Free, and its file is there, or may be made. Those with a file first. */
static uint32_t free_segment(const struct disk *d)
{
    uint32_t other = SEGMENT_NONE;
    for (uint32_t i = 0; i < d->medium.count; i++) {
        const struct disk_segment *s = &d->segments[i];
        if (s->state != DISK_SEGMENT_FREE || s->is_barred)
            continue;
        if (d->medium.fds[i] >= 0)
            return i;
        if (other == SEGMENT_NONE)
            other = i;
    }
    return other;
}

/* The file system has no room for one more file: what there is must do for a while. */
static void bar_the_rest(struct disk *d)
{
    for (uint32_t i = 0; i < d->medium.count; i++)
        d->segments[i].is_barred = d->medium.fds[i] < 0;
    atomic_store(&d->has_unmade, false); /* until one is made again */
    d->writer.barred_until = clock_mono_ms() + BARRED_MS;
    LOG_WARN_LIMITED("disk-full", "path=\"%s\" used_bytes=%lld error=\"%s\"", d->medium.path,
                     (long long)atomic_load(&d->used_bytes), strerror(errno));
}

static bool is_want_of_room(int e)
{
    return e == ENOSPC || e == EDQUOT || e == EFBIG;
}

/* A free segment with a file. */
static int take_segment(struct disk *d, uint32_t *out)
{
    for (;;) {
        *out = free_segment(d);
        if (*out == SEGMENT_NONE && !reclaim_next(d))
            return ERR_NO_SPACE;
        if (*out == SEGMENT_NONE)
            continue;
        bool is_new = d->medium.fds[*out] < 0;
        if (medium_disk_make(&d->medium, *out) == 0) {
            if (is_new) {
                atomic_fetch_add(&d->used_bytes, d->medium.segment_bytes);
                atomic_store(&d->has_unmade, medium_disk_has_unmade(&d->medium));
            }
            return 0;
        }
        if (!is_want_of_room(errno)) {
            give_up(d, "making a file");
            return ERR_IO;
        }
        bar_the_rest(d);
    }
}

static int open_segment(struct disk *d)
{
    struct disk_writer *w = &d->writer;
    uint32_t segment;
    if (w->barred_until != 0 && clock_mono_ms() >= w->barred_until) {
        w->barred_until = 0;
        for (uint32_t i = 0; i < d->medium.count; i++)
            d->segments[i].is_barred = false;
    }
    int r = take_segment(d, &segment);
    if (r != 0)
        return r;
    struct disk_head head = {.segment_bytes = d->medium.segment_bytes,
                             .sequence = ++w->sequence,
                             .disk_id = d->medium.id};
    disk_head_seal(&head);
    memset(w->buffer, 0, DISK_PAGE);
    memcpy(w->buffer, &head, sizeof(head));
    if (medium_disk_write(&d->medium, segment, 0, w->buffer, DISK_PAGE) != 0) {
        give_up(d, "write");
        return ERR_IO;
    }
    written(d, DISK_PAGE);
    d->segments[segment].sequence = w->sequence;
    atomic_store(&d->segments[segment].pinned_bytes, 0);
    d->segments[segment].state = DISK_SEGMENT_OPEN;
    d->segments[segment].is_unsynced = false;
    w->segment = segment;
    w->flushed = DISK_PAGE;
    w->filled = w->pinned = w->records = 0;
    buf_clear(&w->summary);
    put_orders(d);
    if (free_segment(d) == SEGMENT_NONE && atomic_load(&d->unread) == 0)
        reclaim_next(d);
    return w->segment != SEGMENT_NONE ? 0 : ERR_IO;
}

/* Room for a record, in the buffer and the segment. */
static int make_room(struct disk *d, uint32_t length, bool is_object)
{
    struct disk_writer *w = &d->writer;
    if (!disk_is_up(d))
        return ERR_IO;
    if (w->segment != SEGMENT_NONE && !fits_buffer(d, length))
        disk_log_flush(d);
    if (w->segment != SEGMENT_NONE && !fits_segment(d, length, is_object))
        disk_log_close(d);
    if (!disk_is_up(d))
        return ERR_IO;
    int r = w->segment == SEGMENT_NONE ? open_segment(d) : 0;
    if (r == 0 && !fits_buffer(d, length))
        disk_log_flush(d);
    return r == 0 && w->segment == SEGMENT_NONE ? ERR_IO : r;
}

int disk_log_object(struct disk *d, struct object *o, bool again)
{
    struct generation *g = o->generation;
    generation_lock(g);
    bool is_there = g->disk_object != SEGMENT_NONE;
    generation_unlock(g);
    if (is_purged(d, o))
        return ERR_CHANGED;
    if (is_there && !again)
        return 0;
    if (atomic_load(&d->has_strays) && medium_disk_spread(&d->medium, 0) != 0)
        return ERR_IO; /* the next start would take it for the disk's own */
    int r = image_of(d, o);
    uint32_t length = (uint32_t)d->writer.image.n;
    if (r == 0)
        r = make_room(d, length, true);
    if (r == 0 && is_purged(d, o))
        r = ERR_CHANGED;
    if (r == 0)
        r = image_of(d, o); /* making room may have used it for another */
    if (r == 0)
        put_object(d, o);
    return r;
}

int disk_log_block(struct disk *d, const struct object *o, struct disk_job *j, const void *payload)
{
    int r = make_room(d, j->record.length, false);
    if (r == 0)
        put_block(d, o, j, payload);
    return r;
}

int disk_log_drop(struct disk *d, uint64_t id)
{
    struct disk_record r = {.kind = DISK_DROP, .generation = id};
    int err = make_room(d, 0, false);
    if (err == 0)
        put(d, &r, NULL);
    return err;
}

int disk_log_purge(struct disk *d, const struct disk_record *r, const void *payload)
{
    struct disk_record record = *r;
    int err = make_room(d, r->length, true);
    record.payload_sum = hash64(payload, r->length);
    if (err == 0)
        put(d, &record, payload);
    return err;
}

/* The full ones that nobody waited for when they were closed. */
static int sync_sealed(struct disk *d)
{
    for (uint32_t i = 0; i < d->medium.count; i++) {
        struct disk_segment *s = &d->segments[i];
        if (s->is_unsynced && medium_disk_sync(&d->medium, i) != 0)
            return ERR_IO;
        s->is_unsynced = false;
    }
    return 0;
}

int disk_log_sync(struct disk *d)
{
    struct disk_writer *w = &d->writer;
    disk_log_flush(d);
    if (!disk_is_up(d))
        return ERR_IO;
    int r = sync_sealed(d);
    if (r == 0 && w->segment != SEGMENT_NONE)
        r = medium_disk_sync(&d->medium, w->segment);
    if (r != 0)
        give_up(d, "sync");
    return r;
}
