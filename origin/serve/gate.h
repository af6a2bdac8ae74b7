/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_SERVE_GATE_H
#define ORIGIN_SERVE_GATE_H

#include "lib/base/span.h"
#include "lib/net/loop.h"

/* Protects a storage from crowds: so many reads at a time in all, so many of one key, and a fair
 * queue before that: keys take turns, so that a crowd for one holds no other up. Who has waited
 * key_wait_ms for its key's turn goes past that rule (not past the storage's cap): a slow reader
 * must not keep others out. Past the queue's bound, or after wait_ms, the answer is ERR_BUSY.
 * Threads: any loop's; a pass belongs to its loop. */
struct gate;
struct gate_spec {
    int64_t reads, reads_per_key;
    int64_t queue; /* passes that may wait */
    msec_t wait_ms, key_wait_ms;
};
struct gate *gate_create(const struct gate_spec *spec) __attribute__((returns_nonnull));
void gate_destroy(struct gate **g); /* nobody is inside or waits; NULL is fine */

struct gate_pass;
/* 0: inside. ERR_BUSY: waited too long; gate_leave is still the owner's. */
typedef void (*gate_fn)(void *ctx, int err);
/* gate_enter: NULL: no room to wait. Else a pass: inside already (gate_is_inside), or done follows
 * on home, not from inside. key is copied. */
struct gate_pass *gate_enter(struct gate *g, struct loop *home, struct span key, gate_fn done,
                             void *ctx);
bool gate_is_inside(const struct gate_pass *pass);
void gate_leave(struct gate_pass **pass); /* inside or waiting; NULL is fine */

/* How long a newcomer would wait now, in whole seconds, at least one: for Retry-After. */
sec_t gate_retry_after_s(struct gate *g);

#endif
