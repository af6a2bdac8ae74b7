/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_STANDING_H
#define CONTROL_REGISTRY_STANDING_H

#include "control/registry/health.h"
#include "control/registry/node.h"

/* Whether an edge should get users, from best to worst: one answer out of all that is known of it.
 * Where no edge of a better standing is left, one of the next serves, so that nobody is turned away
 * while there is any edge. Pure. */
enum standing {
    STANDING_ABLE,
    STANDING_FULL,  /* up, but at its limits of bandwidth or processor */
    STANDING_DEAR,  /* its price class is above what the site pays (said by decide, for a site) */
    STANDING_DRAIN, /* up, but drained by the operator */
    STANDING_DOUBTFUL, /* not heard, not yet steady again, or not reached by probes */
    STANDING_OUT,      /* down by the operator's word: never answered */
    STANDING_COUNT
};

struct standing_facts {
    enum node_mode mode;
    enum health_state health;
    bool is_full;
    bool has_family[NODE_FAMILIES]; /* addresses of it (index NODE_ANY_FAMILY: unused) */
    bool is_cut[NODE_FAMILIES];     /* probes do not reach it by this family */
};

/* standing_of: for users of a family. NODE_ANY_FAMILY: as long as one of its families is reached.*/
enum standing standing_of(const struct standing_facts *f, enum node_family family);
const char *standing_name(enum standing s);

#endif
