/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_JOB_H
#define CONTROL_API_API_JOB_H

#include "control/api/api_worker.h"

/* A request that changes something durable: its body is read, understood on the loop, done on the
 * state's thread, and answered on the loop again. What was answered well survives a crash.
 *
 *   READING ── body whole ──▶ RUNNING ── on the state's thread ──▶ answered, freed
 * A client that goes away while it is READING ends it; while it is RUNNING, the change is made. */
struct api_job;
struct api_job_ops {
    size_t bytes;      /* of the struct that embeds api_job first */
    size_t body_bytes; /* bound of the request's body; 0: none is read */
    /* Loop. What the body says, into the job. 0, or an error and a sentence in j->why. */
    int (*read)(struct api_job *j, struct span body);
    /* State's thread. 0, or an error (a sentence in j->why is optional). */
    int (*run)(struct api_job *j, struct state *s);
    /* Loop, after run gave 0; j->x is there. */
    void (*answer)(struct api_job *j);
    /* What the embedding struct holds; may be NULL. */
    void (*free)(struct api_job *j);
    /* Edges that wait for news are answered after run gave 0, be the client there or not. */
    bool is_news;
};

struct api_job {
    struct state_job job; /* first */
    const struct api_job_ops *ops;
    struct api_worker *worker;
    struct exchange *x; /* NULL: the client went away */
    bool is_running;
    int err;
    struct buf why;
    struct arena mem;    /* lives as long as the job */
    struct span subject; /* the id or name in the path; in mem */
    /* for the audit log; in mem */
    struct span who, from, what;
    struct span about; /* a few words that read or run may set; no secret */
};

/* api_job_create: x is the job's from here; subject is copied. The caller may then fill in what
 * does not come with the body, and calls api_job_start at once. */
struct api_job *api_job_create(struct api_worker *w, struct exchange *x,
                               const struct api_job_ops *ops, struct span subject)
    __attribute__((returns_nonnull));
void api_job_start(struct api_job *j);
/* api_job_entry: its entry of the audit log. */
struct audit_entry api_job_entry(const struct api_job *j);
/* api_job_commit: what run() commits changes with: they and their entry of the audit log, or
 * nothing. The state's thread. */
MUST_USE int api_job_commit(struct api_job *j, struct state *s, const struct state_change *changes,
                            size_t count);

#endif
