/* SPDX-License-Identifier: MIT */

/* One disk's queues, and how it is. What the jobs do is not known here. Threads: any, but init and
 * finish. */
#include "edge/store/disk.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_SPARE (2u << 20) /* beside the largest block */
#define SUMMARY_MAX  ((size_t)1 << 30)

int disk_init(struct disk *d, struct store *st, const struct store_disk *config, struct buf *why)
{
    d->store = st;
    d->weight = config->weight;
    d->name_hash = hash64(config->path, strlen(config->path));
    list_init(&d->writes);
    list_init(&d->loads);
    list_init(&d->loading);
    pthread_mutex_init(&d->lock, NULL);
    disk_cond_init(&d->has_write);
    disk_cond_init(&d->has_load);
    disk_cond_init(&d->has_left);
    disk_cond_init(&d->has_end);
    struct disk_writer *w = &d->writer;
    w->segment = SEGMENT_NONE;
    list_init(&w->pending);
    buf_init(&w->summary, SUMMARY_MAX);
    buf_init(&w->image, OBJECT_IMAGE_MAX);
    buf_init(&w->orders, SUMMARY_MAX);
    int r = medium_disk_open(&d->medium, config, (uint32_t)st->block_max_bytes, why);
    if (r == 0 && st->disk_code_level > 0)
        r = medium_disk_allow_coded(&d->medium, why);
    if (r != 0)
        return r;
    int64_t loads = st->memory_bytes / 8 / st->block_max_bytes;
    if (loads < DISK_LOADS_MIN)
        loads = DISK_LOADS_MIN;
    d->loads_max = loads < DISK_LOADS_MAX ? (int)loads : DISK_LOADS_MAX;
    d->segments = mem_zarray(d->medium.count, sizeof(*d->segments));
    atomic_store(&d->has_unmade, medium_disk_has_unmade(&d->medium));
    w->room = (size_t)st->block_max_bytes + BUFFER_SPARE;
    w->buffer = disk_pages_get(w->room);
    w->moved = disk_pages_get(w->room);
    return 0;
}

void disk_finish(struct disk *d)
{
    struct disk_writer *w = &d->writer;
    CHECK(list_is_empty(&d->writes) && list_is_empty(&d->loads) && list_is_empty(&w->pending));
    CHECK(d->recovery == NULL);
    disk_pages_put(w->buffer, w->room);
    disk_pages_put(w->moved, w->room);
    buf_finish(&w->summary);
    buf_finish(&w->image);
    buf_finish(&w->orders);
    mem_free(d->segments);
    medium_disk_close(&d->medium);
    pthread_cond_destroy(&d->has_write);
    pthread_cond_destroy(&d->has_load);
    pthread_cond_destroy(&d->has_left);
    pthread_cond_destroy(&d->has_end);
    pthread_mutex_destroy(&d->lock);
}

static int64_t queue_bound(const struct disk *d)
{
    int64_t bound = d->store->memory_bytes / 4;
    return bound < DISK_QUEUE_BYTES ? bound : DISK_QUEUE_BYTES;
}

bool disk_is_behind(const struct disk *d)
{
    return atomic_load_explicit(&d->queued_bytes, memory_order_relaxed) > queue_bound(d) / 2;
}

bool disk_has_room(const struct disk *d)
{
    return atomic_load_explicit(&d->has_unmade, memory_order_relaxed) && !disk_is_behind(d) &&
           atomic_load_explicit(&d->state, memory_order_relaxed) == STORE_DISK_UP;
}

bool disk_may_write(struct disk *d, uint32_t bytes)
{
    int64_t bound = queue_bound(d);
    int64_t before = atomic_fetch_add_explicit(&d->queued_bytes, bytes, memory_order_relaxed);
    if (disk_is_up(d) && before + bytes <= bound)
        return true;
    atomic_fetch_sub_explicit(&d->queued_bytes, bytes, memory_order_relaxed);
    return false;
}

static bool is_slow(struct disk *d, int loads_out)
{
    if (atomic_load_explicit(&d->state, memory_order_relaxed) == STORE_DISK_SLOW)
        return true;
    msec_t at = atomic_load_explicit(&d->progress_at, memory_order_relaxed);
    return loads_out > 0 && clock_mono_ms() - at > d->store->disk_slow_ms;
}

bool disk_is_slow(struct disk *d)
{
    return is_slow(d, atomic_load_explicit(&d->loads_out, memory_order_relaxed));
}

bool disk_may_load(struct disk *d)
{
    /* Before it counts: who sees a load on the way sees when it, or one before it, began. */
    if (atomic_load(&d->loads_out) == 0)
        atomic_store(&d->progress_at, clock_mono_ms());
    int before = atomic_fetch_add(&d->loads_out, 1);
    int bound = is_slow(d, before) ? DISK_LOADS_SLOW : d->loads_max;
    if (before < bound)
        return true;
    atomic_fetch_sub_explicit(&d->loads_out, 1, memory_order_relaxed);
    return false;
}

