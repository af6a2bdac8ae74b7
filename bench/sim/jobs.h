/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SIM_JOBS_H
#define BENCH_SIM_JOBS_H

#include "lib/base/check.h"

#include <stdbool.h>

/* Pieces of work that know nothing of each other, each in a process of its own and so many at a
 * time: what was loaded before is theirs to read, at no cost, and what they do ends with them. One
 * thread. */
struct jobs {
    int most, running; /* most: set by the owner */
    bool has_failed;   /* one of those that ended */
};

/* jobs_fork: waits until there is room for one more. True: this is its process, which ends with
 * _exit. False: this is the owner's. */
MUST_USE bool jobs_fork(struct jobs *j);
/* jobs_wait: until all have ended; false: one has failed. */
MUST_USE bool jobs_wait(struct jobs *j);

#endif
