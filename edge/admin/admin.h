/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_ADMIN_H
#define EDGE_ADMIN_ADMIN_H

#include "edge/cluster/members.h"
#include "edge/observe/ledger.h"
#include "edge/store/store.h"
#include "edge/upstream/collapse.h"
#include "edge/upstream/upstream.h"
#include "lib/daemon/admin_base.h"

/* What an operator may ask of one edge, on the admin listener: metrics, status, explain, objects,
 * purge, prefill.
 * Threads: the main thread. */
struct control_link;
struct prefill;
struct admin_spec {
    const struct admin_options *options;
    struct certificates *certificates; /* borrowed; for options->tls */
    const char *node;
    struct store *store;
    struct collapse *collapse;
    struct ledger *ledger;
    struct prefill *prefill;
    struct members *members;
    bool has_mcache;
    msec_t started_wall;
    struct control_link *link;                /* NULL: no control plane */
    void *ctx;                                /* for the three below */
    struct upstream_set *(*sites)(void *ctx); /* borrowed */
    void (*worker_metrics)(void *ctx, struct buf *out);
    bool (*is_ready)(void *ctx, struct buf *why);
};

struct admin;
MUST_USE int admin_start(struct admin **out, struct loop *l, const struct admin_spec *spec,
                         struct buf *why);
void admin_stop(struct admin **a);

#endif
