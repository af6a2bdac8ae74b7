/* SPDX-License-Identifier: MIT
 *
 * What counts as too slow. */
#include "edge/upstream/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { PERIOD_MS = 40, LEAST = 1000 };

static struct loop *loop;
static struct timer stop_timer;
static struct pace pace;
static int slow_count;

static void on_slow(struct pace *p)
{
    assert_ptr_equal(p, &pace);
    slow_count++;
}

static void on_stop(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

/* Time passes until just after the end of so many periods that began with pace_start. */
static void run_periods(int periods)
{
    timer_set(&stop_timer, (msec_t)periods * PERIOD_MS + PERIOD_MS / 4);
    loop_run(loop);
}

static int begin(void **state)
{
    (void)state;
    loop = loop_create();
    timer_init(&stop_timer, loop, on_stop);
    pace_init(&pace, loop, on_slow);
    slow_count = 0;
    /* 1000 bytes in each period */
    pace_start(&pace, (int64_t)LEAST * MSEC_PER_SEC / PERIOD_MS, PERIOD_MS);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pace_finish(&pace);
    timer_finish(&stop_timer);
    loop_destroy(&loop);
    return 0;
}

static void enough_in_a_period_is_not_slow(void **state)
{
    (void)state;
    pace.received += LEAST;
    run_periods(1);
    assert_int_equal(slow_count, 0);
}

static void a_byte_too_few_is_slow(void **state)
{
    (void)state;
    pace.received += LEAST - 1;
    run_periods(1);
    assert_int_equal(slow_count, 1);
}

static void what_came_before_does_not_count(void **state)
{
    (void)state;
    pace.received += 100 * LEAST;
    run_periods(1);
    assert_int_equal(slow_count, 0);
    run_periods(1);
    assert_true(slow_count >= 1);
}

static void a_period_in_which_the_owner_rested_says_nothing(void **state)
{
    (void)state;
    pace_rest(&pace);
    run_periods(1);
    assert_int_equal(slow_count, 0);
    run_periods(1);
    assert_true(slow_count >= 1);
}

static void to_start_again_begins_a_new_period(void **state)
{
    (void)state;
    pace.received = 5;
    pace_start(&pace, 0, PERIOD_MS);
    run_periods(3);
    assert_int_equal(slow_count, 0); /* nothing is asked of it */
}

static void who_is_stopped_is_never_slow(void **state)
{
    (void)state;
    pace_stop(&pace);
    run_periods(2);
    assert_int_equal(slow_count, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(enough_in_a_period_is_not_slow),     T(a_byte_too_few_is_slow),
        T(what_came_before_does_not_count),    T(a_period_in_which_the_owner_rested_says_nothing),
        T(to_start_again_begins_a_new_period), T(who_is_stopped_is_never_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
