/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_REACH_H
#define CONTROL_REGISTRY_REACH_H

#include "lib/base/clock.h"

#include <stdbool.h>

/* Whether probes reach a node by one address family, from the outcome of each. Three failures in a
 * row cut it off; three successes bring it back, but not within a minute of being cut off. Pure. */
#define REACH_IN_A_ROW  3
#define REACH_SETTLE_MS 60000

struct reach {
    bool is_cut;
    int contrary; /* outcomes in a row that say the opposite */
    msec_t cut_at;
};

/* reach_note: true: is_cut changed. */
static inline bool reach_note(struct reach *r, bool is_reached, msec_t now)
{
    bool is_contrary = is_reached == r->is_cut;
    r->contrary = is_contrary ? r->contrary + 1 : 0;
    if (r->contrary < REACH_IN_A_ROW || (r->is_cut && now - r->cut_at < REACH_SETTLE_MS))
        return false;
    r->is_cut = !r->is_cut;
    r->contrary = 0;
    if (r->is_cut)
        r->cut_at = now;
    return true;
}

#endif
