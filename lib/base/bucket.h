/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_BUCKET_H
#define LIB_BASE_BUCKET_H

#include "lib/base/clock.h"

#include <stdbool.h>

/* Token bucket; time is an argument (monotonic). Threads: one at a time. */
struct bucket {
    double tokens, per_s, burst;
    msec_t since_ms;
};

void bucket_init(struct bucket *b, double per_s, double burst, msec_t now);
bool bucket_take(struct bucket *b, double tokens, msec_t now); /* false: not enough, none taken */
msec_t bucket_wait_ms(const struct bucket *b, double tokens);  /* after a refused take */

#endif
