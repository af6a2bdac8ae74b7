/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_PLACE_REPORT_H
#define EDGE_ADMIN_PLACE_REPORT_H

#include "edge/cluster/peer.h"
#include "lib/proto/heartbeat.h"

/* private to edge/admin: the other edges of this place as control told of them last, and what is
 * known here of each. Threads: the main thread. */
struct place_report {
    struct arena mem;
    struct heartbeat_neighbour *v;
    size_t count;
};

void place_report_init(struct place_report *r);
void place_report_finish(struct place_report *r); /* a zeroed one is fine */
void place_report_set(struct place_report *r, const struct heartbeat_neighbour *v, size_t count);
/* place_report_fill: those of whom anything is certain; how many. Ids live until the next set. */
size_t place_report_fill(const struct place_report *r, struct peers *peers,
                         struct heartbeat_peer out[HEARTBEAT_MAX_PLACE]);

#endif
