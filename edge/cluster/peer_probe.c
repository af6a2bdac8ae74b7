/* SPDX-License-Identifier: MIT
 *
 * Finds out whether peers in doubt are there, so that no user's request has to: OPTIONS with
 * Max-Forwards: 0, which an edge answers by itself. Looks for peers in doubt some times a second: a
 * walk over a handful of words. */
#include "edge/cluster/peer_inner.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"

#define TICK_MS     100
#define ANSWER_MS   800  /* for a probe: a busy machine is not a dead one */
#define INTERVAL_MS 500  /* between probes of one that is broken */
#define BYTES_MAX   4096 /* of a request */

struct peer_probe {
    struct list link; /* of peers->probes */
    struct peer *peer;
    struct call *call;
};

static void probe_end(struct peer_probe *b, bool is_alive)
{
    struct peer *p = b->peer;
    bool was_broken = atomic_load(&p->state) == PEER_BROKEN;
    if (is_alive)
        peer_answered(p);
    else
        peer_failed(p);
    if (is_alive == was_broken)
        LOG_AT(is_alive ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, is_alive ? "peer-back" : "peer-lost",
               "peer=%.*s", SPAN_FMT(p->name));
    p->probe = NULL;
    p->probe_at = loop_now(p->home->tick.loop) + INTERVAL_MS;
    list_remove(&b->link);
    call_end(&b->call);
    peer_unref(&b->peer);
    mem_free(b);
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    (void)c;
    (void)head;
    probe_end(ctx, true);
}

static void on_readable(void *ctx, struct call *c)
{
    (void)ctx;
    (void)c;
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)c;
    (void)err;
    (void)text;
    probe_end(ctx, false);
}

static const struct call_events events = {NULL, on_head, on_readable, on_failed};

/* peer: a reference, taken over. */
static void probe(struct peers *ps, struct peer *peer)
{
    struct arena mem;
    struct peer_probe *b = mem_zalloc(sizeof(*b));
    arena_init(&mem, BYTES_MAX);
    struct request_head r = {.method = METHOD_OPTIONS,
                             .method_text = SPAN("OPTIONS"),
                             .scheme = peer->target.scheme,
                             .host = span_of(peer->target.host),
                             .port = peer->target.port,
                             .path = SPAN("/"),
                             .query = SPAN_NONE,
                             .major_version = 1,
                             .minor_version = 1,
                             .keeps_alive = true};
    fields_init(&r.fields, &mem);
    fields_add(&r.fields, FIELD_MAX_FORWARDS, SPAN("0"));
    fields_add(&r.fields, FIELD_CDN_LOOP, span_of(ps->node));
    struct call_spec spec = {.target = &peer->target,
                             .request = &r,
                             .connect_ms = ANSWER_MS,
                             .first_byte_ms = ANSWER_MS,
                             .stall_ms = ANSWER_MS};
    peer->probe = b;
    b->peer = peer;
    list_push_back(&ps->probes, &b->link);
    b->call = call_start(ps->client, &spec, &events, b);
    arena_finish(&mem);
}

/* A reference to one that is to be probed now, or NULL. */
static struct peer *next_in_doubt(struct peers *ps, msec_t now)
{
    size_t at = 0;
    struct span key;
    void *value;
    struct peer *found = NULL;
    pthread_mutex_lock(&ps->lock);
    while (found == NULL && map_next(ps->by_url, &at, &key, &value)) {
        struct peer *p = value;
        int state = atomic_load_explicit(&p->state, memory_order_relaxed);
        bool is_due = state == PEER_DOUBTED || (state == PEER_BROKEN && p->probe_at <= now);
        if (is_due && p->probe == NULL)
            found = p;
    }
    if (found != NULL)
        peer_ref(found);
    pthread_mutex_unlock(&ps->lock);
    return found;
}

static void on_tick(struct timer *t)
{
    struct peers *ps = CONTAINER_OF(t, struct peers, tick);
    struct peer *p;
    while ((p = next_in_doubt(ps, loop_now(t->loop))) != NULL)
        probe(ps, p);
    timer_set(t, TICK_MS);
}

void peers_start(struct peers *ps, struct loop *l, const char *node)
{
    ps->node = node;
    list_init(&ps->probes);
    ps->client = client_create(l, &client_config_default);
    timer_init(&ps->tick, l, on_tick);
    timer_set(&ps->tick, TICK_MS);
}

void peers_stop(struct peers *ps)
{
    if (ps->client == NULL)
        return;
    while (!list_is_empty(&ps->probes))
        probe_end(LIST_THING(ps->probes.next, struct peer_probe, link), false);
    timer_finish(&ps->tick);
    client_destroy(&ps->client);
}
