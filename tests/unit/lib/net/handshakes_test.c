/* SPDX-License-Identifier: MIT */
#include "lib/net/handshakes.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { STEPS = 12 };

static struct loop *loop;
static struct handshake steps[STEPS];
static int order[2 * STEPS], taken, turns, turn_of[STEPS];
static struct loop_task each_turn;

/* Notes every turn of the loop until all steps are done. */
static void on_turn(struct loop_task *t)
{
    turns++;
    if (taken < STEPS)
        loop_defer(loop, t);
    else
        loop_stop(loop);
}

static void take(struct handshake *h)
{
    int i = (int)(h - steps);
    turn_of[i] = turns;
    order[taken++] = i;
    for (nsec_t until = clock_mono_ns() + HANDSHAKES_TURN_NS / 2; clock_mono_ns() < until;)
        continue;
}

static void begin(void)
{
    loop = loop_create();
    taken = turns = 0;
    for (int i = 0; i < STEPS; i++)
        handshake_init(&steps[i], take);
    loop_task_init(&each_turn, on_turn);
    loop_defer(loop, &each_turn);
}

static void a_flood_is_spread_over_turns_in_order(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < STEPS; i++) {
        handshake_queue(loop, &steps[i]);
        handshake_queue(loop, &steps[i]); /* stays where it is */
    }
    loop_run(loop);
    assert_int_equal(taken, STEPS);
    for (int i = 0; i < STEPS; i++)
        assert_int_equal(order[i], i);
    for (int i = 2; i < STEPS; i++) /* two fill a turn */
        assert_true(turn_of[i] > turn_of[i - 2]);
    loop_destroy(&loop);
}

static void who_leaves_is_not_called(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < STEPS; i++)
        handshake_queue(loop, &steps[i]);
    handshake_unqueue(&steps[3]);
    handshake_unqueue(&steps[3]);
    taken = 1; /* as if it had been taken */
    loop_run(loop);
    for (int i = 1; i < taken; i++)
        assert_int_not_equal(order[i], 3);
    loop_destroy(&loop);
}

static void a_loop_may_end_with_steps_left(void **state)
{
    (void)state;
    begin();
    handshake_queue(loop, &steps[0]);
    handshake_unqueue(&steps[0]);
    loop_undefer(&each_turn);
    loop_destroy(&loop);
    assert_int_equal(taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_is_spread_over_turns_in_order),
        cmocka_unit_test(who_leaves_is_not_called),
        cmocka_unit_test(a_loop_may_end_with_steps_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
