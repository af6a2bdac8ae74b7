/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_ROUND_H
#define CONTROL_API_ROUND_H

#include "control/api/steer.h"

/* Routing questions that come together are answered together: all are read, then all addresses are
 * looked up, then all are decided, then all answered. A look-up in a database of millions of
 * networks is a chain of misses of the processor's caches; side by side, they are waited for once.
 * And what each step runs through fits into the first cache of code; all of them together do not.
 * A question waits until the server's batch is whole (server_set_round), at most to the end of the
 * loop's turn. One picture and one configuration stand for a round.
 * Threads: each worker has its own round, on its thread. */
struct round;
struct round_question;

struct round_kind {
    /* True: q->steer is set as steer_ask wants it. False: the question was answered otherwise. */
    bool (*ask)(struct api_worker *w, struct exchange *x, struct round_question *q);
    /* Answers by q->steer.verdict, which holds an edge at least. */
    void (*answer)(struct api_worker *w, struct exchange *x, const struct round_question *q);
};

struct round_question {
    /* set for ask */
    const struct round_kind *kind; /* ask may set another */
    struct span query;             /* what round_add was given */
    struct steer steer;            /* picture and config are */
    /* set by ask */
    struct span host; /* in lower case */
    bool is_long;     /* the answer explains */
    /* the round's */
    struct exchange *x; /* NULL: its client went away */
};

struct round *round_create(struct api_worker *w) __attribute__((returns_nonnull));
void round_destroy(struct round **r); /* no exchange waits any more */
/* round_add: x is answered in this turn of the loop; sets x->events. query: lives as long as x. */
void round_add(struct round *r, struct exchange *x, const struct round_kind *kind,
               struct span query);
/* round_run: answers all that wait. */
void round_run(struct round *r);

#endif
