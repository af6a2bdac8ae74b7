/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_FETCHER_H
#define EDGE_UPSTREAM_FETCHER_H

#include "edge/cluster/hot_keys.h"
#include "edge/cluster/mcache.h"
#include "edge/cluster/members.h"
#include "edge/cluster/purge_clock.h"
#include "edge/store/store.h"
#include "edge/upstream/upstream.h"
#include "lib/base/counter.h"
#include "lib/net/deadlines.h"

/* What one worker needs to bring things from upstream; one per worker, touched by its thread only
 * (the store and the table of flights are shared and have their own rules). */
#define FETCHER_COUNTERS(X)                                                                        \
    X(fetches, "requests sent upstream")                                                           \
    X(fetch_retries, "requests sent again to another origin, or without a range")                  \
    X(fetch_failures, "requests upstream that got no answer")                                      \
    X(redirects, "redirects of origins that were followed")                                        \
    X(queued, "requests that waited for an origin that had as many as it may have")                \
    X(queue_timeouts, "of these, how many waited in vain")                                         \
    X(peer_passes, "answers of a shield or sibling that did not come, or were no use")             \
    X(sibling_asks, "requests sent to a sibling for what it may have")                             \
    X(sibling_misses, "of these, how many found that it has not")                                  \
    X(unpacked, "answers of other edges that came in the transfer coding zstd")                    \
    X(unpacked_bytes, "bytes that these held")                                                     \
    X(unpacked_wire_bytes, "application bytes that these took on the way")                         \
    X(fills, "fills begun")                                                                        \
    X(fill_resumes, "fills that went on in the middle of a body after a fault")                    \
    X(fill_pauses, "times a fill waited for its readers")                                          \
    X(fill_yields, "fills at rest that left their place at an origin to who waited for it")        \
    X(fill_graces, "fills ended because nobody read any more")                                     \
    X(fill_changes, "generations abandoned because upstream's bytes changed")                      \
    X(fill_failures, "fills that broke and could not go on")                                       \
    X(no_space, "fetches or fills refused by a full store")                                        \
    X(flights, "fetches on behalf of everybody who asks for a key")                                \
    X(collapsed, "requests that waited for the flight of another")                                 \
    X(revalidated, "objects refreshed by a 304")                                                   \
    X(received_bytes, "application bytes received from upstream")                                  \
    X(sent_bytes, "application bytes sent upstream")

struct fetcher_counters {
#define X(name, help) counter_t name;
    FETCHER_COUNTERS(X)
#undef X
};
extern const struct counter_table fetcher_counter_table; /* prefix "byeori_edge_upstream_" */

struct fetcher_bytes {
    uint64_t in, out;
    bool is_of_peer;   /* to and from another edge, not an origin */
    bool is_of_errand; /* nobody asked but an errand (source.h) */
};

struct collapse;
struct fetcher {
    /* set before the worker's first request, then constant */
    struct loop *loop;
    struct client *client;
    struct store *store;
    struct collapse *collapse;
    struct purge_clock *purges;
    struct members *members; /* of this place */
    const char *node;        /* Via, CDN-Loop */
    /* on_bytes: application bytes that went upstream and came from there. */
    void (*on_bytes)(void *ctx, const struct site *site, const struct fetcher_bytes *bytes);
    void *ctx;
    /* written by this worker only */
    struct fetcher_counters count;
    struct hot_keys hot;
    struct mcache_user mcache;
    struct list fills, flights; /* all that run here: for the end */
};

void fetcher_init(struct fetcher *f);
/* fetcher_stop: ends every flight, fill and fetch of this worker; waiters elsewhere get
 * ERR_CANCELLED. */
void fetcher_stop(struct fetcher *f);

#endif
