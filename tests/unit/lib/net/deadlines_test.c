/* SPDX-License-Identifier: MIT */
#include "lib/net/deadlines.h"

#include "tests/unit/lib/net/run_for.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { MANY = 1000, LONG_MS = 30000 };

struct thing {
    struct deadline deadline;
    int fired; /* 1: first of all; 0: not yet */
    msec_t late_ms;
};

static struct loop *loop;
static struct deadlines deadlines;
static struct thing things[MANY];
static int fired, awaited;

static void on_deadline(struct deadline *d)
{
    struct thing *t = CONTAINER_OF(d, struct thing, deadline);
    assert_int_equal(t->fired, 0);
    t->fired = ++fired;
    t->late_ms = loop_now(loop) - d->at;
    if (fired == awaited)
        loop_stop(loop);
}

static void run_until_fired(int count)
{
    awaited = count;
    run_for(loop, LONG_MS);
    assert_int_equal(fired, count);
}

static int begin(void **state)
{
    (void)state;
    loop = loop_create();
    if (loop == NULL)
        return -1;
    fired = 0;
    deadlines_init(&deadlines, loop, 100, on_deadline);
    for (int i = 0; i < MANY; i++) {
        things[i] = (struct thing){.fired = 0};
        deadline_init(&things[i].deadline);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    deadlines_finish(&deadlines);
    loop_destroy(&loop);
    return 0;
}

static void a_thousand_fire_once_each_and_not_before_their_time(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        deadline_start(&deadlines, &things[i].deadline);
    run_until_fired(MANY);
    for (int i = 0; i < MANY; i++)
        assert_true(things[i].late_ms >= 0);
}

/* Stopped: every second one; those from 1 by four start anew, and so come last. */
static void stopped_ones_are_silent_and_restarted_ones_wait_anew(void **state)
{
    (void)state;
    deadlines_set_after(&deadlines, 2 * LONG_MS);
    for (int i = 0; i < MANY; i++)
        deadline_start(&deadlines, &things[i].deadline);
    run_for(loop, 150); /* more than a small move */
    assert_int_equal(fired, 0);
    for (int i = 0; i < MANY; i += 2)
        deadline_stop(&things[i].deadline);
    deadline_stop(&things[0].deadline); /* twice: fine */
    for (int i = 1; i < MANY; i += 4)
        deadline_start(&deadlines, &things[i].deadline);
    deadlines_set_after(&deadlines, 50);
    run_until_fired(MANY / 2);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(things[i].fired > 0, i % 2);
        assert_int_equal(things[i].fired > MANY / 4, i % 4 == 1);
    }
}

static void a_shorter_duration_brings_the_waiting_forward(void **state)
{
    (void)state;
    deadlines_set_after(&deadlines, 10 * LONG_MS);
    deadline_start(&deadlines, &things[0].deadline);
    deadlines_set_after(&deadlines, 30);
    deadline_start(&deadlines, &things[1].deadline);
    run_until_fired(2);
}

static void restart_three_times(struct deadline *d)
{
    if (++fired == awaited)
        loop_stop(loop);
    else
        deadline_start(&deadlines, d);
}

static void one_may_be_started_again_from_its_own_function(void **state)
{
    (void)state;
    deadlines_set_after(&deadlines, 20);
    deadlines.run = restart_three_times;
    deadline_start(&deadlines, &things[0].deadline);
    run_until_fired(3);
}

/* Within one turn of the loop, in which time stands still. */
static void move_twice(struct loop_task *t)
{
    (void)t;
    deadline_start(&deadlines, &things[0].deadline);
    deadline_start(&deadlines, &things[1].deadline);
    deadline_start(&deadlines, &things[0].deadline);
    assert_ptr_equal(deadlines.waiting.next, &things[0].deadline.link);
    things[0].deadline.at -= 1000; /* as if a second had passed */
    deadline_start(&deadlines, &things[0].deadline);
    assert_ptr_equal(deadlines.waiting.next, &things[1].deadline.link);
    loop_stop(loop);
}

static void a_small_move_leaves_the_order_and_a_large_one_does_not(void **state)
{
    struct loop_task task;
    (void)state;
    deadlines_set_after(&deadlines, 200000);
    loop_task_init(&task, move_twice);
    loop_defer(loop, &task);
    loop_run(loop);
}

static void those_waiting_at_finish_never_fire(void **state)
{
    (void)state;
    deadline_start(&deadlines, &things[0].deadline);
    deadlines_finish(&deadlines);
    run_for(loop, 200);
    assert_int_equal(fired, 0);
    deadline_stop(&things[0].deadline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_thousand_fire_once_each_and_not_before_their_time, begin,
                                        end),
        cmocka_unit_test_setup_teardown(stopped_ones_are_silent_and_restarted_ones_wait_anew, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_shorter_duration_brings_the_waiting_forward, begin, end),
        cmocka_unit_test_setup_teardown(one_may_be_started_again_from_its_own_function, begin, end),
        cmocka_unit_test_setup_teardown(a_small_move_leaves_the_order_and_a_large_one_does_not,
                                        begin, end),
        cmocka_unit_test_setup_teardown(those_waiting_at_finish_never_fire, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
