/* SPDX-License-Identifier: MIT
 *
 * One look a period: cheaper than a timer moved at each read, and a sender that drips a byte now
 * and then does not pass. */
#include "edge/upstream/pace.h"

static void on_period(struct timer *t)
{
    struct pace *p = CONTAINER_OF(t, struct pace, timer);
    bool is_slow = p->received - p->seen < p->least && !p->has_rested;
    p->seen = p->received;
    p->has_rested = false;
    timer_set(&p->timer, p->period_ms);
    if (is_slow)
        p->slow(p);
}

void pace_init(struct pace *p, struct loop *l, void (*slow)(struct pace *p))
{
    *p = (struct pace){.slow = slow};
    timer_init(&p->timer, l, on_period);
}

void pace_start(struct pace *p, int64_t bytes_per_s, msec_t period_ms)
{
    p->seen = p->received;
    p->has_rested = false;
    p->period_ms = period_ms;
    p->least = bytes_per_s * period_ms / MSEC_PER_SEC;
    timer_set(&p->timer, period_ms);
}

void pace_rest(struct pace *p)
{
    p->has_rested = true;
}

void pace_stop(struct pace *p)
{
    timer_stop(&p->timer);
}

void pace_finish(struct pace *p)
{
    timer_finish(&p->timer);
}
