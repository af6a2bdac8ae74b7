/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_PREFILL_PREFILL_LOG_H
#define CONTROL_PREFILL_PREFILL_LOG_H

#include "control/state/state.h"
#include "lib/proto/heartbeat.h"

/* Prefills as they were ordered, for which nodes, and how far each node is with them. Orders are
 * durable; how far it is the nodes tell with every heartbeat, so that is kept in memory alone. A
 * node that tells nothing of a job that is meant for it is given it: one that lost it, or its
 * bytes, begins again, and what it has costs nothing.
 * Threads: open, next, put, cancel on the state's thread (or at start); the rest any. */
struct prefill_log;
#define PREFILL_LOG_MAX       64 /* jobs; the oldest leaves for a new one */
#define PREFILL_LOG_NODES_MAX 1024
#define PREFILL_LOG_DAYS      7 /* so long nodes are given it */

struct prefill_record {
    struct prefill_order order; /* its id given by prefill_log_next */
    const struct span *nodes;
    size_t node_count;
    msec_t at_wall_ms;
    bool is_cancelled;
};

/* 0 and *out with what the state has, or the state's error. */
MUST_USE int prefill_log_open(struct prefill_log **out, struct state *s);
void prefill_log_close(struct prefill_log **l);
/* prefill_log_next: gives the order its id where it has none, and the facts that make it durable,
 * in mem; how many; 0: it is too big. prefill_log_put: they were committed. */
#define PREFILL_LOG_CHANGES 2
bool prefill_log_has(struct prefill_log *l, struct span id);
size_t prefill_log_next(struct prefill_log *l, struct prefill_record *r,
                        struct state_change out[PREFILL_LOG_CHANGES], struct arena *mem);
void prefill_log_put(struct prefill_log *l, const struct prefill_record *r);
/* prefill_log_cancel_change: the fact that id is cancelled, in mem; false: there is no such job.
 * prefill_log_cancel: it was committed. */
bool prefill_log_cancel_change(struct prefill_log *l, struct span id, struct state_change *out,
                               struct arena *mem);
void prefill_log_cancel(struct prefill_log *l, struct span id);

/* prefill_log_beat: what a node tells. prefill_log_answer: the log's part of the answer to it: at
 * most one order, and cancellations; in mem. */
void prefill_log_beat(struct prefill_log *l, const struct heartbeat *h);
void prefill_log_answer(struct prefill_log *l, const struct heartbeat *h, msec_t wall,
                        struct heartbeat_answer *out, struct arena *mem);

/* prefill_log_write: members of an object that is open: of one job with its nodes. false: there is
 * none. prefill_log_write_all: elements of an array that is open, without nodes, the newest first.
 */
bool prefill_log_write(struct prefill_log *l, struct span id, struct json_out *o);
void prefill_log_write_all(struct prefill_log *l, struct json_out *o);

#endif
