/* SPDX-License-Identifier: MIT */
#ifndef EDGE_REQUEST_REQ_WORKER_H
#define EDGE_REQUEST_REQ_WORKER_H

#include "edge/encode/encode_body.h"
#include "edge/observe/access_log.h"
#include "edge/observe/ledger.h"
#include "edge/upstream/fetcher.h"
#include "lib/web/exchange.h"

/* What one worker needs to answer requests; one per worker, touched by its thread only. */
#define REQ_COUNTERS(X)                                                                            \
    X(requests, "requests of clients")                                                             \
    X(hits, "requests answered from the cache without asking upstream")                            \
    X(hits_stale, "of them, with stale content while it is refreshed behind")                      \
    X(covered, "requests answered with stale content because upstream failed")                     \
    X(misses, "requests for which upstream was asked, or another's fetch awaited")                 \
    X(passed, "requests passed through")                                                           \
    X(direct, "answers streamed past the store")                                                   \
    X(refused, "requests answered with an error of our own")                                       \
    X(errors, "answers with a status of 500 and above")                                            \
    X(invalidated, "objects made invalid by unsafe methods")                                       \
    X(invalidated_groups, "groups made invalid by unsafe methods")                                 \
    X(unsigned_urls, "requests refused because their URL was not signed well, or has expired")     \
    X(from_peers, "requests of other edges")                                                       \
    X(behind, "of them, taken past the cache for a purge that was not applied here yet")           \
    X(encoded, "answers that the edge coded, or had coded before")                                 \
    X(packed, "answers to other edges in the transfer coding zstd")                                \
    X(encodings, "contents that the edge began to code")                                           \
    X(aborted, "answers that a client did not get whole")

struct req_counters {
#define X(name, help) counter_t name;
    REQ_COUNTERS(X)
#undef X
};
extern const struct counter_table req_counter_table; /* prefix "byeori_edge_" */

/* A worker's hold on a configuration: requests count on it without atomics. */
struct site_view {
    uint32_t refs;
    struct upstream_set *set;
    struct ledger_row **rows; /* by site->index */
};

struct req;
struct object_body;
struct req_config {
    const char *node;          /* a token: Via, CDN-Loop, Cache-Status */
    struct option_texts names; /* host names of the node itself */
};

struct req_worker {
    /* set before the first request, then constant */
    struct loop *loop;
    struct fetcher *fetcher;
    struct store *store;
    struct collapse *collapse;
    struct encoded_table *encoded;
    struct ledger *ledger;
    struct req_config config;
    struct span via; /* "1.1 <node>" */
    int index;
    /* written by this worker only */
    struct site_view *view; /* of new requests */
    struct req_counters count;
    struct req *free;
    struct object_body *spare_bodies;
    uint32_t spare_body_count;
    void (*free_spare_bodies)(struct req_worker *w); /* NULL: there are none */
    struct encode_load encode_load;
    struct arena scratch; /* emptied by whoever uses it */
    struct access_log log;
    struct list errands; /* all that run here: for the end */
};

/* req_worker_use: new requests go by set from here (referenced); running ones keep theirs. */
void req_worker_use(struct req_worker *w, struct upstream_set *set);
void req_worker_finish(struct req_worker *w); /* all requests are over */
/* req_begin: a server_fn; app is the struct req_worker. */
void req_begin(void *app, struct exchange *x);
/* req_worker_account: the fetcher's on_bytes; ctx is the struct req_worker. */
void req_worker_account(void *ctx, const struct site *site, const struct fetcher_bytes *bytes);

#endif
