/* SPDX-License-Identifier: MIT */

/* What the writing thread does with its jobs: records into a buffer, the buffer to the disk, and
 * only then the news into the blocks. A disk that fails a write is dead until a probe succeeds;
 * what was in the buffer stays in memory alone. Threads: the writer's. */
#include "edge/store/disk_write.h"

#include "edge/store/disk_code.h"
#include "edge/store/disk_log.h"
#include "edge/store/disk_place.h"
#include "edge/store/purge_image.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

static void write_block(struct disk *d, struct disk_job *j)
{
    struct object *o = disk_place_owner(j->generation);
    int r = o != NULL ? disk_log_object(d, o, false) : ERR_NOT_FOUND;
    if (r == 0) {
        const uint8_t *plain = segment_mem(j->segment) + j->offset;
        r = disk_log_block(d, o, j, disk_code(d, j, plain));
    }
    object_unref(&o);
    if (r == ERR_IO || r == ERR_NO_SPACE)
        counter_add_shared(&d->store->counters.disk_not_kept, 1);
    if (r != 0)
        disk_log_undo(d, j);
}

static void write_object(struct disk *d, struct disk_job *j)
{
    struct object *o = disk_place_owner(j->generation);
    if (o != NULL && disk_log_object(d, o, true) != 0)
        counter_add_shared(&d->store->counters.disk_not_kept, 1);
    object_unref(&o);
    disk_job_free(j);
}

/* Where nothing was ever written there is nothing to purge. */
static bool is_empty(const struct disk *d)
{
    return d->writer.sequence == 0;
}

static void write_drop(struct disk *d, struct disk_job *j)
{
    if (!is_empty(d) && disk_log_drop(d, j->id) != 0) {
        counter_add_shared(&d->store->counters.disk_not_kept, 1);
        d->writer.has_missed = true; /* else what was replaced would be back at the next start */
    }
    disk_job_free(j);
}

static void write_purge(struct disk *d, struct disk_job *j)
{
    if (!is_empty(d) && disk_log_purge(d, &j->record, j->payload) != 0)
        d->writer.has_missed = true;
    disk_job_free(j);
}

static void write_sync(struct disk *d, struct disk_job *j)
{
    bool is_good = is_empty(d) || (!d->writer.has_missed && disk_log_sync(d) == 0);
    disk_sync_tell(j->sync, is_good);
    disk_job_free(j);
}

/* Said once all disks are read: nothing that came meanwhile says otherwise. */
static void write_spread(struct disk *d, struct disk_job *j)
{
    if (!atomic_load(&d->has_strays) && disk_is_up(d) && medium_disk_spread(&d->medium, j->id) != 0)
        disk_fault(d, "write of its spread");
    disk_job_free(j);
}

static void write_job(struct disk *d, struct disk_job *j)
{
    switch (j->kind) {
    case DISK_JOB_BLOCK:
        write_block(d, j);
        break;
    case DISK_JOB_OBJECT:
        write_object(d, j);
        break;
    case DISK_JOB_DROP:
        write_drop(d, j);
        break;
    case DISK_JOB_PURGE:
        write_purge(d, j);
        break;
    case DISK_JOB_SYNC:
        write_sync(d, j);
        break;
    case DISK_JOB_SPREAD:
        write_spread(d, j);
        break;
    case DISK_JOB_MOVE:
    case DISK_JOB_LOAD:
        CHECK(false);
    }
}

/* How long to wait for more; -1: for ever. */
static msec_t patience_ms(const struct disk *d)
{
    if (!disk_is_up(d))
        return DISK_PROBE_MS;
    if (d->writer.filled == 0)
        return -1;
    msec_t left = d->writer.pending_since + DISK_FLUSH_MS - clock_mono_ms();
    return left > 0 ? left : 0;
}

/* What lies in the buffer is lost with the process: it waits for company, but not long. Nor does it
 * where it is short, but holds much memory: what is coded. */
static void flush_if_due(struct disk *d)
{
    const struct disk_writer *w = &d->writer;
    if (w->filled >= DISK_FLUSH_BYTES || w->pinned >= DISK_FLUSH_BYTES ||
        (w->filled > 0 && clock_mono_ms() - w->pending_since >= DISK_FLUSH_MS))
        disk_log_flush(d);
}

/* Purges and drops that it could not take, or not carry on: after the next start all that it holds
 * by then is validated. */
static void make_good(struct disk *d)
{
    static const struct purge_image all = {.is_soft = true, .scope = {.kind = PURGE_ALL}};
    uint8_t payload[64];
    struct disk_record r = {.kind = DISK_PURGE};
    if (!d->writer.has_missed || !disk_is_up(d))
        return;
    r.length = (uint32_t)purge_image_write(&all, payload, sizeof(payload));
    if (disk_log_purge(d, &r, payload) == 0 && disk_log_sync(d) == 0)
        d->writer.has_missed = false;
}

static void probe(struct disk *d)
{
    msec_t now = clock_mono_ms();
    if (disk_is_up(d) || now < atomic_load(&d->probe_at))
        return;
    atomic_store(&d->probe_at, now + DISK_PROBE_MS);
    if (medium_disk_probe(&d->medium) != 0)
        return;
    atomic_store(&d->faults, 0);
    disk_set_state(d, STORE_DISK_UP, "a probe was written and read");
}

void disk_write_all(struct disk *d)
{
    struct list jobs;
    list_init(&jobs);
    d->writer.coder = disk_coder_create(d->store);
    while (disk_take_writes(d, &jobs, patience_ms(d))) {
        for (struct list *l; (l = list_pop(&jobs)) != NULL;) {
            write_job(d, LIST_THING(l, struct disk_job, link));
            flush_if_due(d);
        }
        probe(d);
        make_good(d);
        flush_if_due(d);
    }
    disk_coder_destroy(&d->writer.coder);
    disk_log_close(d);
    if (!is_empty(d) && disk_log_sync(d) != 0)
        LOG_WARN("disk-not-synced", "path=\"%s\"", d->medium.path);
}
