/* SPDX-License-Identifier: MIT
 *
 * What counts as too slow. */
#include "edge/upstream/pace.h"

#include "tests/unit/lib/net/run_for.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* So long that none ends by itself in a test: the tests end them. */
enum { LEAST = 3600, PERIOD_MS = LEAST * MSEC_PER_SEC };

static struct loop *loop;
static struct pace pace;
static int slow_count;

static void on_slow(struct pace *p)
{
    assert_ptr_equal(p, &pace);
    slow_count++;
}

static void end_period(void)
{
    pace.timer.run(&pace.timer);
}

static int begin(void **state)
{
    (void)state;
    loop = loop_create();
    pace_init(&pace, loop, on_slow);
    slow_count = 0;
    pace_start(&pace, 1, PERIOD_MS); /* a byte a second */
    return 0;
}

static int end(void **state)
{
    (void)state;
    pace_finish(&pace);
    loop_destroy(&loop);
    return 0;
}

static void enough_in_a_period_is_not_slow(void **state)
{
    (void)state;
    pace.received += LEAST;
    end_period();
    assert_int_equal(slow_count, 0);
}

static void a_byte_too_few_is_slow(void **state)
{
    (void)state;
    pace.received += LEAST - 1;
    end_period();
    assert_int_equal(slow_count, 1);
}

static void what_came_before_does_not_count(void **state)
{
    (void)state;
    pace.received += 100 * LEAST;
    end_period();
    assert_int_equal(slow_count, 0);
    end_period();
    assert_int_equal(slow_count, 1);
}

static void a_period_in_which_the_owner_rested_says_nothing(void **state)
{
    (void)state;
    pace_rest(&pace);
    end_period();
    assert_int_equal(slow_count, 0);
    end_period();
    assert_int_equal(slow_count, 1);
}

static void to_start_again_begins_a_new_period(void **state)
{
    (void)state;
    pace.received = 5;
    pace_rest(&pace);
    pace_start(&pace, 1, PERIOD_MS);
    pace.received += LEAST - 1; /* the 5 were of the old one, and so was the rest */
    end_period();
    assert_int_equal(slow_count, 1);
}

static void where_nothing_is_asked_nobody_is_slow(void **state)
{
    (void)state;
    pace_start(&pace, 0, PERIOD_MS);
    end_period();
    end_period();
    assert_int_equal(slow_count, 0);
}

static void on_slow_stop(struct pace *p)
{
    if (++slow_count == 3) {
        pace_stop(p);
        loop_stop(loop);
    }
}

static void periods_follow_each_other_until_it_is_stopped(void **state)
{
    (void)state;
    pace.slow = on_slow_stop;
    pace_start(&pace, MSEC_PER_SEC, 1); /* a byte in each millisecond */
    loop_run(loop);
    run_for(loop, 20);
    assert_int_equal(slow_count, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(enough_in_a_period_is_not_slow),
        T(a_byte_too_few_is_slow),
        T(what_came_before_does_not_count),
        T(a_period_in_which_the_owner_rested_says_nothing),
        T(to_start_again_begins_a_new_period),
        T(where_nothing_is_asked_nobody_is_slow),
        T(periods_follow_each_other_until_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
