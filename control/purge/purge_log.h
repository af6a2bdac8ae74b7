/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_PURGE_PURGE_LOG_H
#define CONTROL_PURGE_PURGE_LOG_H

#include "control/state/state.h"
#include "lib/base/clock.h"
#include "lib/proto/heartbeat.h"

/* The log of purges: each has a sequence number, is durable before it is acknowledged or told to
 * any edge, and stays until `keep` newer ones have come. Readers read from memory.
 * Threads: open, next and put on the state's thread (or at start); the rest any. */
struct purge_log;
#define PURGE_LOG_ID_BYTES 16

struct purge_record {
    struct heartbeat_purge purge;
    msec_t at_wall_ms; /* when it was ordered */
};

/* 0 and *out with what the state has (a new log gets its id here), or the state's error. */
MUST_USE int purge_log_open(struct purge_log **out, struct state *s, size_t keep);
void purge_log_close(struct purge_log **l);
/* purge_log_next: gives purge->seq, and the facts that make the purge durable, in mem; how many; 0:
 * it is too big. purge_log_put: they were committed: readers see it from now on. */
#define PURGE_LOG_CHANGES 2
size_t purge_log_next(const struct purge_log *l, struct purge_record *r,
                      struct state_change out[PURGE_LOG_CHANGES], struct arena *mem);
void purge_log_put(struct purge_log *l, const struct purge_record *r);

/* purge_log_answer: the log's part of a heartbeat's answer for an edge at (log, seq); in mem. */
void purge_log_answer(struct purge_log *l, struct span log, uint64_t seq,
                      struct heartbeat_answer *out, struct arena *mem);
uint64_t purge_log_head(struct purge_log *l);
struct span purge_log_id(const struct purge_log *l);
/* purge_log_find: ERR_NOT_FOUND: never given, or no longer kept. Spans in mem. */
MUST_USE int purge_log_find(struct purge_log *l, uint64_t seq, struct purge_record *out,
                            struct arena *mem);

#endif
