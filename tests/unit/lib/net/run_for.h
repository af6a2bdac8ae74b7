/* SPDX-License-Identifier: MIT
 * for tests: a loop that runs for a time, or until something is so */
#ifndef TESTS_UNIT_LIB_NET_RUN_FOR_H
#define TESTS_UNIT_LIB_NET_RUN_FOR_H

#include "lib/net/loop.h"

struct run_for_end {
    struct timer timer;
    struct loop *loop;
};

static inline void run_for_on_end(struct timer *t)
{
    loop_stop(CONTAINER_OF(t, struct run_for_end, timer)->loop);
}

/* run_for: until loop_stop, or for that long. */
static inline void run_for(struct loop *l, msec_t ms)
{
    struct run_for_end end = {.loop = l};
    timer_init(&end.timer, l, run_for_on_end);
    timer_set(&end.timer, ms);
    loop_run(l);
    timer_finish(&end.timer);
}

/* Until it is so, however slow the machine is; a minute at most. */
#define RUN_UNTIL(l, condition)                                                                    \
    do {                                                                                           \
        for (int turns_ = 0; turns_ < 60000 && !(condition); turns_++)                             \
            run_for(l, 1);                                                                         \
        assert_true(condition);                                                                    \
    } while (0)

#endif
