/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_DEADLINES_H
#define LIB_NET_DEADLINES_H

#include "lib/net/loop.h"

/* Time-outs of one duration for any number of things: a list in order of expiry and one libevent
 * timer for its head. Setting, moving and clearing are a few pointer writes: cheap enough for each
 * request. Fires at most 100 ms late. Threads: the loop's. */
struct deadlines {
    struct loop *loop;
    struct list waiting;
    struct timer timer;
    msec_t after_ms;
    bool is_armed;
};

struct deadline {
    struct list link;
    msec_t at;
    void (*run)(struct deadline *d);
};

void deadlines_init(struct deadlines *ds, struct loop *l, msec_t after_ms);
void deadlines_finish(struct deadlines *ds); /* those waiting never fire */
/* For those set from now on; those that would wait longer than that are brought forward. */
void deadlines_set_after(struct deadlines *ds, msec_t after_ms);

void deadline_init(struct deadline *d, void (*run)(struct deadline *d));
void deadline_start(struct deadlines *ds, struct deadline *d); /* again: from now */
void deadline_stop(struct deadline *d);

#endif
