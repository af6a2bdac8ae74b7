/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdint.h>

/* Moments and durations. Wall moments count from 1970-01-01T00:00:00Z and may jump; monotonic
 * ones count from some start, never go back, and mean nothing outside this process. */
typedef int64_t msec_t; /* milliseconds */
typedef int64_t nsec_t; /* nanoseconds */
typedef int64_t sec_t;  /* seconds; HTTP dates and ages */

#define MSEC_PER_SEC 1000
#define NSEC_PER_SEC 1000000000LL

/* Any thread; about 20 ns. On a loop prefer loop_now(): the same answer for one turn. */
msec_t clock_wall_ms(void);
msec_t clock_mono_ms(void);
nsec_t clock_mono_ns(void);
/* clock_thread_ns: processor time that the calling thread has used; a system call, some 200 ns. */
nsec_t clock_thread_ns(void);

/* clock_iso: "2026-01-02T03:04:05.678Z" into out, with a zero behind it. */
#define CLOCK_ISO_BYTES 24
void clock_iso(msec_t wall_ms, char out[CLOCK_ISO_BYTES + 1]);

#endif
