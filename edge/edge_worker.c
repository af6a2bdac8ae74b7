/* SPDX-License-Identifier: MIT
 *
 * Puts one worker together and takes it apart. The order of the end matters: requests first, then
 * what they used. */
#include "edge/edge_worker.h"

#include "edge/request/errand.h"
#include "lib/base/mem.h"
#include "lib/daemon/daemon.h"

struct edge_worker *edge_worker_create(int index, const struct edge_shared *shared)
{
    struct edge_worker *w = mem_zalloc(sizeof(*w));
    const char *node = shared->request.node;
    w->magic = EDGE_WORKER_MAGIC;
    w->listens = shared->listens;
    w->fetcher.store = w->req.store = shared->store;
    w->fetcher.collapse = w->req.collapse = shared->collapse;
    w->fetcher.purges = shared->purges;
    w->fetcher.members = shared->members;
    w->mcache = shared->mcache;
    w->fetcher.node = node;
    w->fetcher.on_bytes = req_worker_account;
    w->fetcher.ctx = &w->req;
    w->req.fetcher = &w->fetcher;
    w->req.encoded = shared->encoded;
    w->req.ledger = shared->ledger;
    w->access_log = shared->access_log;
    w->req.config = shared->request;
    w->limits = shared->server;
    w->req.via = span_of(mem_printf("1.1 %s", node));
    w->req.index = index;
    list_init(&w->req.errands);
    fetcher_init(&w->fetcher);
    return w;
}

void edge_worker_destroy(struct edge_worker **pw)
{
    struct edge_worker *w = *pw;
    *pw = NULL;
    if (w == NULL)
        return;
    CHECK_OBJ(w, EDGE_WORKER_MAGIC);
    mem_free((void *)(uintptr_t)w->req.via.p);
    w->magic = 0;
    mem_free(w);
}

static void use(struct edge_worker *w, struct upstream_set *set)
{
    req_worker_use(&w->req, set);
    if (w->health != NULL)
        health_use(w->health, set);
}

void edge_worker_start(struct edge_worker *w, struct worker *worker, struct upstream_set *set)
{
    CHECK_OBJ(w, EDGE_WORKER_MAGIC);
    w->worker = worker;
    w->fetcher.loop = w->req.loop = worker->loop;
    access_log_init(&w->req.log, worker->loop, w->access_log);
    w->client = client_create(worker->loop, &client_config_default);
    w->fetcher.client = w->client;
    mcache_user_init(&w->fetcher.mcache, w->mcache, worker->loop);
    if (w->req.index == 0)
        w->health = health_create(worker->loop, w->client);
    use(w, set);
    w->server = server_create(worker->loop, &w->limits, req_begin, &w->req);
    listen_start(w->listens, w->req.index, worker->loop, w->server);
}

static void on_drained(void *ctx)
{
    struct edge_worker *w = ctx;
    daemon_worker_drained(w->worker->daemon, w->worker);
}

void edge_worker_drain(struct edge_worker *w)
{
    listen_stop(w->listens, w->req.index);
    server_drain(w->server, on_drained, w);
}

void edge_worker_stop(struct edge_worker *w)
{
    server_destroy(&w->server);
    errand_stop(&w->req);
    fetcher_stop(&w->fetcher);
    mcache_user_finish(&w->fetcher.mcache);
    loop_deliver(w->fetcher.loop); /* what fills and waiters were told while all this ended */
    health_destroy(&w->health);
    client_destroy(&w->client);
    req_worker_finish(&w->req);
}

struct use_mail {
    struct mail mail; /* first */
    struct edge_worker *worker;
    struct upstream_set *set;
};

static void on_use(struct mail *m)
{
    struct use_mail *u = CONTAINER_OF(m, struct use_mail, mail);
    if (u->worker->req.view != NULL) /* else it has stopped */
        use(u->worker, u->set);
    upstream_set_unref(&u->set);
    mem_free(u);
}

void edge_worker_use(struct edge_worker *w, struct upstream_set *set)
{
    struct use_mail *u = mem_zalloc(sizeof(*u));
    u->worker = w;
    upstream_set_ref(set);
    u->set = set;
    mailbox_post(loop_mailbox(w->worker->loop), &u->mail, on_use);
}

struct limit_mail {
    struct mail mail; /* first */
    struct edge_worker *worker;
    struct server_config limits;
};

static void on_limit(struct mail *m)
{
    struct limit_mail *l = CONTAINER_OF(m, struct limit_mail, mail);
    if (l->worker->server != NULL) /* else it has stopped */
        server_set_config(l->worker->server, &l->limits);
    mem_free(l);
}

void edge_worker_limit(struct edge_worker *w, const struct server_config *limits)
{
    struct limit_mail *l = mem_zalloc(sizeof(*l));
    l->worker = w;
    l->limits = *limits;
    mailbox_post(loop_mailbox(w->worker->loop), &l->mail, on_limit);
}
