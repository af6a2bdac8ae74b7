/* SPDX-License-Identifier: MIT */
#ifndef EDGE_OBSERVE_LEDGER_H
#define EDGE_OBSERVE_LEDGER_H

#include "lib/base/buf.h"
#include "lib/base/counter.h"
#include "lib/proto/heartbeat.h"

/* What each site used on this node, since the process started: the counters that bills and offload
 * are computed from. One row for each site and worker, written by that worker alone; rows live as
 * long as the ledger, so that a site that is taken out of the configuration keeps its account. */
struct ledger_row {
#define X(name, meaning) counter_t name; /* bytes received: heads included */
    USAGE_COUNTERS(X)
#undef X
    counter_t out_bytes[LEDGER_SOURCE_COUNT]; /* bodies to clients */
    counter_t upstream_out_bytes;             /* sent to origins */
};

struct ledger;
struct ledger *ledger_create(int workers) __attribute__((returns_nonnull));
void ledger_destroy(struct ledger **l);

/* ledger_row: the row of a site and a worker, made at the first call. Any thread; takes a lock, so
 * ask once for each configuration, not for each request. NULL: more than HEARTBEAT_MAX_SITES. */
struct ledger_row *ledger_row(struct ledger *l, struct span site, int worker);

/* ledger_usage: the sums over all workers, a record for each site; returns how many, at most max.
 * Names are borrowed for as long as the ledger lives. Any thread. */
size_t ledger_usage(struct ledger *l, struct heartbeat_site_usage *out, size_t max);
/* ledger_metrics: Prometheus text, labelled by site and source. */
void ledger_metrics(struct ledger *l, struct buf *out);

#endif
