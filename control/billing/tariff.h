/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_BILLING_TARIFF_H
#define CONTROL_BILLING_TARIFF_H

#include "lib/base/arena.h"
#include "lib/base/check.h"
#include "lib/base/span.h"

#include <stdbool.h>

/* What a carrier charges for a month of bytes to clients, of one node or of several that are billed
 * together: by bytes in tiers, by the 95th percentile with a commit, a flat sum, or all of them.
 * In a currency of its own, with the rate to the account's. Pure. Threads: any. */
#define TARIFF_GB        1e9
#define TARIFF_MBPS      (1e6 / 8) /* bytes a second */
#define TARIFF_MAX_TIERS 16

struct tariff_tier {
    double up_to_bytes; /* of the month; the last: HUGE_VAL */
    double per_gb;
};

struct tariff {
    struct span name;
    struct span currency; /* for people */
    double rate;          /* of the account's currency for one of it */
    const struct span *nodes;
    size_t node_count; /* 0: all that no other tariff names */
    struct tariff_tier tiers[TARIFF_MAX_TIERS];
    size_t tier_count;
    double commit_mbps;   /* paid for whether used or not */
    double per_mbps;      /* a month, up to the commit */
    double over_per_mbps; /* above it */
    double flat;          /* a month: ports */
};

/* In the account's currency. */
struct tariff_cost {
    double bytes, bandwidth, flat;
};
struct tariff_cost tariff_cost_of(const struct tariff *t, uint64_t out_bytes,
                                  uint64_t p95_bytes_per_s);
static inline double tariff_sum(const struct tariff_cost *c)
{
    return c->bytes + c->bandwidth + c->flat;
}

/* tariff_read_tier: "10TB 0.05" (the first 10 TB of a month), "0.02" (what is left). before: where
 * the tier before it ends. false: neither. */
bool tariff_read_tier(struct span text, double before, struct tariff_tier *out);
/* tariff_find: the index of the tariff that a node is billed by; count where there is none. */
size_t tariff_find(const struct tariff *v, size_t count, struct span node);

#endif
