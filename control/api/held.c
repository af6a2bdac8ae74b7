/* SPDX-License-Identifier: MIT
 * Answers to heartbeats: composed from the purge log and the picture, now or when there is news. */
#include "control/api/held.h"

#include "control/api/answer.h"
#include "control/api/auth.h"
#include "lib/base/mem.h"

#define COPY_BYTES         (32 << 10)
#define ANSWER_ARENA_BYTES (8 << 20)

struct held {
    struct list link;
    struct timer timer;
    struct api_worker *worker;
    struct exchange *x;
    struct heartbeat beat; /* only its node, and purge and configuration positions */
    bool may_be_told;      /* secrets */
    struct arena mem;
};

/* What an answer is made of; finish when it was sent. */
struct news {
    struct heartbeat_answer answer;
    struct rollout_document *document; /* answer.config lives in it; NULL: none */
    struct arena mem;
};

/* Where edges of its place ask it; p == NULL: nowhere. */
static struct span neighbour_url(const struct picture_node *n)
{
    if (n->mode == NODE_DOWN)
        return SPAN_NONE;
    return n->spec.http_url.n > 0 ? n->spec.http_url : n->spec.https_url;
}

static const struct picture_place *place_of(const struct picture *p, const struct picture_node *n)
{
    for (size_t i = 0; i < p->place_count; i++) {
        const struct picture_place *place = &p->places[i];
        if (n->edge >= place->first && n->edge - place->first < place->count)
            return place;
    }
    return NULL;
}

/* Who stands beside the node, for the tiers between edges; nobody: nothing is said. */
static void tell_place(struct api_worker *w, struct span id, struct heartbeat_answer *a,
                       struct arena *mem)
{
    const struct picture *p = registry_view_now(&w->view);
    const struct picture_node *self = picture_node_named(p, id);
    const struct picture_place *place = self != NULL ? place_of(p, self) : NULL;
    if (place == NULL || place->count < 2)
        return;
    struct heartbeat_neighbour *v = arena_zalloc(mem, HEARTBEAT_MAX_PLACE * sizeof *v);
    for (uint32_t i = 0; i < place->count && a->place_count < HEARTBEAT_MAX_PLACE; i++) {
        const struct picture_node *n = &p->nodes[p->edges[place->first + i].node];
        struct span url = neighbour_url(n);
        if (url.n > 0)
            v[a->place_count++] = (struct heartbeat_neighbour){arena_dup(mem, n->spec.id),
                                                               arena_dup(mem, url), n->spec.weight};
    }
    a->place = v;
}

static void compose(struct api_worker *w, const struct heartbeat *h, bool may_be_told,
                    struct news *n)
{
    struct heartbeat_answer *a = &n->answer;
    arena_init(&n->mem, ANSWER_ARENA_BYTES);
    *a = (struct heartbeat_answer){.now_ms = (uint64_t)loop_wall(w->loop)};
    purge_log_answer(w->api->purges, h->purge_log, h->purge_seq, a, &n->mem);
    a->config_version = rollout_for(w->api->rollout, h, &n->document);
    if (n->document != NULL)
        a->config = rollout_document_text(n->document, may_be_told);
    heartbeat_answer_fit(a);
    tell_place(w, h->node, a, &n->mem);
    if (a->purge_count == 0 && a->config.p == NULL) /* each is large: one after the other */
        prefill_log_answer(w->api->prefills, h, loop_wall(w->loop), a, &n->mem);
}

static void news_finish(struct news *n)
{
    rollout_document_unref(&n->document);
    arena_finish(&n->mem);
}

static bool is_news(const struct heartbeat *h, const struct heartbeat_answer *a)
{
    return a->purge_count > 0 || a->config.p != NULL || a->prefill_count > 0 ||
           a->prefill_cancel_count > 0 || heartbeat_has_gap(h->purge_log, h->purge_seq, a);
}