void disk_load_done(struct disk *d, bool has_come)
{
    if (has_come)
        atomic_store_explicit(&d->progress_at, clock_mono_ms(), memory_order_relaxed);
    atomic_fetch_sub_explicit(&d->loads_out, 1, memory_order_relaxed);
}

/* Nobody writes any more. */
static bool has_ended_locked(const struct disk *d)
{
    return d->is_ending && !d->is_recovering;
}

void disk_write(struct disk *d, struct disk_job *j)
{
    pthread_mutex_lock(&d->lock);
    bool is_late = has_ended_locked(d);
    if (!is_late)
        list_push_back(&d->writes, &j->link);
    pthread_cond_signal(&d->has_write);
    pthread_mutex_unlock(&d->lock);
    if (is_late)
        disk_job_free(j);
}

void disk_load(struct disk *d, struct disk_job *j)
{
    j->since = clock_mono_ms();
    pthread_mutex_lock(&d->lock);
    list_push_back(&d->loads, &j->link);
    pthread_mutex_unlock(&d->lock);
}

/* Outside of the lock: whom it wakes would wait for it at once. */
void disk_load_go(struct disk *d, int count)
{
    for (int i = 0; i < count; i += DISK_RUN)
        pthread_cond_signal(&d->has_load);
}

/* Whether b is the record after a's in its segment, and both go as they lie into pages. */
static bool lies_next(const struct disk_job *a, const struct disk_job *b)
{
    return a->has_pages && b->has_pages && a->disk_segment == b->disk_segment &&
           b->disk_at == a->disk_at + a->bytes + DISK_PAGE &&
           (a->disk_at | a->bytes | b->bytes) % DISK_PAGE == 0;
}

int disk_take_loads(struct disk *d, struct disk_job *out[DISK_RUN])
{
    int n = 0;
    pthread_mutex_lock(&d->lock);
    while (list_is_empty(&d->loads) && !d->is_ending)
        pthread_cond_wait(&d->has_load, &d->lock);
    while (n < DISK_RUN && !list_is_empty(&d->loads)) {
        struct disk_job *j = LIST_THING(d->loads.next, struct disk_job, link);
        if (n > 0 && !lies_next(out[n - 1], j))
            break;
        list_remove(&j->link);
        j->since = clock_mono_ms();
        list_push_back(&d->loading, &j->link);
        out[n++] = j;
    }
    pthread_mutex_unlock(&d->lock);
    return n;
}

void disk_end_load(struct disk *d, struct disk_job *j)
{
    pthread_mutex_lock(&d->lock);
    list_remove(&j->link);
    pthread_mutex_unlock(&d->lock);
}

struct disk_job *disk_take_waiting(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    struct list *l = list_pop(&d->loads);
    pthread_mutex_unlock(&d->lock);
    return l != NULL ? LIST_THING(l, struct disk_job, link) : NULL;
}

int disk_take_late(struct disk *d, msec_t since, struct disk_late out[DISK_LOADING_MAX])
{
    int n = 0;
    pthread_mutex_lock(&d->lock);
    LIST_EACH(l, &d->loading)
    {
        const struct disk_job *j = LIST_THING(l, struct disk_job, link);
        if (j->since >= since)
            continue;
        generation_ref(j->generation);
        out[n++] = (struct disk_late){.generation = j->generation, .index = j->index};
    }
    pthread_mutex_unlock(&d->lock);
    return n;
}

bool disk_rest(struct disk *d, msec_t wait_ms)
{
    struct timespec until = disk_after_ms(wait_ms);
    int r = 0;
    pthread_mutex_lock(&d->lock);
    while (!d->is_ending && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&d->has_end, &d->lock, &until);
    bool is_end = d->is_ending;
    pthread_mutex_unlock(&d->lock);
    return !is_end;
}

void disk_recovered(struct disk *d, bool is_whole)
{
    pthread_mutex_lock(&d->lock);
    if (is_whole)
        atomic_store(&d->unread, 0);
    d->is_recovering = false;
    pthread_cond_broadcast(&d->has_end);
    pthread_cond_signal(&d->has_write); /* who waits for what it may still write */
    pthread_mutex_unlock(&d->lock);
}

bool disk_wait_recovered(struct disk *d, msec_t max_ms)
{
    struct timespec until = disk_after_ms(max_ms > 0 ? max_ms : 0);
    int r = 0;
    pthread_mutex_lock(&d->lock);
    while (atomic_load(&d->unread) > 0 && !d->is_ending && r != ETIMEDOUT) {
        if (max_ms < 0)
            pthread_cond_wait(&d->has_end, &d->lock);
        else
            r = pthread_cond_timedwait(&d->has_end, &d->lock, &until);
    }
    bool is_known = atomic_load(&d->unread) == 0;
    pthread_mutex_unlock(&d->lock);
    return is_known;
}

