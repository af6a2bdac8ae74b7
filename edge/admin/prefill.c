/* SPDX-License-Identifier: MIT
 *
 * Which URL of which job is next. What it takes to bring one is the workers' business. */
#include "edge/admin/prefill.h"

#include "edge/admin/prefill_file.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/daemon/metrics_text.h"

#include <stdio.h>

#define ID_RANDOM_BYTES 8
#define TRIES_MAX       5
#define AGAIN_MS        1000 /* before the second try; doubles */
#define TICK_MS         500  /* between looks at what is due, and at deadlines */
#define TEXTS_BYTES     ((size_t)4 << 20)

struct prefill_job {
    struct prefill *prefill;
    struct prefill_order order; /* in mem */
    struct arena mem;
    struct errand_terms terms;
    struct prefill_task *tasks;
    uint32_t next;    /* tasks from here on were not asked for yet */
    uint32_t running; /* lent */
    uint32_t left;    /* not over */
    uint32_t failed;
    bool is_cancelled, is_settled; /* settled: its pins are over as well, and its file has gone */
    char fault[PREFILL_FAULT_BYTES + 1]; /* of the one that failed last */
};

struct prefill {
    struct prefill_spec spec;
    struct timer tick;
    _Atomic int64_t pin_left;
    struct prefill_job *jobs[PREFILL_JOBS_MAX]; /* the oldest first */
    size_t count;
};

static enum prefill_state state_of(const struct prefill_job *j)
{
    if (j->running > 0 || (j->left > 0 && !j->is_cancelled))
        return PREFILL_RUNNING;
    if (j->is_cancelled)
        return PREFILL_CANCELLED;
    return j->failed > 0 ? PREFILL_FAILED : PREFILL_DONE;
}

static void job_free(struct prefill_job *j)
{
    errand_terms_finish(&j->terms);
    mem_free(j->tasks);
    arena_finish(&j->mem);
    mem_free(j);
}

/* The next one, or NULL: first those that were not asked for, then those that are due again. */
static struct prefill_task *due_task(struct prefill_job *j, msec_t now)
{
    if (j->next < j->order.url_count)
        return &j->tasks[j->next++];
    for (size_t i = 0; i < j->order.url_count; i++) {
        struct prefill_task *t = &j->tasks[i];
        if (t->state == PREFILL_WAITING && t->due <= now)
            return t;
    }
    return NULL;
}

static void run_some(struct prefill_job *j)
{
    msec_t now = loop_now(j->prefill->spec.loop);
    while (!j->is_cancelled && j->running < j->order.parallel) {
        struct prefill_task *t = due_task(j, now);
        if (t == NULL)
            return;
        t->state = PREFILL_RUNNING;
        t->tries++;
        j->running++;
        j->prefill->spec.run(j->prefill->spec.ctx, t);
    }
}

static bool is_pin_over(const struct prefill_job *j)
{
    return j->order.pin_until <= loop_wall(j->prefill->spec.loop);
}

/* Nothing is left to be done for it, nor to be done again. */
static void settle(struct prefill_job *j)
{
    if (j->is_settled || !prefill_is_over(state_of(j)) || !is_pin_over(j))
        return;
    j->is_settled = true;
    errand_terms_unpin(&j->terms);
    prefill_file_drop(j->prefill->spec.folder, j->order.id);
}

static void on_tick(struct timer *t)
{
    struct prefill *p = CONTAINER_OF(t, struct prefill, tick);
    for (size_t i = 0; i < p->count; i++) {
        run_some(p->jobs[i]);
        settle(p->jobs[i]);
    }
    timer_set(t, TICK_MS);
}

struct prefill *prefill_create(const struct prefill_spec *spec)
{
    struct prefill *p = mem_zalloc(sizeof(*p));
    p->spec = *spec;
    atomic_init(&p->pin_left, spec->pin_room_bytes);
    timer_init(&p->tick, spec->loop, on_tick);
    return p;
}

void prefill_destroy(struct prefill **pp)
{
    struct prefill *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        job_free(p->jobs[i]);
    timer_finish(&p->tick);
    mem_free(p);
}

static void copy_order(struct prefill_job *j, const struct prefill_order *from)
{
    uint8_t random[ID_RANDOM_BYTES];
    char id[2 * ID_RANDOM_BYTES + 1];
    digest_random(random, sizeof(random));
    digest_hex(random, sizeof(random), id);
    j->order = *from;
    j->order.id = arena_dup(&j->mem, from->id.n > 0 ? from->id : span_of(id));
    j->order.urls = arena_zalloc(&j->mem, from->url_count * sizeof(*j->order.urls));
    for (size_t i = 0; i < from->url_count && !arena_overflowed(&j->mem); i++)
        j->order.urls[i] = arena_dup(&j->mem, from->urls[i]);
}

