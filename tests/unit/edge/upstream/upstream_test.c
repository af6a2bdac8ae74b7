/* SPDX-License-Identifier: MIT
 *
 * Which origin is asked next. */
#include "edge/upstream/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct upstream_origin origins[3];
static struct upstream group;

static int setup(void **state)
{
    (void)state;
    memset(origins, 0, sizeof(origins));
    group = (struct upstream){.origins = origins, .count = 3};
    return 0;
}

static void origins_are_asked_in_order(void **state)
{
    (void)state;
    assert_ptr_equal(upstream_choose(&group, 0, 1000), &origins[0]);
    assert_ptr_equal(upstream_choose(&group, 1, 1000), &origins[1]);
    assert_ptr_equal(upstream_choose(&group, 3, 1000), &origins[2]);
    assert_null(upstream_choose(&group, 7, 1000));
}

static void one_that_failed_is_asked_last_for_a_while(void **state)
{
    (void)state;
    upstream_failed(&origins[0], 1000);
    assert_ptr_equal(upstream_choose(&group, 0, 1500), &origins[1]);
    assert_ptr_equal(upstream_choose(&group, 6, 1500), &origins[0]);
    assert_ptr_equal(upstream_choose(&group, 0, 2000), &origins[0]);
}

static void failures_in_a_row_hold_it_back_longer_but_not_for_ever(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        upstream_failed(&origins[0], 1000);
    assert_ptr_equal(upstream_choose(&group, 0, 8999), &origins[1]);
    assert_ptr_equal(upstream_choose(&group, 0, 9000), &origins[0]);
}

static void a_success_ends_the_row(void **state)
{
    (void)state;
    upstream_failed(&origins[0], 1000);
    upstream_succeeded(&origins[0]);
    assert_ptr_equal(upstream_choose(&group, 0, 1001), &origins[0]);
}

static void where_all_are_down_the_one_that_comes_up_first_is_asked(void **state)
{
    (void)state;
    upstream_failed(&origins[0], 1000);
    upstream_failed(&origins[1], 500);
    upstream_failed(&origins[2], 900);
    assert_ptr_equal(upstream_choose(&group, 0, 1001), &origins[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(origins_are_asked_in_order, setup),
        cmocka_unit_test_setup(one_that_failed_is_asked_last_for_a_while, setup),
        cmocka_unit_test_setup(failures_in_a_row_hold_it_back_longer_but_not_for_ever, setup),
        cmocka_unit_test_setup(a_success_ends_the_row, setup),
        cmocka_unit_test_setup(where_all_are_down_the_one_that_comes_up_first_is_asked, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