bool disk_take_writes(struct disk *d, struct list *out, msec_t wait_ms)
{
    struct timespec until = disk_after_ms(wait_ms);
    int r = 0;
    pthread_mutex_lock(&d->lock);
    while (list_is_empty(&d->writes) && !has_ended_locked(d) && r != ETIMEDOUT) {
        if (wait_ms < 0 && !disk_is_up(d))
            break; /* it died under a reader: whoever waits looks after it */
        if (wait_ms < 0)
            pthread_cond_wait(&d->has_write, &d->lock);
        else
            r = pthread_cond_timedwait(&d->has_write, &d->lock, &until);
    }
    list_move_all(out, &d->writes);
    bool is_end = has_ended_locked(d) && list_is_empty(out);
    pthread_mutex_unlock(&d->lock);
    return !is_end;
}

void disk_end(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    d->is_ending = true;
    pthread_cond_broadcast(&d->has_write);
    pthread_cond_broadcast(&d->has_load);
    pthread_cond_broadcast(&d->has_end);
    pthread_mutex_unlock(&d->lock);
}

void disk_segment_enter(struct disk *d, uint32_t segment)
{
    pthread_mutex_lock(&d->lock);
    d->segments[segment].readers++;
    pthread_mutex_unlock(&d->lock);
}

void disk_segment_leave(struct disk *d, uint32_t segment)
{
    pthread_mutex_lock(&d->lock);
    CHECK(d->segments[segment].readers > 0);
    if (--d->segments[segment].readers == 0)
        pthread_cond_broadcast(&d->has_left);
    pthread_mutex_unlock(&d->lock);
}

void disk_segment_wait(struct disk *d, uint32_t segment)
{
    pthread_mutex_lock(&d->lock);
    while (d->segments[segment].readers > 0)
        pthread_cond_wait(&d->has_left, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

void disk_segment_pin(struct disk *d, uint32_t segment, uint32_t bytes, msec_t until)
{
    struct disk_segment *s = &d->segments[segment];
    msec_t before = atomic_load_explicit(&s->pinned_until, memory_order_relaxed);
    if (before < clock_mono_ms()) /* what was counted is not pinned any more */
        atomic_store_explicit(&s->pinned_bytes, 0, memory_order_relaxed);
    if (before < until)
        atomic_store_explicit(&s->pinned_until, until, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->pinned_bytes, bytes, memory_order_relaxed);
}

bool disk_segment_is_pinned(const struct disk *d, uint32_t segment)
{
    const struct disk_segment *s = &d->segments[segment];
    return atomic_load_explicit(&s->pinned_bytes, memory_order_relaxed) >
               d->medium.segment_bytes / 2 &&
           atomic_load_explicit(&s->pinned_until, memory_order_relaxed) > clock_mono_ms();
}

void disk_set_state(struct disk *d, enum store_disk_state state, const char *why)
{
    int before = atomic_exchange(&d->state, (int)state);
    if (before == (int)state)
        return;
    log_line(state == STORE_DISK_UP ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "disk-state",
             "path=\"%s\" state=%s was=%s why=\"%s\"", d->medium.path, store_disk_state_text(state),
             store_disk_state_text((enum store_disk_state)before), why);
}

void disk_fault(struct disk *d, const char *doing)
{
    char why[160];
    snprintf(why, sizeof(why), "%s: %s", doing, strerror(errno));
    counter_add_shared(&d->store->counters.disk_faults, 1);
    atomic_store(&d->probe_at, clock_mono_ms() + DISK_PROBE_MS);
    disk_set_state(d, STORE_DISK_DEAD, why);
    pthread_mutex_lock(&d->lock);
    pthread_cond_signal(&d->has_write);
    pthread_mutex_unlock(&d->lock);
}

void disk_read_told(struct disk *d, msec_t took_ms, bool is_good)
{
    if (!is_good) {
        uint32_t faults = atomic_fetch_add_explicit(&d->faults, 1, memory_order_relaxed) + 1;
        if (faults >= DISK_FAULTS_MAX)
            disk_fault(d, "read");
        else
            counter_add_shared(&d->store->counters.disk_faults, 1);
        return;
    }
    atomic_store_explicit(&d->faults, 0, memory_order_relaxed);
    if (!disk_is_up(d))
        return;
    if (took_ms > d->store->disk_slow_ms)
        disk_set_state(d, STORE_DISK_SLOW, "a read took too long");
    else
        disk_set_state(d, STORE_DISK_UP, "a read was quick again");
}

struct disk_job *disk_job_make(enum disk_job_kind kind)
{
    struct disk_job *j = mem_zalloc(sizeof(*j));
    j->kind = kind;
    list_init(&j->link);
    return j;
}

void disk_drop(struct disk *d, uint64_t id)
{
    struct disk_job *j = disk_job_make(DISK_JOB_DROP);
    j->id = id;
    disk_write(d, j);
}

void disk_job_free(struct disk_job *j)
{
    mem_free(j->payload);
    if (j->segment != NULL)
        segment_unref(j->segment);
    generation_unref(&j->generation);
    mem_free(j);
}
