/* SPDX-License-Identifier: MIT */

/* Chooses the disk, makes the jobs, runs the threads. Threads: any for what takes a generation; the
 * rest at start and end. */
#include "edge/store/disks.h"

#include "edge/policy/tags.h"
#include "edge/store/disk_load.h"
#include "edge/store/disk_recover.h"
#include "edge/store/disk_scrub.h"
#include "edge/store/disk_write.h"
#include "edge/store/object.h"
#include "edge/store/purge_image.h"
#include "edge/store/store.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/hrw.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define STOP_TURN_MS 100
#define AHEAD_LEAST  2 /* blocks after the one at hand that are always on their way */

struct disks {
    uint32_t count;
    struct disk v[];
};

uint32_t disks_count(const struct disks *ds)
{
    return ds->count;
}

struct disk *disks_at(struct disks *ds, uint32_t i)
{
    return &ds->v[i];
}

/* The disk of a key: of all, or of those that are not dead. */
static struct disk *choose(struct disks *ds, uint64_t key_hash, bool is_of_all)
{
    struct disk *best = NULL;
    double best_score = 0;
    for (uint32_t i = 0; i < ds->count; i++) {
        struct disk *d = &ds->v[i];
        double score = hrw_score(key_hash, d->name_hash, d->weight);
        if ((is_of_all || disk_is_up(d)) && (best == NULL || score > best_score)) {
            best = d;
            best_score = score;
        }
    }
    return best;
}

static bool owns(const struct disk *d, uint64_t key_hash)
{
    struct disks *ds = d->store->disks;
    return ds->count == 1 || choose(ds, key_hash, true) == d;
}

/* Of the disks that there are, and their weights. */
static uint64_t spread_of(const struct disks *ds)
{
    uint64_t spread = ds->count;
    for (uint32_t i = 0; i < ds->count; i++) {
        const struct disk *d = &ds->v[i];
        spread ^= hash64(&d->weight, sizeof(d->weight)) * (d->name_hash | 1);
    }
    return spread;
}

/* The disk of g, chosen now where it has none. NULL: none can be had. */
static struct disk *disk_of_locked(struct disks *ds, struct generation *g)
{
    if (g->roster.disk != DISK_NONE)
        return &ds->v[g->roster.disk];
    uint64_t key_hash = generation_key(g);
    struct disk *d = choose(ds, key_hash, false);
    if (d == NULL)
        return NULL;
    if (!owns(d, key_hash))
        atomic_store(&d->has_strays, true);
    g->roster.disk = (uint16_t)d->number;
    roster_add(&generation_store(g)->roster, &g->roster);
    return d;
}

/* The job of writing b, pinned, or NULL: not now. */
static struct disk_job *keep_locked(struct disks *ds, struct generation *g, struct block *b)
{
    struct store *st = generation_store(g);
    struct disk *d = disk_of_locked(ds, g);
    if (d == NULL || !disk_may_write(d, b->filled)) {
        counter_add_shared(&st->counters.disk_not_kept, 1);
        return NULL;
    }
    struct disk_job *j = disk_job_make(DISK_JOB_BLOCK);
    block_set_flags(b, b->flags | BLOCK_QUEUED);
    j->bytes = b->filled;
    j->index = block_index(b);
    j->checksum = b->checksum;
    j->segment = &st->segments.v[b->segment];
    j->offset = segments_offset(&st->segments, b);
    segment_ref(j->segment);
    generation_ref(g);
    j->generation = g;
    return j;
}

/* Asked at every hit of what lies on no disk. In the long run no disk has such room, and then none
 * is chosen, which takes a logarithm for each. */
static bool has_room(const struct store *st, const struct generation *g)
{
    struct disks *ds = st->disks;
    bool has_any = false;
    if (g->roster.disk != DISK_NONE)
        return disk_has_room(&ds->v[g->roster.disk]);
    for (uint32_t i = 0; i < ds->count && !has_any; i++)
        has_any = disk_has_room(&ds->v[i]);
    if (!has_any || ds->count == 1)
        return has_any;
    const struct disk *d = choose(ds, generation_key(g), false);
    return d != NULL && disk_has_room(d);
}

