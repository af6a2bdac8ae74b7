/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_BILLING_LEDGER_H
#define CONTROL_BILLING_LEDGER_H

#include "control/state/state.h"
#include "lib/base/clock.h"
#include "lib/proto/heartbeat.h"

/* Usage of each node and site in five-minute buckets, from the counters that heartbeats carry.
 * Counters are cumulative under a boot id, and what was last counted of each is kept (its
 * position), so that a heartbeat counted twice, or one that was lost, changes no sum. Buckets and
 * positions become durable in one commit; after a crash both are as old as each other, and the
 * next heartbeat brings what is missing.
 * Moments are wall times in UTC; months are calendar months.
 * Threads: ledger_flush on the state's thread, ledger_load at start, the rest any. */
struct ledger;
#define LEDGER_BUCKET_S      300
#define LEDGER_MONTH_BUCKETS 8928 /* 31 days */

struct ledger *ledger_create(void) __attribute__((returns_nonnull));
void ledger_destroy(struct ledger **l);
/* ledger_load: positions, and the buckets of the month that `wall` lies in. */
MUST_USE int ledger_load(struct ledger *l, struct state *s, msec_t wall);
void ledger_add(struct ledger *l, const struct heartbeat *h, msec_t wall);
/* ledger_flush: makes durable what is not, forgets closed buckets and positions of processes that
 * were not heard for a week. On failure nothing is forgotten: the next flush tries again. */
MUST_USE int ledger_flush(struct ledger *l, struct state *s, msec_t wall);

/* ledger_prune: takes buckets that began before keep_ms ago out of the state, LEDGER_PRUNE_ROWS of
 * them at most. 0 and *has_more, or the state's error. The state's thread. */
#define LEDGER_PRUNE_ROWS 512
MUST_USE int ledger_prune(struct state *s, msec_t wall, msec_t keep_ms, bool *has_more);

/* The month so far, of one node and site. Node and site names live in `mem`. */
struct ledger_row {
    struct span node, site;
    struct usage usage;
};
struct ledger_month {
    sec_t from_s, to_s; /* its first second, and the first of the next month */
    size_t buckets;     /* begun so far */
    struct ledger_row *rows;
    size_t row_count;
    struct usage total;
    uint64_t p95_bytes_per_s;          /* of what left all nodes together */
    uint64_t *group_p95_bytes_per_s;   /* of what left the nodes of a group together */
    uint64_t upstream_p95_bytes_per_s; /* of what came from upstream */
};
/* Nodes whose bandwidth is measured together: the group's number, from 0; `count`: in none. */
struct ledger_groups {
    size_t count;
    size_t (*of)(void *ctx, struct span node);
    void *ctx;
};
void ledger_month(struct ledger *l, msec_t wall, const struct ledger_groups *groups,
                  struct ledger_month *out, struct arena *mem);

/* ledger_month_of: first second of the month that wall lies in, and of the one after. Pure. */
void ledger_month_of(msec_t wall, sec_t *from_s, sec_t *to_s);

#endif