static void tell(struct exchange *x, const struct heartbeat_answer *a)
{
    struct buf text;
    buf_init(&text, HEARTBEAT_MAX_BYTES);
    heartbeat_answer_write(a, &text);
    answer_json(x, 200, &text);
    buf_finish(&text);
}

static void on_done(void *owner, struct exchange *x, int err)
{
    struct held *d = owner;
    (void)x;
    (void)err;
    timer_finish(&d->timer);
    list_remove(&d->link);
    arena_finish(&d->mem);
    mem_free(d);
}

static const struct exchange_events held_events = {.on_done = on_done};

/* News or not: how things are now. The exchange's end frees d. */
static void answer_now(struct held *d)
{
    struct news n;
    timer_stop(&d->timer);
    list_remove(&d->link);
    compose(d->worker, &d->beat, d->may_be_told, &n);
    tell(d->x, &n.answer);
    news_finish(&n);
}

static void on_time(struct timer *t)
{
    answer_now(CONTAINER_OF(t, struct held, timer));
}

/* Which it has, and whether they are over. */
static void copy_prefills(struct held *d, const struct heartbeat *h)
{
    struct prefill_report *v = arena_zalloc(&d->mem, h->prefill_count * sizeof *v);
    for (size_t i = 0; i < h->prefill_count && !arena_overflowed(&d->mem); i++)
        v[i] = (struct prefill_report){.id = arena_dup(&d->mem, h->prefills[i].id),
                                       .state = h->prefills[i].state};
    d->beat.prefills = v;
    d->beat.prefill_count = arena_overflowed(&d->mem) ? 0 : h->prefill_count;
}

static void wait_for_news(struct api_worker *w, struct exchange *x, const struct heartbeat *h)
{
    struct held *d = mem_zalloc(sizeof *d);
    d->worker = w;
    d->x = x;
    d->may_be_told = auth_is_private(x);
    arena_init(&d->mem, COPY_BYTES);
    d->beat.node = arena_dup(&d->mem, h->node);
    d->beat.purge_log = arena_dup(&d->mem, h->purge_log);
    d->beat.purge_seq = h->purge_seq;
    d->beat.config_version = h->config_version;
    d->beat.config_refused = h->config_refused;
    copy_prefills(d, h);
    x->events = &held_events;
    x->owner = d;
    list_push_back(&w->held, &d->link);
    timer_init(&d->timer, w->loop, on_time);
    timer_set(&d->timer,
              h->wait_ms < HEARTBEAT_PERIOD_MS ? (msec_t)h->wait_ms : HEARTBEAT_PERIOD_MS);
}

void held_answer_or_wait(struct api_worker *w, struct exchange *x, const struct heartbeat *h)
{
    struct news n;
    compose(w, h, auth_is_private(x), &n);
    if (h->wait_ms == 0 || is_news(h, &n.answer) || w->is_draining) {
        x->events = &router_no_events;
        tell(x, &n.answer);
    } else {
        wait_for_news(w, x, h);
    }
    news_finish(&n);
}

static void answer_those_with_news(struct api_worker *w)
{
    LIST_EACH_SAFE(l, safe, &w->held)
    {
        struct held *d = LIST_THING(l, struct held, link);
        struct news n;
        compose(w, &d->beat, d->may_be_told, &n);
        bool has_news = is_news(&d->beat, &n.answer);
        news_finish(&n);
        if (has_news)
            answer_now(d);
    }
}

static void on_bell(struct mail *m)
{
    struct api_worker *w = CONTAINER_OF(m, struct api_worker, bell);
    atomic_store(&w->bell_rings, false); /* before looking: what comes now rings again */
    answer_those_with_news(w);
}

void held_ring(struct api *a)
{
    for (int i = 0; i < a->worker_count; i++) {
        struct api_worker *w = a->workers[i];
        if (!atomic_exchange(&w->bell_rings, true))
            mailbox_post(loop_mailbox(w->loop), &w->bell, on_bell);
    }
}

void held_release(struct api_worker *w)
{
    while (!list_is_empty(&w->held))
        answer_now(LIST_THING(w->held.next, struct held, link));
}
