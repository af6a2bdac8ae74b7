/* SPDX-License-Identifier: MIT */
#include "control/route/heat.h"

#include "lib/base/hash.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct heat *heat;

static int begin(void **state)
{
    (void)state;
    heat = heat_create();
    return 0;
}

static int end(void **state)
{
    (void)state;
    heat_destroy(&heat);
    return 0;
}

static uint64_t key(uint64_t i)
{
    return hash64(&i, sizeof i);
}

static void note(uint64_t content, msec_t now)
{
    struct heat_spot s = heat_find(heat, content, 7);
    heat_note(heat, &s, now);
}

static double share(uint64_t content, uint64_t area)
{
    struct heat_spot s = heat_find(heat, content, area);
    return heat_share(heat, &s);
}

static void a_share_is_what_was_asked(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 40000; i++)
        note(i % 4 == 0 ? key(0) : key(1 + i), 1);
    assert_true(fabs(share(key(0), 7) - 0.25) < 0.001);
    assert_true(share(key(2), 7) < 0.0005);
    assert_true(share(key(0), 8) == 0); /* another area */
    struct heat_spot nowhere = heat_find(NULL, key(0), 7);
    assert_true(heat_share(NULL, &nowhere) == 0);
}

static void a_few_questions_say_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        note(key(0), 1);
    assert_true(share(key(0), 7) == 0);
}

/* A small router has few questions of each area: one of 300 is no share of 1/300. */
static void a_content_asked_for_now_and_then_is_not_hot(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 300; i++)
        note(key(i), 1);
    for (uint64_t i = 0; i < 300; i++)
        assert_true(share(key(i), 7) == 0);
    for (int i = 0; i < 10; i++)
        note(key(0), 1);
    assert_true(share(key(0), 7) > 0.03);
}

static void what_was_hot_is_forgotten_but_not_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        note(key(0), 1);
    note(key(1), HEAT_WINDOW_MS + 1);
    assert_true(share(key(0), 7) > 0.9);
    for (int i = 0; i < 1000; i++)
        note(key(1), 2 * HEAT_WINDOW_MS + 2);
    assert_true(share(key(0), 7) == 0);
    for (int i = 0; i < 1000; i++)
        note(key(2), 9 * HEAT_WINDOW_MS);
    assert_true(share(key(1), 7) == 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_share_is_what_was_asked),
        T(a_few_questions_say_nothing),
        T(a_content_asked_for_now_and_then_is_not_hot),
        T(what_was_hot_is_forgotten_but_not_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