static void keep(struct store *st, struct generation *g, int64_t index)
{
    struct disk_job *j = NULL;
    struct disk *d = NULL;
    generation_lock(g);
    struct block *b = block_table_find(&g->table, index);
    if (b != NULL && b->state == BLOCK_PRESENT && generation_wants_disk_locked(g, b)) {
        j = keep_locked(st->disks, g, b);
        d = j != NULL ? &st->disks->v[g->roster.disk] : NULL;
    }
    generation_unlock(g);
    if (j != NULL)
        disk_write(d, j);
}

/* The disk that has something of g, or NULL. */
static struct disk *disk_with(struct store *st, struct generation *g)
{
    generation_lock(g);
    uint32_t number = g->roster.disk;
    generation_unlock(g);
    return number != DISK_NONE ? &st->disks->v[number] : NULL;
}

/* A block on a dead disk is given up: memory may have it from upstream. One that a read hangs over
 * cannot be: what it would be read into is the disk's until then. */
static int give_up_block(struct generation *g, int64_t index)
{
    generation_lock(g);
    struct block *b = block_table_find(&g->table, index);
    bool is_late = b != NULL && (b->flags & BLOCK_LATE) != 0;
    if (b != NULL && b->state == BLOCK_STORED)
        generation_close_locked(g, b);
    audience_wake(&g->audience, &g->table);
    generation_unlock(g);
    return is_late ? ERR_BUSY : ERR_NOT_FOUND;
}

static int load(struct store *st, struct generation *g, int64_t index)
{
    struct disk *d = disk_with(st, g);
    CHECK(d != NULL);
    if (!disk_is_up(d))
        return give_up_block(g, index);
    int r = disk_load_begin(d, g, index);
    disk_load_go(d, r == ERR_AGAIN);
    return r;
}

static bool is_stored_locked(const struct generation *g, int64_t index)
{
    const struct block *b = block_table_find(&g->table, index);
    return b != NULL && b->state == BLOCK_STORED;
}

/* Half of what lies ahead at once, or what is needed next: to wake a thread costs as much for one
 * block as for several. */
static bool is_ahead_short(struct generation *g, int64_t from, int64_t to)
{
    int64_t lacks = 0, near = from;
    generation_lock(g);
    for (int64_t i = to - 1; i >= from; i--) {
        if (!is_stored_locked(g, i))
            continue;
        lacks++;
        near = i;
    }
    generation_unlock(g);
    return lacks > 0 && (near <= from + AHEAD_LEAST || 2 * lacks >= to - from);
}

static void read_ahead(struct store *st, struct generation *g, int64_t from, int64_t to)
{
    struct disk *d = disk_with(st, g);
    int count = 0, r = ERR_AGAIN;
    if (d == NULL || !disk_is_up(d) || !is_ahead_short(g, from, to))
        return;
    for (int64_t i = from; i < to && r == ERR_AGAIN; i++) {
        generation_lock(g);
        bool is_stored = is_stored_locked(g, i);
        generation_unlock(g);
        if (!is_stored)
            continue;
        r = disk_load_begin(d, g, i);
        count += r == ERR_AGAIN;
    }
    disk_load_go(d, count);
}

void disks_refresh(struct store *st, struct generation *g)
{
    struct disk *d = st->disks != NULL ? disk_with(st, g) : NULL;
    if (d == NULL)
        return;
    struct disk_job *j = disk_job_make(DISK_JOB_OBJECT);
    generation_ref(g);
    j->generation = g;
    disk_write(d, j);
}

void disks_forget(struct store *st, struct generation *g)
{
    struct disk *d = st->disks != NULL ? disk_with(st, g) : NULL;
    if (d == NULL)
        return;
    disk_drop(d, g->roster.id);
}

