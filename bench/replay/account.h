/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPLAY_ACCOUNT_H
#define BENCH_REPLAY_ACCOUNT_H

#include "lib/net/addr.h"

/* What an edge has on its ledger, read from its admin listener's /metrics. */
struct account {
    uint64_t requests;
    uint64_t out_bytes;      /* bodies to clients, from wherever */
    uint64_t from_shield;    /* of them */
    uint64_t from_origin;    /* of them */
    uint64_t upstream_bytes; /* received, heads too */
    uint64_t untaken_bytes;  /* of out_bytes: lost in the edge's kernel as a client went away */
};

/* account_read: adds the account of the edge with this admin address to *sum. Blocks (10 s at
 * most). 0 or a code of err.def. */
MUST_USE int account_read(const struct addr *admin, struct account *sum);
/* account_add: the lines of a /metrics answer, added to *sum. Pure. */
void account_add(struct span text, struct account *sum);

#endif
