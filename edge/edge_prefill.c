/* SPDX-License-Identifier: MIT
 *
 * A task goes to its worker by mail, lives there as an errand, and comes back by the same mail. An
 * order to cancel goes there and back by a mail of its own: the trip is over when both are back. */
#include "edge/edge_prefill.h"

#include "edge/request/errand.h"
#include "lib/base/mem.h"

struct edge_prefill {
    struct edge_prefill_spec spec;
    struct prefill *jobs;
    struct list trips;
    int turn; /* worker of the next task */
};

struct trip {
    struct mail mail, cancel; /* mail first */
    struct list link;
    struct edge_prefill *home;
    struct prefill_task *task;
    struct edge_worker *worker;
    int out; /* mails that are not back: the main thread's */
    /* the worker's, until mail is on its way back */
    struct errand *errand;
    struct prefill_outcome outcome;
};

/* ---- the main thread ---- */

static void trip_end(struct trip *t)
{
    list_remove(&t->link);
    mem_free(t);
}

static void on_back(struct mail *m)
{
    struct trip *t = CONTAINER_OF(m, struct trip, mail);
    struct prefill_task *task = t->task;
    struct prefill_outcome outcome = t->outcome;
    t->task = NULL;
    if (--t->out == 0)
        trip_end(t);
    prefill_task_done(task, &outcome);
}

static void on_cancel_back(struct mail *m)
{
    struct trip *t = CONTAINER_OF(m, struct trip, cancel);
    if (--t->out == 0)
        trip_end(t);
}

/* ---- the worker ---- */

static void send_back(struct trip *t)
{
    mailbox_post(loop_mailbox(t->home->spec.loop), &t->mail, on_back);
}

static void on_done(void *ctx, const struct errand_result *r)
{
    struct trip *t = ctx;
    t->errand = NULL;
    t->outcome = (struct prefill_outcome){.why = r->why,
                                          .is_lasting = r->is_lasting,
                                          .status = r->status,
                                          .size_bytes = r->size,
                                          .kept_bytes = r->kept_bytes,
                                          .is_pinned = r->is_pinned};
    send_back(t);
}

static void on_there(struct mail *m)
{
    struct trip *t = CONTAINER_OF(m, struct trip, mail);
    struct req_worker *w = &t->worker->req;
    struct errand_spec spec = {
        .url = t->task->url, .terms = t->task->terms, .brought = &t->task->brought_bytes};
    if (w->view != NULL) {
        t->errand = errand_start(w, &spec, on_done, t);
        return;
    }
    t->outcome = (struct prefill_outcome){.why = "The edge stopped.", .size_bytes = -1};
    send_back(t);
}

static void on_cancel_there(struct mail *m)
{
    struct trip *t = CONTAINER_OF(m, struct trip, cancel);
    if (t->errand != NULL) {
        errand_cancel(&t->errand);
        t->outcome = (struct prefill_outcome){.why = "It was cancelled.", .size_bytes = -1};
        send_back(t);
    }
    mailbox_post(loop_mailbox(t->home->spec.loop), &t->cancel, on_cancel_back);
}

/* ---- */

static struct mailbox *mailbox_of(const struct trip *t)
{
    return loop_mailbox(t->worker->worker->loop);
}

static void run(void *ctx, struct prefill_task *task)
{
    struct edge_prefill *p = ctx;
    struct trip *t = mem_zalloc(sizeof(*t));
    t->home = p;
    t->task = task;
    t->worker = p->spec.workers[p->turn];
    t->out = 1;
    p->turn = (p->turn + 1) % p->spec.worker_count;
    list_push_back(&p->trips, &t->link);
    mailbox_post(mailbox_of(t), &t->mail, on_there);
}

static void cancel(void *ctx, struct prefill_task *task)
{
    struct edge_prefill *p = ctx;
    LIST_EACH(l, &p->trips)
    {
        struct trip *t = LIST_THING(l, struct trip, link);
        if (t->task != task)
            continue;
        t->out++;
        mailbox_post(mailbox_of(t), &t->cancel, on_cancel_there);
        return;
    }
}

struct edge_prefill *edge_prefill_create(const struct edge_prefill_spec *spec)
{
    struct edge_prefill *p = mem_zalloc(sizeof(*p));
    p->spec = *spec;
    list_init(&p->trips);
    struct prefill_spec jobs = {.loop = spec->loop,
                                .folder = spec->folder,
                                .pin_room_bytes = spec->pin_room_bytes,
                                .ctx = p,
                                .run = run,
                                .cancel = cancel};
    p->jobs = prefill_create(&jobs);
    return p;
}

void edge_prefill_start(struct edge_prefill *p)
{
    prefill_start(p->jobs);
}

struct prefill *edge_prefill_jobs(struct edge_prefill *p)
{
    return p->jobs;
}

void edge_prefill_destroy(struct edge_prefill **pp)
{
    struct edge_prefill *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    while (!list_is_empty(&p->trips)) /* what is on its way meets nobody any more */
        trip_end(LIST_THING(p->trips.next, struct trip, link));
    prefill_destroy(&p->jobs);
    mem_free(p);
}
