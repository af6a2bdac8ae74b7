/* SPDX-License-Identifier: MIT */

/* Token bucket. Pure but for its own state; time that goes back adds nothing. */
#include "lib/base/bucket.h"

#include <math.h>

void bucket_init(struct bucket *b, double per_s, double burst, msec_t now)
{
    *b = (struct bucket){.tokens = burst, .per_s = per_s, .burst = burst, .since_ms = now};
}

bool bucket_take(struct bucket *b, double tokens, msec_t now)
{
    if (now > b->since_ms) {
        b->tokens += b->per_s * (double)(now - b->since_ms) / MSEC_PER_SEC;
        if (b->tokens > b->burst)
            b->tokens = b->burst;
        b->since_ms = now;
    }
    if (tokens > b->tokens)
        return false;
    b->tokens -= tokens;
    return true;
}

msec_t bucket_wait_ms(const struct bucket *b, double tokens)
{
    if (tokens <= b->tokens)
        return 0;
    if (b->per_s <= 0 || tokens > b->burst)
        return INT64_MAX; /* never */
    double wait_ms = ceil((tokens - b->tokens) / b->per_s * MSEC_PER_SEC);
    return wait_ms < 0x1p62 ? (msec_t)wait_ms : INT64_MAX;
}
