/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_LIMIT_H
#define LIB_BASE_LIMIT_H

#include "lib/base/check.h"
#include "lib/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* A rate for each of any number of strangers, in a table of fixed size without a lock: who is told
 * by a hash (hash64_seeded of a network or a name). Those that meet in a bucket share it: under a
 * flood from everywhere the limit is stricter, never looser. Time is an argument (monotonic).
 * Threads: any, but create and destroy. */
struct limit;

/* rate: a second; 0: any number. burst: at once (at least 1). */
struct limit *limit_create(int64_t rate, int64_t burst) __attribute__((returns_nonnull));
void limit_destroy(struct limit **l);
/* limit_expect: limit_take follows, after other work: what it reads is asked for. */
void limit_expect(const struct limit *l, uint64_t who);
bool limit_take(struct limit *l, uint64_t who, msec_t now);           /* false: not now */
bool limit_is_spent(const struct limit *l, uint64_t who, msec_t now); /* takes nothing */

#endif
