/* SPDX-License-Identifier: MIT */
#include "lib/base/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static int taken(struct limit *l, uint64_t who, int asked, msec_t now)
{
    int n = 0;
    for (int i = 0; i < asked; i++)
        n += limit_take(l, who, now);
    return n;
}

static void each_has_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    struct limit *l = limit_create(10, 20);
    assert_int_equal(taken(l, 1, 100, 1000), 20);
    assert_true(limit_is_spent(l, 1, 1000));
    assert_false(limit_is_spent(l, 2, 1000));
    assert_int_equal(taken(l, 2, 5, 1000), 5);
    assert_int_equal(taken(l, 1, 100, 1500), 5);
    assert_int_equal(taken(l, 1, 100, 60000), 20);
    limit_destroy(&l);
}

static void looking_takes_nothing(void **state)
{
    (void)state;
    struct limit *l = limit_create(1, 1);
    for (int i = 0; i < 10; i++)
        assert_false(limit_is_spent(l, 7, 5000));
    assert_int_equal(taken(l, 7, 3, 5000), 1);
    limit_destroy(&l);
}

static void a_rate_of_zero_is_no_limit(void **state)
{
    (void)state;
    struct limit *l = limit_create(0, 0);
    assert_int_equal(taken(l, 1, 1000, 1), 1000);
    assert_false(limit_is_spent(l, 1, 1));
    limit_destroy(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_burst_and_then_its_rate),
        cmocka_unit_test(looking_takes_nothing),
        cmocka_unit_test(a_rate_of_zero_is_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
