/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_THREAD_H
#define LIB_BASE_THREAD_H

#include "lib/base/check.h"

#include <pthread.h>

/* thread_start: a thread that runs run(ctx), under this name (15 bytes at most) in top and in
 * debuggers. What others send to the process is the main thread's: the new one is born with those
 * signals blocked. Those by which the system tells it of its own faults are not: blocked, they
 * would end the process before a sanitizer or a handler of crashes could say where.
 * Returns: 0, or an errno.   Takes: nothing; the caller joins or detaches *out.   Threads: any. */
MUST_USE int thread_start(pthread_t *out, void *(*run)(void *ctx), void *ctx, const char *name);

#endif
