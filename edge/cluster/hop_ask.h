/* SPDX-License-Identifier: MIT */
#ifndef EDGE_CLUSTER_HOP_ASK_H
#define EDGE_CLUSTER_HOP_ASK_H

#include "edge/cluster/purge_clock.h"
#include "lib/http/headers.h"

/* Byeori-Hop: what one edge tells another with a request (lib/proto/README.md, "Between edges").
 * Anybody may send it: it can only make the answer cost more, never make it wrong. Pure. */
struct hop_ask {
    struct purge_stamp purges;
};

void hop_ask_add(struct fields *fs, const struct hop_ask *ask);
/* hop_ask_read: false: there is none, or none that can be read (then *out is zero). */
bool hop_ask_read(const struct fields *fs, struct hop_ask *out, struct arena *mem);

#endif
