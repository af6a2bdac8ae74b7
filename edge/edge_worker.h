/* SPDX-License-Identifier: MIT */
#ifndef EDGE_EDGE_WORKER_H
#define EDGE_EDGE_WORKER_H

#include "edge/request/req_worker.h"
#include "edge/upstream/health.h"
#include "lib/daemon/listen.h"
#include "lib/daemon/worker.h"
#include "lib/web/client.h"
#include "lib/web/server.h"

/* One worker of the edge: a loop with a server in front and a client behind. Made and freed by the
 * main thread; started, used and stopped on the worker's own. */
struct edge_worker {
    uint32_t magic;
    struct worker *worker;
    struct server *server;
    struct client *client;
    struct health *health;      /* of the first worker, for all; NULL elsewhere */
    struct listen_set *listens; /* borrowed */
    struct sink *access_log;    /* borrowed; NULL: none */
    struct server_config limits;
    struct mcache *mcache; /* borrowed; NULL: none */
    struct fetcher fetcher;
    struct req_worker req;
};
#define EDGE_WORKER_MAGIC 0xed9e0421U

/* What all workers share, for edge_worker_create. */
struct edge_shared {
    struct store *store;
    struct collapse *collapse;
    struct purge_clock *purges;
    struct members *members;
    struct mcache *mcache; /* NULL: none */
    struct encoded_table *encoded;
    struct ledger *ledger;
    struct sink *access_log; /* NULL: none */
    struct listen_set *listens;
    struct req_config request;
    struct server_config server;
};
struct edge_worker *edge_worker_create(int index, const struct edge_shared *shared);
void edge_worker_destroy(struct edge_worker **w); /* after edge_worker_stop, or never started */

/* On the worker's thread. set: the sites to begin with (referenced). */
void edge_worker_start(struct edge_worker *w, struct worker *worker, struct upstream_set *set);
void edge_worker_drain(struct edge_worker *w);
void edge_worker_stop(struct edge_worker *w);

/* Any thread. edge_worker_use: other sites from here on (referenced). edge_worker_limit: other
 * limits, for the connections that there are, too. */
void edge_worker_use(struct edge_worker *w, struct upstream_set *set);
void edge_worker_limit(struct edge_worker *w, const struct server_config *limits);

#endif
