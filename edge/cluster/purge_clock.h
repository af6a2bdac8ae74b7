/* SPDX-License-Identifier: MIT */
#ifndef EDGE_CLUSTER_PURGE_CLOCK_H
#define EDGE_CLUSTER_PURGE_CLOCK_H

#include "lib/base/check.h"
#include "lib/base/span.h"
#include "lib/proto/heartbeat.h"

#include <stdbool.h>
#include <stdint.h>

/* How far this node is in the control plane's log of purges, and what that means between nodes.
 *
 * A node that has applied a purge and then asks another one must not be given what the purge was
 * about. So each question between nodes carries a stamp: the purges that its sender knows of. Who
 * has not applied them all answers as if its cache were empty. For this the stamp must rise before
 * the sender's own cache is purged (else a question could slip between the two), and the answerer
 * must count a purge only when it is applied: hence announce, then apply.
 *
 * Threads: any. */
struct purge_stamp {
    char log[HEARTBEAT_NAME_BYTES + 1]; /* id of the log; "": none is known */
    uint64_t seq;
};

struct purge_clock;
struct purge_clock *purge_clock_create(void) __attribute__((returns_nonnull));
void purge_clock_destroy(struct purge_clock **c); /* NULL is fine */

/* purge_clock_announce: purges up to seq will be applied in a moment. purge_clock_apply: they are.
 * moment: the store's (store_moment) after it. Another log: earlier numbers mean nothing more. */
void purge_clock_announce(struct purge_clock *c, struct span log, uint64_t seq);
void purge_clock_apply(struct purge_clock *c, struct span log, uint64_t seq, uint64_t moment);

/* purge_clock_stamp: for a question to another node. purge_clock_applied: for what is kept for
 * others: purges applied before it was fetched. purge_clock_covers: whether everything that
 * the stamp knows of is applied here. */
void purge_clock_stamp(struct purge_clock *c, struct purge_stamp *out);
void purge_clock_applied(struct purge_clock *c, struct purge_stamp *out);
bool purge_clock_covers(struct purge_clock *c, const struct purge_stamp *s);
/* purge_clock_moment: what was fetched under this stamp is as if this store had begun to fetch it
 * at *moment: no earlier, so that a purge is rather counted twice. False: too long ago to say, or
 * another log. */
bool purge_clock_moment(struct purge_clock *c, const struct purge_stamp *s, uint64_t *moment);

/* purge_stamp_later: the one of the two that knows more; of different logs: a. */
const struct purge_stamp *purge_stamp_later(const struct purge_stamp *a,
                                            const struct purge_stamp *b);

#endif
