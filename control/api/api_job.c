/* SPDX-License-Identifier: MIT
 * The way of a change through the loop and the state's thread. What is changed, its ops know. */
#include "control/api/api_job.h"

#include "control/api/answer.h"
#include "control/api/held.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#define JOB_BYTES (4 << 20)

static void free_job(struct api_job *j)
{
    if (j->ops->free != NULL)
        j->ops->free(j);
    buf_finish(&j->why);
    arena_finish(&j->mem);
    mem_free(j);
}

static void on_exchange_done(void *owner, struct exchange *x, int err)
{
    struct api_job *j = owner;
    (void)x;
    (void)err;
    j->x = NULL;
    if (!j->is_running)
        free_job(j);
}

static const struct exchange_events exchange_events = {.on_done = on_exchange_done};

/* Answers free the job: on_done comes, perhaps from inside. */
static void refuse(struct api_job *j, int err)
{
    if (err != ERR_SYNTAX && err != ERR_EXISTS && err != ERR_NOT_FOUND && err != ERR_TOO_BIG)
        counter_add(&j->worker->counters.state_failures, 1);
    answer_error(j->x, err, buf_span(&j->why));
}

static void run(struct state_job *job, struct state *s)
{
    struct api_job *j = CONTAINER_OF(job, struct api_job, job);
    j->err = j->ops->run(j, s);
}

static void done(struct state_job *job)
{
    struct api_job *j = CONTAINER_OF(job, struct api_job, job);
    struct api_worker *w = j->worker;
    const struct api_job_ops *ops = j->ops;
    int err = j->err;
    j->is_running = false;
    w->jobs--;
    if (j->x == NULL)
        free_job(j);
    else if (err != 0)
        refuse(j, err);
    else
        ops->answer(j);
    if (err == 0 && ops->is_news)
        held_ring(w->api);
    api_worker_check_idle(w);
}

static void submit(struct api_job *j, struct span body)
{
    struct api_worker *w = j->worker;
    int err = j->ops->read != NULL ? j->ops->read(j, body) : 0;
    if (err == 0 && arena_overflowed(&j->mem))
        err = ERR_TOO_BIG;
    if (err == 0) {
        j->job = (struct state_job){.run = run, .done = done};
        err = state_queue_submit(w->api->queue, w->loop, &j->job);
    }
    if (err != 0) {
        refuse(j, err);
        return;
    }
    j->is_running = true;
    w->jobs++;
}

static void on_body(void *owner, struct exchange *x, int err, struct span bytes)
{
    struct api_job *j = owner;
    (void)x;
    if (err == 0)
        submit(j, bytes);
    else if (err != ERR_CLOSED)
        refuse(j, err);
}

struct api_job *api_job_create(struct api_worker *w, struct exchange *x,
                               const struct api_job_ops *ops, struct span subject)
{
    struct api_job *j = mem_zalloc(ops->bytes);
    j->ops = ops;
    j->worker = w;
    j->x = x;
    buf_init(&j->why, 4096);
    arena_init(&j->mem, JOB_BYTES);
    j->subject = arena_dup(&j->mem, subject);
    j->who = arena_dup(&j->mem, span_of(w->caller.token.name));
    j->from = arena_dup(&j->mem, span_of(w->caller.from));
    j->what = arena_printf(&j->mem, "%.*s %.*s", SPAN_FMT(method_text(x->request.method)),
                           SPAN_FMT(x->request.path));
    x->events = &exchange_events;
    x->owner = j;
    return j;
}

struct audit_entry api_job_entry(const struct api_job *j)
{
    return (struct audit_entry){.at_wall_ms = clock_wall_ms(),
                                .who = j->who,
                                .from = j->from,
                                .what = j->what,
                                .about = j->about};
}

int api_job_commit(struct api_job *j, struct state *s, const struct state_change *changes,
                   size_t count)
{
    struct audit_entry e = api_job_entry(j);
    return audit_commit(j->worker->api->audit, s, &e, changes, count);
}

void api_job_start(struct api_job *j)
{
    if (j->ops->body_bytes > 0)
        exchange_collect(j->x, j->ops->body_bytes, on_body);
    else
        submit(j, SPAN_NONE);
}
