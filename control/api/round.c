/* SPDX-License-Identifier: MIT
 * Questions from their exchange to their answer. An answer may begin the next request of its
 * connection: that waits behind the round that is running, and another one follows it. */
#include "control/api/round.h"

#include "control/api/answer.h"
#include "lib/base/mem.h"

#define ROUND_MOST 16

/* In its exchange's memory. */
struct waiting {
    struct list link;
    struct exchange *x;
    const struct round_kind *kind;
    struct span query;
};

struct round {
    struct api_worker *worker;
    struct list waiting; /* the first to come first */
    struct loop_task turn;
    bool is_running;
    /* of the round that is running; the worker's own may be others before it ends */
    struct registry_view view;
    struct api_config *config;
    struct round_question v[ROUND_MOST];
    size_t count;
};

static void on_turn(struct loop_task *t)
{
    round_run(CONTAINER_OF(t, struct round, turn));
}

struct round *round_create(struct api_worker *w)
{
    struct round *r = mem_zalloc(sizeof *r);
    r->worker = w;
    list_init(&r->waiting);
    loop_task_init(&r->turn, on_turn);
    registry_view_init(&r->view, w->api->registry);
    return r;
}

void round_destroy(struct round **pr)
{
    struct round *r = *pr;
    *pr = NULL;
    if (r == NULL)
        return;
    CHECK(list_is_empty(&r->waiting));
    loop_undefer(&r->turn);
    registry_view_finish(&r->view);
    api_config_unref(&r->config);
    mem_free(r);
}

static void on_waiting_gone(void *owner, struct exchange *x, int err)
{
    struct waiting *waits = owner;
    (void)x;
    (void)err;
    list_remove(&waits->link);
}

static void on_asked_gone(void *owner, struct exchange *x, int err)
{
    struct round_question *q = owner;
    (void)x;
    (void)err;
    q->x = NULL;
}

static const struct exchange_events waiting_events = {on_waiting_gone};
static const struct exchange_events asked_events = {on_asked_gone};

void round_add(struct round *r, struct exchange *x, const struct round_kind *kind,
               struct span query)
{
    struct waiting *waits = arena_alloc(&x->mem, sizeof *waits);
    *waits = (struct waiting){.x = x, .kind = kind, .query = query};
    x->events = &waiting_events;
    x->owner = waits;
    if (list_is_empty(&r->waiting) && !r->is_running)
        loop_defer(r->worker->loop, &r->turn);
    list_push_back(&r->waiting, &waits->link);
}

/* The next that waits becomes the last of the round, unless it is answered otherwise. */
static void ask_next(struct round *r, const struct picture *picture,
                     const struct api_config *config)
{
    struct waiting *waits = LIST_THING(list_pop(&r->waiting), struct waiting, link);
    struct round_question *q = &r->v[r->count];
    struct exchange *x = waits->x;
    x->events = &router_no_events;
    q->x = x;
    q->kind = waits->kind;
    q->query = waits->query;
    q->is_long = false;
    q->steer.picture = picture;
    q->steer.config = config;
    if (!q->kind->ask(r->worker, x, q))
        return;
    x->events = &asked_events;
    x->owner = q;
    r->count++;
}

static void look_up(struct round *r)
{
    struct geo_question v[ROUND_MOST];
    for (size_t i = 0; i < r->count; i++) {
        struct steer *s = &r->v[i].steer;
        v[i] = (struct geo_question){&s->client.any, &s->place, s->tells_place};
    }
    geo_set_find_many(geo_view_now(&r->worker->geo), v, r->count);
}

static void answer(struct api_worker *w, struct round_question *q)
{
    struct exchange *x = q->x;
    if (x == NULL)
        return;
    x->events = &router_no_events;
    if (q->steer.verdict.count == 0)
        answer_problem(x, 503, "There is no edge.");
    else
        q->kind->answer(w, x, q);
}

void round_run(struct round *r)
{
    struct api_worker *w = r->worker;
    if (r->is_running)
        return;
    r->is_running = true;
    while (!list_is_empty(&r->waiting)) {
        const struct picture *picture = registry_view_now(&r->view);
        const struct api_config *config = api_config_now(&w->api->config, &r->config);
        r->count = 0;
        while (r->count < ROUND_MOST && !list_is_empty(&r->waiting))
            ask_next(r, picture, config);
        look_up(r);
        for (size_t i = 0; i < r->count; i++)
            steer_decide(w, &r->v[i].steer);
        for (size_t i = 0; i < r->count; i++)
            answer(w, &r->v[i]);
    }
    r->is_running = false;
    loop_undefer(&r->turn);
}
