/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_PREFILL_H
#define EDGE_ADMIN_PREFILL_H

#include "edge/upstream/errand_terms.h"
#include "lib/net/loop.h"
#include "lib/proto/prefill.h"

/* Prefills: jobs that bring URLs into the store before users ask for them. A job runs a few URLs at
 * a time, each as an errand of some worker (edge/request/errand.h), all at the job's rate; what
 * fails for want of an answer is tried again, later each time. Done again, it finds everything here
 * and brings nothing: so a restart simply runs again what it finds in its folder, those that were
 * not over and those whose pins last.
 *
 *   a URL:  WAITING ─> RUNNING ─> DONE | FAILED | CANCELLED
 *              └── tries left ──┘
 *   a job:  RUNNING ─ its last URL is over ─> DONE | FAILED (some are) | CANCELLED
 * Pins last beyond the job's end; a job whose deadline is over gives its share of pins back.
 * Threads: the main thread. */
#define PREFILL_JOBS_MAX    64 /* known; the oldest one that is over leaves for a new one */
#define PREFILL_RUNNING_MAX 16

struct prefill;
struct prefill_job;

/* One URL, lent to who runs it. */
struct prefill_task {
    struct prefill_job *job;
    struct span url;
    struct errand_terms *terms;
    _Atomic uint64_t brought_bytes; /* by the try at hand */
    /* the prefill's own */
    enum prefill_state state;
    uint8_t tries;
    bool is_pinned;
    int status;                     /* of the answer; 0: none yet */
    int64_t size_bytes, kept_bytes; /* size -1: not known */
    uint64_t brought_before_bytes;  /* by earlier tries */
    msec_t due;                     /* WAITING: not before */
    const char *why;                /* FAILED, or to be tried again; a constant */
};

struct prefill_outcome {
    const char *why; /* NULL: it is here, all of it; else a constant */
    bool is_lasting; /* another try would not help */
    int status;
    int64_t size_bytes, kept_bytes;
    bool is_pinned;
};

struct prefill_spec {
    struct loop *loop;
    const char *folder; /* of jobs that outlive the process; "": they do not. Borrowed */
    int64_t pin_room_bytes;
    void *ctx;
    /* run: the task, on some worker; prefill_task_done is called later, once. cancel: that is to be
     * soon. */
    void (*run)(void *ctx, struct prefill_task *t);
    void (*cancel)(void *ctx, struct prefill_task *t);
};

struct prefill *prefill_create(const struct prefill_spec *spec) __attribute__((returns_nonnull));
void prefill_start(struct prefill *p);    /* workers run: begins with what lies in the folder */
void prefill_destroy(struct prefill **p); /* no task is lent any more */
void prefill_task_done(struct prefill_task *t, const struct prefill_outcome *outcome);

/* prefill_order: 0 and its job; ERR_EXISTS: there is one of this id; ERR_BUSY: as many run as may;
 * ERR_*: it could not be kept in the folder. id empty: one is made. */
MUST_USE int prefill_order(struct prefill *p, const struct prefill_order *order,
                           struct prefill_job **out);
struct prefill_job *prefill_find(struct prefill *p, struct span id); /* NULL: none */
/* prefill_cancel: what is not here yet is not brought; what is pinned stays so. */
void prefill_cancel(struct prefill *p, struct prefill_job *j);

/* For who tells. Reports borrow from the job. */
size_t prefill_count(const struct prefill *p);
const struct prefill_job *prefill_at(const struct prefill *p, size_t i); /* the oldest first */
void prefill_report(const struct prefill_job *j, struct prefill_report *out);
size_t prefill_task_count(const struct prefill_job *j);
const struct prefill_task *prefill_task_at(const struct prefill_job *j, size_t i);
uint64_t prefill_task_brought(const struct prefill_task *t); /* bytes, by all its tries */
const struct prefill_order *prefill_order_of(const struct prefill_job *j);
void prefill_metrics(const struct prefill *p, struct buf *out);

#endif
