/* SPDX-License-Identifier: MIT
 * private to edge/upstream: whether a body comes fast enough to be of use */
#ifndef EDGE_UPSTREAM_PACE_H
#define EDGE_UPSTREAM_PACE_H

#include "lib/net/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes are counted by the owner; a period that brings too few of them is told, unless the owner
 * himself rested in it. Embedded; its loop's thread. */
struct pace {
    struct timer timer;
    int64_t received; /* the owner's to add to */
    int64_t seen, least;
    msec_t period_ms;
    bool has_rested;
    void (*slow)(struct pace *p); /* the watch goes on unless stopped */
};
void pace_init(struct pace *p, struct loop *l, void (*slow)(struct pace *p));
void pace_start(struct pace *p, int64_t bytes_per_s, msec_t period_ms); /* again: anew */
void pace_rest(struct pace *p); /* not reading now: this period says nothing */
void pace_stop(struct pace *p);
void pace_finish(struct pace *p);

#endif
