/* SPDX-License-Identifier: MIT */
#include "lib/net/loop.h"

#include <string.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct script {
    struct loop *loop;
    struct loop_task tasks[3];
    struct timer timers[3];
    char said[64];
    int rounds;
};

static struct script s;

static void say(char c)
{
    size_t n = strlen(s.said);
    assert_true(n + 1 < sizeof(s.said));
    s.said[n] = c;
}

static int begin(void **state)
{
    (void)state;
    s = (struct script){.loop = loop_create()};
    return s.loop != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        timer_finish(&s.timers[i]);
    loop_destroy(&s.loop);
    return 0;
}

static void say_a(struct loop_task *t)
{
    (void)t;
    say('a');
}

static void say_b(struct loop_task *t)
{
    (void)t;
    say('b');
}

static void stop_now(struct loop_task *t)
{
    (void)t;
    say('.');
    loop_stop(s.loop);
}

static void deferred_tasks_run_once_and_in_order(void **state)
{
    (void)state;
    loop_task_init(&s.tasks[0], say_a);
    loop_task_init(&s.tasks[1], say_b);
    loop_task_init(&s.tasks[2], stop_now);
    loop_defer(s.loop, &s.tasks[0]);
    loop_defer(s.loop, &s.tasks[1]);
    loop_defer(s.loop, &s.tasks[0]); /* stays where it is */
    loop_defer(s.loop, &s.tasks[2]);
    loop_run(s.loop);
    assert_string_equal(s.said, "ab.");
}

static void a_task_may_go_before_the_others(void **state)
{
    (void)state;
    loop_task_init(&s.tasks[0], say_a);
    loop_task_init(&s.tasks[1], say_b);
    loop_task_init(&s.tasks[2], stop_now);
    loop_defer(s.loop, &s.tasks[0]);
    loop_defer(s.loop, &s.tasks[1]);
    loop_defer(s.loop, &s.tasks[2]);
    loop_defer_first(s.loop, &s.tasks[1]); /* deferred already: comes forward */
    loop_run(s.loop);
    assert_string_equal(s.said, "ba.");
}

static void undefer_next(struct loop_task *t)
{
    say_a(t);
    loop_undefer(&s.tasks[1]);
    loop_undefer(&s.tasks[1]);
}

static void a_task_taken_back_does_not_run(void **state)
{
    (void)state;
    loop_task_init(&s.tasks[0], undefer_next);
    loop_task_init(&s.tasks[1], say_b);
    loop_task_init(&s.tasks[2], stop_now);
    for (int i = 0; i < 3; i++)
        loop_defer(s.loop, &s.tasks[i]);
    loop_run(s.loop);
    assert_string_equal(s.said, "a.");
}

static void again_until_ten(struct loop_task *t)
{
    if (++s.rounds < 10)
        loop_defer(s.loop, t);
    else
        loop_stop(s.loop);
}

static void stop_by_timer(struct timer *t)
{
    (void)t;
    say('t');
    loop_stop(s.loop);
}

static void again_for_ever(struct loop_task *t)
{
    s.rounds++;
    loop_defer(s.loop, t);
}

static void a_task_may_defer_itself_and_starves_nobody(void **state)
{
    (void)state;
    loop_task_init(&s.tasks[0], again_until_ten);
    loop_defer(s.loop, &s.tasks[0]);
    loop_run(s.loop);
    assert_int_equal(s.rounds, 10);

    loop_task_init(&s.tasks[1], again_for_ever);
    loop_defer(s.loop, &s.tasks[1]);
    timer_init(&s.timers[0], s.loop, stop_by_timer);
    timer_set(&s.timers[0], 20);
    loop_run(s.loop);
    assert_string_equal(s.said, "t");
    assert_true(s.rounds > 10);
}

static void say_timer(struct timer *t)
{
    say((char)('0' + (t - s.timers)));
}

static void timers_fire_in_order_and_the_last_setting_holds(void **state)
{
    (void)state;
    timer_init(&s.timers[0], s.loop, say_timer);
    timer_init(&s.timers[1], s.loop, say_timer);
    timer_init(&s.timers[2], s.loop, stop_by_timer);
    msec_t began = clock_mono_ms();
    timer_set(&s.timers[0], 5000);
    timer_set(&s.timers[0], 60);
    timer_set(&s.timers[1], 20);
    timer_set(&s.timers[2], 120);
    loop_run(s.loop);
    msec_t took = clock_mono_ms() - began;
    assert_string_equal(s.said, "10t");
    assert_true(took >= 110);
}

static void a_stopped_timer_is_silent(void **state)
{
    (void)state;
    timer_init(&s.timers[0], s.loop, say_timer);
    timer_init(&s.timers[2], s.loop, stop_by_timer);
    timer_stop(&s.timers[0]); /* never set: fine */
    timer_set(&s.timers[0], 5);
    timer_stop(&s.timers[0]);
    timer_set(&s.timers[2], 40);
    loop_run(s.loop);
    assert_string_equal(s.said, "t");
}

static void check_clock(struct timer *t)
{
    (void)t;
    msec_t now = loop_now(s.loop), wall = loop_wall(s.loop);
    struct timespec pause = {.tv_nsec = 30 * 1000 * 1000};
    nanosleep(&pause, NULL);
    assert_int_equal(loop_now(s.loop), now);
    assert_int_equal(loop_wall(s.loop), wall);
    assert_true(clock_mono_ms() - now >= 29);
    loop_stop(s.loop);
}

static void time_stands_still_within_a_turn(void **state)
{
    (void)state;
    timer_init(&s.timers[0], s.loop, check_clock);
    timer_set(&s.timers[0], 0);
    loop_run(s.loop);
    assert_true(clock_mono_ms() - loop_now(s.loop) < 60000);
}

static void buffers_come_back_from_the_free_list(void **state)
{
    enum { MANY = 300 };
    static void *bufs[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        bufs[i] = loop_buf_get(s.loop);
        memset(bufs[i], i, LOOP_BUF_BYTES);
    }
    for (int i = MANY; i-- > 0;)
        loop_buf_put(s.loop, bufs[i]);
    void *one = loop_buf_get(s.loop);
    void *two = loop_buf_get(s.loop);
    assert_ptr_not_equal(one, two);
    loop_buf_put(s.loop, one);
    assert_ptr_equal(loop_buf_get(s.loop), one);
    loop_buf_put(s.loop, one);
    loop_buf_put(s.loop, two);
}

static void stop_before_run_ends_it_at_once(void **state)
{
    (void)state;
    loop_stop(s.loop);
    loop_run(s.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deferred_tasks_run_once_and_in_order, begin, end),
        cmocka_unit_test_setup_teardown(a_task_may_go_before_the_others, begin, end),
        cmocka_unit_test_setup_teardown(a_task_taken_back_does_not_run, begin, end),
        cmocka_unit_test_setup_teardown(a_task_may_defer_itself_and_starves_nobody, begin, end),
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_the_last_setting_holds, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_stopped_timer_is_silent, begin, end),
        cmocka_unit_test_setup_teardown(time_stands_still_within_a_turn, begin, end),
        cmocka_unit_test_setup_teardown(buffers_come_back_from_the_free_list, begin, end),
        cmocka_unit_test_setup_teardown(stop_before_run_ends_it_at_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