void disks_purge(struct store *st, const struct purge_image *p, const struct store_key *key)
{
    uint8_t *payload = mem_alloc(PURGE_IMAGE_MAX);
    struct purge_image whole = *p;
    size_t n = purge_image_write(p, payload, PURGE_IMAGE_MAX);
    if (n == 0) { /* too long to be kept: too much is purged at the next start, never too little */
        whole.scope = (struct purge_scope){.kind = PURGE_ALL};
        n = purge_image_write(&whole, payload, PURGE_IMAGE_MAX);
    }
    for (uint32_t i = 0; i < st->disks->count; i++) {
        struct disk_job *j = disk_job_make(DISK_JOB_PURGE);
        j->record = (struct disk_record){.kind = DISK_PURGE, .length = (uint32_t)n};
        if (key != NULL) {
            j->record.key[0] = key->hash.lo;
            j->record.key[1] = key->hash.hi;
        }
        j->payload = mem_alloc(n);
        memcpy(j->payload, payload, n);
        disk_write(&st->disks->v[i], j);
    }
    mem_free(payload);
}

bool disks_sync(struct store *st, msec_t max_ms)
{
    struct disk_sync *s = disk_sync_create(st->disks->count);
    for (uint32_t i = 0; i < st->disks->count; i++) {
        struct disk_job *j = disk_job_make(DISK_JOB_SYNC);
        j->sync = s;
        disk_write(&st->disks->v[i], j);
    }
    return disk_sync_wait(s, max_ms);
}

/* One that fails already is left out until the next start: the others, and memory, do without. What
 * an operator has to mend (a path, a format) is an error instead. */
static int open_disk(struct disks *ds, struct store *st, const struct store_disk *config,
                     struct buf *why)
{
    struct disk *d = &ds->v[ds->count];
    d->number = ds->count;
    d->owns = owns;
    int r = disk_init(d, st, config, why);
    if (r != ERR_IO) {
        ds->count++;
        return r;
    }
    log_line(LOG_LEVEL_WARN, "disk-left-out", "path=\"%s\" error=\"%s\"", config->path,
             strerror(errno));
    disk_finish(d);
    *d = (struct disk){0};
    buf_clear(why);
    return 0;
}

int disks_create(struct disks **out, struct store *st, const struct disks_config *config,
                 struct buf *why)
{
    struct disks *ds = mem_zalloc(sizeof(*ds) + config->count * sizeof(struct disk));
    int r = 0;
    *out = ds;
    for (uint32_t i = 0; i < config->count && r == 0; i++) {
        r = open_disk(ds, st, &config->v[i], why);
        if (r == 0 && ds->count == 1)
            tag_secret_set(ds->v[0].medium.secret); /* nobody has asked for a tag yet */
    }
    st->disk_keep = keep;
    st->disk_has_room = has_room;
    st->disk_load = load;
    st->disk_read_ahead = read_ahead;
    return r;
}

static void *run_writer(void *ctx)
{
    disk_write_all(ctx);
    return NULL;
}

static void *run_loader(void *ctx)
{
    disk_load_all(ctx);
    return NULL;
}

/* All are read, or to end: those that were found to have nothing of another's say so. */
static void tell_spread(struct disks *ds)
{
    for (uint32_t i = 0; i < ds->count; i++) {
        struct disk_job *j = disk_job_make(DISK_JOB_SPREAD);
        j->id = spread_of(ds);
        if (disk_wait_recovered(&ds->v[i], 0))
            disk_write(&ds->v[i], j);
        else
            disk_job_free(j);
    }
}

static void *run_recovery(void *ctx)
{
    struct disk *d = ctx;
    disk_recover_run(d);
    if (newcomers_disk_read(&d->store->newcomers))
        tell_spread(d->store->disks);
    return NULL;
}

static void *run_scrub(void *ctx)
{
    disk_scrub_all(ctx);
    return NULL;
}

static const struct role {
    void *(*run)(void *ctx);
    char letter; /* in the thread's name */
} writer = {run_writer, 'w'}, loader = {run_loader, 'r'}, scrub = {run_scrub, 's'},
  recovery = {run_recovery, 'o'};