static struct prefill_job *job_make(struct prefill *p, const struct prefill_order *from)
{
    msec_t now = loop_now(p->spec.loop), wall = loop_wall(p->spec.loop);
    struct prefill_job *j = mem_zalloc(sizeof(*j));
    j->prefill = p;
    arena_init(&j->mem, TEXTS_BYTES);
    copy_order(j, from);
    errand_terms_init(&j->terms, from->rate_per_s, now);
    j->terms.pin_left = &p->pin_left;
    if (from->pin_until > wall)
        j->terms.pin_until = now + (from->pin_until - wall);
    j->left = (uint32_t)from->url_count;
    j->tasks = mem_zarray(from->url_count, sizeof(*j->tasks));
    for (size_t i = 0; i < from->url_count; i++)
        j->tasks[i] = (struct prefill_task){
            .job = j, .url = j->order.urls[i], .terms = &j->terms, .size_bytes = -1};
    return j;
}

static void take_out(struct prefill *p, size_t at)
{
    job_free(p->jobs[at]);
    p->count--;
    memmove(&p->jobs[at], &p->jobs[at + 1], (p->count - at) * sizeof(p->jobs[0]));
}

/* Room for one more: the oldest that is over leaves, first of those that have no pins. */
static bool make_room(struct prefill *p)
{
    size_t running = 0, oldest = PREFILL_JOBS_MAX, settled = PREFILL_JOBS_MAX;
    for (size_t i = p->count; i-- > 0;) {
        bool is_over = prefill_is_over(state_of(p->jobs[i]));
        running += !is_over;
        oldest = is_over ? i : oldest;
        settled = p->jobs[i]->is_settled ? i : settled;
    }
    if (running >= PREFILL_RUNNING_MAX)
        return false;
    if (p->count == PREFILL_JOBS_MAX) {
        size_t at = settled < PREFILL_JOBS_MAX ? settled : oldest;
        prefill_file_drop(p->spec.folder, p->jobs[at]->order.id);
        take_out(p, at);
    }
    return true;
}

int prefill_order(struct prefill *p, const struct prefill_order *order, struct prefill_job **out)
{
    if (order->id.n > 0 && prefill_find(p, order->id) != NULL)
        return ERR_EXISTS;
    if (!make_room(p))
        return ERR_BUSY;
    struct prefill_job *j = job_make(p, order);
    int err =
        arena_overflowed(&j->mem) ? ERR_TOO_BIG : prefill_file_save(p->spec.folder, &j->order);
    if (err != 0) {
        job_free(j);
        return err;
    }
    p->jobs[p->count++] = j;
    *out = j;
    LOG_INFO("prefill", "id=%.*s urls=%zu rate=%llu", SPAN_FMT(j->order.id), j->order.url_count,
             (unsigned long long)order->rate_per_s);
    timer_set(&p->tick, 0); /* not from inside: who ordered it may want to tell first */
    return 0;
}

static void take_file(void *ctx, const struct prefill_order *order)
{
    struct prefill *p = ctx;
    struct prefill_job *j;
    int err = prefill_order(p, order, &j);
    if (err != 0)
        LOG_WARN("prefill-not-resumed", "id=%.*s reason=\"%s\"", SPAN_FMT(order->id),
                 err_text(err));
}

void prefill_start(struct prefill *p)
{
    int err = prefill_file_open(p->spec.folder);
    if (err != 0)
        LOG_WARN("prefill-folder", "folder=%s error=\"%s\"", p->spec.folder, err_text(err));
    prefill_file_each(p->spec.folder, loop_wall(p->spec.loop), take_file, p);
    timer_set(&p->tick, 0);
}

static bool may_try_again(const struct prefill_task *t, const struct prefill_outcome *o)
{
    return o->why != NULL && !o->is_lasting && !t->job->is_cancelled && t->tries < TRIES_MAX;
}

