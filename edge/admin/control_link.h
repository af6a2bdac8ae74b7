/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_CONTROL_LINK_H
#define EDGE_ADMIN_CONTROL_LINK_H

#include "edge/admin/control_options.h"
#include "edge/cluster/peer.h"
#include "edge/cluster/purge_clock.h"
#include "edge/observe/ledger.h"
#include "edge/store/store.h"
#include "edge/upstream/upstream.h"
#include "lib/net/loop.h"

/* The link to the control plane: a heartbeat at a time (lib/proto/README.md). It carries this
 * node's load and ledger there, and purges and the site document here. Purges are applied in
 * sequence before they are acknowledged. What was learnt last is on disk, so that the edge starts
 * and serves without the control plane. Threads: the main thread. */
struct prefill;
struct control_link_spec {
    struct loop *loop;
    const struct control_options *options;
    const char *node, *http_url, *https_url, *admin_url; /* borrowed; "": none */
    struct store *store;
    struct purge_clock *purges; /* told of every step in the log of purges */
    struct peers *peers;        /* what is known of the other edges; told to control */
    struct ledger *ledger;
    struct prefill *prefill;
    void *ctx;                                /* for the calls below */
    struct upstream_set *(*sites)(void *ctx); /* borrowed */
    /* A new site document (JSON): 0, or ERR_* and one line in why; then the old one stays. */
    int (*use_document)(void *ctx, struct span document, struct buf *why);
    /* The edges of this place, as control knows them now: every heartbeat. NULL: not wanted. */
    void (*use_place)(void *ctx, const struct heartbeat_neighbour *v, size_t count);
    /* connections, requests and errors of the load, over all workers. */
    void (*load)(void *ctx, struct heartbeat_load *out);
};

struct control_link;
/* control_link_create: 0 and *out, *out NULL where no url is configured; or ERR_* and a line in why
 * (no token, no keys to seal by). Reads the state file, and hands its document to use_document.
 * Does not connect. */
MUST_USE int control_link_create(struct control_link **out, const struct control_link_spec *spec,
                                 struct buf *why);
void control_link_start(struct control_link *l);
void control_link_destroy(struct control_link **l);

struct json_out;
void control_link_status(const struct control_link *l, struct json_out *o); /* key "control" */
void control_link_metrics(const struct control_link *l, struct buf *out);

#endif
