/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_BILLING_COST_H
#define CONTROL_BILLING_COST_H

#include "control/billing/ledger.h"

/* Usage into money. A month is billed by bytes, by its 95th percentile, or both. Pure. */
struct price {
    const char *currency;   /* "USD" */
    double out_per_gb;      /* of bytes to clients; GB: 10^9 bytes */
    double upstream_per_gb; /* of bytes from upstream */
    double out_per_mbps;    /* a month, of the 95th percentile of bytes to clients */
};

struct cost {
    double offload;  /* share of bytes to clients that upstream did not have to send, 0..1 */
    double edges;    /* price of what left the edges */
    double upstream; /* price of what upstream sent */
    double upstream_without_cache; /* had upstream sent every byte that clients got */
};
struct cost cost_of(const struct usage *usage, uint64_t p95_bytes_per_s, const struct price *price);

/* cost_write: the month so far as members of an object that is open. */
struct json_out;
void cost_write(const struct ledger_month *month, const struct price *price, struct json_out *o);

#endif