static void end_task(struct prefill_task *t, const struct prefill_outcome *o)
{
    struct prefill_job *j = t->job;
    j->left--;
    t->state = o->why == NULL ? PREFILL_DONE : PREFILL_FAILED;
    if (o->why != NULL && j->is_cancelled)
        t->state = PREFILL_CANCELLED;
    if (t->state != PREFILL_FAILED)
        return;
    j->failed++;
    snprintf(j->fault, sizeof(j->fault), "%.*s: %s", (int)(t->url.n < 256 ? t->url.n : 256),
             t->url.p, t->why);
    LOG_WARN_LIMITED("prefill-failed", "id=%.*s url=%.*s status=%d reason=\"%s\"",
                     SPAN_FMT(j->order.id), SPAN_FMT(t->url), t->status, t->why);
}

void prefill_task_done(struct prefill_task *t, const struct prefill_outcome *o)
{
    struct prefill_job *j = t->job;
    struct prefill *p = j->prefill;
    j->running--;
    t->why = o->why;
    t->status = o->status;
    t->is_pinned = o->is_pinned;
    t->size_bytes = o->size_bytes;
    t->kept_bytes = o->kept_bytes;
    uint64_t brought = atomic_exchange_explicit(&t->brought_bytes, 0, memory_order_relaxed);
    t->brought_before_bytes += brought;
    if (may_try_again(t, o)) {
        t->state = PREFILL_WAITING;
        t->due = loop_now(p->spec.loop) + (AGAIN_MS << (t->tries - 1));
    } else {
        end_task(t, o);
    }
    if (j->left > 0)
        run_some(j);
    else
        settle(j);
}

struct prefill_job *prefill_find(struct prefill *p, struct span id)
{
    for (size_t i = 0; i < p->count; i++) {
        if (span_eq(p->jobs[i]->order.id, id))
            return p->jobs[i];
    }
    return NULL;
}

void prefill_cancel(struct prefill *p, struct prefill_job *j)
{
    if (j->is_cancelled || prefill_is_over(state_of(j)))
        return;
    j->is_cancelled = true;
    for (size_t i = 0; i < j->order.url_count; i++) {
        struct prefill_task *t = &j->tasks[i];
        if (t->state == PREFILL_RUNNING)
            p->spec.cancel(p->spec.ctx, t);
        j->left -= t->state == PREFILL_WAITING;
        t->state = t->state == PREFILL_WAITING ? PREFILL_CANCELLED : t->state;
    }
    prefill_file_drop(p->spec.folder, j->order.id);
    settle(j);
}

size_t prefill_count(const struct prefill *p)
{
    return p->count;
}

const struct prefill_job *prefill_at(const struct prefill *p, size_t i)
{
    return p->jobs[i];
}

const struct prefill_order *prefill_order_of(const struct prefill_job *j)
{
    return &j->order;
}

size_t prefill_task_count(const struct prefill_job *j)
{
    return j->order.url_count;
}

const struct prefill_task *prefill_task_at(const struct prefill_job *j, size_t i)
{
    return &j->tasks[i];
}

uint64_t prefill_task_brought(const struct prefill_task *t)
{
    return t->brought_before_bytes + atomic_load_explicit(&t->brought_bytes, memory_order_relaxed);
}

void prefill_report(const struct prefill_job *j, struct prefill_report *out)
{
    *out = (struct prefill_report){
        .id = j->order.id, .state = state_of(j), .urls = j->order.url_count, .failed = j->failed};
    for (size_t i = 0; i < j->order.url_count; i++) {
        const struct prefill_task *t = &j->tasks[i];
        out->done += t->state == PREFILL_DONE;
        out->size_bytes += t->size_bytes > 0 ? (uint64_t)t->size_bytes : 0;
        out->kept_bytes += (uint64_t)t->kept_bytes;
        out->brought_bytes += prefill_task_brought(t);
        out->pinned_bytes += t->is_pinned && !is_pin_over(j) ? (uint64_t)t->kept_bytes : 0;
    }
    out->fault = span_of(j->fault);
}

void prefill_metrics(const struct prefill *p, struct buf *out)
{
    double waiting = 0, running = 0;
    for (size_t i = 0; i < p->count; i++) {
        running += p->jobs[i]->running;
        waiting += p->jobs[i]->is_cancelled ? 0 : p->jobs[i]->left - p->jobs[i]->running;
    }
    metrics_gauge("byeori_edge_prefill_waiting", "URLs of prefills to be brought", waiting, out);
    metrics_gauge("byeori_edge_prefill_running", "URLs of prefills being brought", running, out);
    metrics_gauge("byeori_edge_prefill_pin_left_bytes", "bytes that may still be pinned",
                  (double)atomic_load(&p->pin_left), out);
}
