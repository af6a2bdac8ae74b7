/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_DEADLINES_H
#define LIB_NET_DEADLINES_H

#include "lib/net/loop.h"

/* Time-outs of one duration and one kind for any number of things: a list in order of expiry and
 * one libevent timer for its head. Setting, moving and clearing are a few pointer writes: cheap
 * enough for each request. Fires at most 100 ms late; or early, by a sixty-fourth and 100 ms at
 * most, where it was moved by no more than that. Threads: the loop's. */
struct deadline;
typedef void (*deadline_fn)(struct deadline *d);
struct deadlines {
    struct loop *loop;
    deadline_fn run;
    struct list waiting;
    struct timer timer;
    msec_t after_ms, slack_ms;
    bool is_armed;
};

struct deadline {
    struct list link;
    msec_t at;
};

void deadlines_init(struct deadlines *ds, struct loop *l, msec_t after_ms, deadline_fn run);
void deadlines_finish(struct deadlines *ds); /* those waiting never fire */
/* For those set from now on; those that would wait longer than that are brought forward. */
void deadlines_set_after(struct deadlines *ds, msec_t after_ms);

void deadline_init(struct deadline *d);
/* deadline_start: again: from now. One that waits in other deadlines has to be stopped first. */
void deadline_start(struct deadlines *ds, struct deadline *d);
void deadline_stop(struct deadline *d);
static inline bool deadline_is_started(const struct deadline *d)
{
    return list_is_linked(&d->link);
}

#endif
