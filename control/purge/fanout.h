/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_PURGE_FANOUT_H
#define CONTROL_PURGE_FANOUT_H

#include "control/registry/registry.h"

/* How far one purge has come: a node has applied it when its position in this log is at or past
 * it. Pure. */
struct fanout {
    size_t applied, waiting, away; /* nodes; away: not heard and not applied, they catch up later */
};

struct fanout fanout_of(const struct registry_position *nodes, size_t count, struct span log,
                        uint64_t seq);
/* fanout_write: "complete", the counts and "nodes" as members of an object that is open. Complete:
 * every node that is heard has applied it. */
struct json_out;
struct fanout_spec {
    const struct registry_position *nodes;
    size_t count;
    struct span log;
    uint64_t seq;
};
void fanout_write(const struct fanout_spec *spec, struct json_out *o);

#endif
