/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_STATE_STATE_QUEUE_H
#define CONTROL_STATE_STATE_QUEUE_H

#include "control/state/state.h"
#include "lib/net/iopool.h"

/* The state's own thread: jobs run one after another, in order of submission, each with the state
 * to itself; no loop ever waits for a disk. What a job does to memory right after its commit is
 * therefore in the order of commits. Threads: submit from any loop's. */
struct state_queue;
struct state_job {
    struct iojob io; /* first */
    struct state_queue *queue;
    void (*run)(struct state_job *j, struct state *s); /* on the state's thread */
    void (*done)(struct state_job *j);                 /* on the loop that submitted */
};

/* Takes state. state_queue_destroy: finishes what is queued, then closes the state. */
struct state_queue *state_queue_create(struct state *state) __attribute__((returns_nonnull));
void state_queue_destroy(struct state_queue **q);
/* 0: the job is the queue's until done() was called. ERR_BUSY: too many wait; run was not called.*/
MUST_USE int state_queue_submit(struct state_queue *q, struct loop *home, struct state_job *j);

#endif
