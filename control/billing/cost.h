/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_BILLING_COST_H
#define CONTROL_BILLING_COST_H

#include "control/billing/ledger.h"
#include "control/billing/tariff.h"

/* The month's usage into money: what the edges' carriers charge (tariff.h), what upstream charges
 * for its bytes, what upstream would have charged had it sent every byte that clients got, and each
 * site's share. A site pays of each tariff by its bytes through the tariff's nodes, and for its own
 * bytes from upstream; the sites together pay the whole. Pure. */
struct price {
    const char *currency;   /* of the account: "USD" */
    double upstream_per_gb; /* of bytes from upstream; GB: 10^9 bytes */
    const struct tariff *tariffs;
    size_t count;
};

struct cost_tariff {
    struct usage usage; /* of its nodes */
    uint64_t p95_bytes_per_s;
    struct tariff_cost cost;
};

struct cost_part { /* a site, or a node */
    struct span name;
    struct usage usage;
    double edges, upstream; /* its share */
};

struct cost {
    double offload;  /* share of bytes to clients that upstream did not have to send, 0..1 */
    double edges;    /* what the tariffs charge */
    double upstream; /* price of what upstream sent */
    double upstream_without_cache;   /* had upstream sent every byte that clients got */
    struct cost_tariff *tariffs;     /* [price->count] */
    struct cost_part *sites, *nodes; /* in order of first appearance */
    size_t site_count, node_count;
};

/* cost_month: the ledger's month in groups of tariffs; then cost_of. In mem. */
void cost_month(struct ledger *l, msec_t wall, const struct price *price, struct ledger_month *out,
                struct arena *mem);
/* cost_of: month came from cost_month with the same price. In mem. */
struct cost cost_of(const struct ledger_month *month, const struct price *price, struct arena *mem);
/* cost_write: the month so far as members of an object that is open. */
struct json_out;
void cost_write(const struct ledger_month *month, const struct price *price, struct json_out *o,
                struct arena *mem);

#endif