static int start_thread(struct disk *d, const struct role *r)
{
    char name[16];
    CHECK(d->threads_count < DISK_THREADS_MAX);
    snprintf(name, sizeof(name), "disk-%u-%c", d->number, r->letter);
    if (thread_start(&d->threads[d->threads_count], r->run, d, name) != 0)
        return ERR_NO_MEMORY;
    d->threads_count++;
    return 0;
}

static int start_disk(struct disk *d)
{
    int r = start_thread(d, &recovery);
    if (r == 0)
        r = start_thread(d, &writer);
    for (int i = 0; i < DISK_LOADERS && r == 0; i++)
        r = start_thread(d, &loader);
    if (r == 0 && d->store->disk_scrub_per_s > 0)
        r = start_thread(d, &scrub);
    return r;
}

int disks_start(struct disks *ds)
{
    int r = 0;
    for (uint32_t i = 0; i < ds->count; i++)
        ds->v[i].recovery = disk_recover_begin(&ds->v[i]);
    for (uint32_t i = 0; i < ds->count && r == 0; i++)
        r = start_disk(&ds->v[i]);
    return r;
}

/* Whether t ended within the turns that are left. Patience has turns, not a moment of its end:
 * where the whole machine stood still, the disk had no time to give. */
static bool has_ended(pthread_t t, int *turns)
{
    for (; *turns > 0; --*turns) {
        struct timespec until; /* of the wall clock: pthread_timedjoin_np */
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += STOP_TURN_MS * (NSEC_PER_SEC / MSEC_PER_SEC);
        until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
        until.tv_nsec %= NSEC_PER_SEC;
        if (pthread_timedjoin_np(t, NULL, &until) == 0)
            return true;
    }
    return pthread_tryjoin_np(t, NULL) == 0;
}

/* Whether all threads of d ended so. */
static bool join(struct disk *d, int *turns)
{
    int hanging = 0;
    while (d->threads_count > 0) {
        pthread_t t = d->threads[--d->threads_count];
        if (has_ended(t, turns))
            continue;
        pthread_detach(t);
        hanging++;
    }
    if (hanging > 0)
        log_line(LOG_LEVEL_WARN, "disk-hangs", "path=\"%s\" threads=%d queued_bytes=%lld",
                 d->medium.path, hanging, (long long)atomic_load(&d->queued_bytes));
    return hanging == 0;
}

bool disks_stop(struct disks *ds)
{
    int turns = STORE_STOP_MS / STOP_TURN_MS;
    bool is_good = true;
    if (ds == NULL)
        return true;
    for (uint32_t i = 0; i < ds->count; i++)
        disk_end(&ds->v[i]);
    for (uint32_t i = 0; i < ds->count; i++) {
        disk_load_drop(&ds->v[i]);
        is_good = join(&ds->v[i], &turns) && is_good;
    }
    return is_good;
}

bool disks_wait_open(struct disks *ds, msec_t max_ms)
{
    msec_t end = clock_mono_ms() + max_ms;
    for (uint32_t i = 0; ds != NULL && i < ds->count; i++) {
        msec_t left = end - clock_mono_ms();
        if (!disk_wait_recovered(&ds->v[i], max_ms < 0 ? -1 : left))
            return false;
    }
    return true;
}

bool disks_are_apart(const struct disks *ds)
{
    uint64_t spread = spread_of(ds);
    bool are_apart = true;
    for (uint32_t i = 0; i < ds->count && ds->count > 1; i++)
        are_apart = are_apart && ds->v[i].medium.spread == spread;
    return are_apart;
}

void disks_watch(struct disks *ds)
{
    for (uint32_t i = 0; ds != NULL && i < ds->count; i++)
        disk_load_watch(&ds->v[i]);
}

void disks_destroy(struct disks **pds)
{
    struct disks *ds = *pds;
    *pds = NULL;
    if (ds == NULL)
        return;
    for (uint32_t i = 0; i < ds->count; i++) {
        disk_recover_finish(&ds->v[i].recovery);
        disk_finish(&ds->v[i]);
    }
    mem_free(ds);
}
