/* SPDX-License-Identifier: MIT
 *
 * Which origin is asked next. */
#include "edge/upstream/upstream.h"

#include "edge/upstream/health.h"
#include "lib/base/err.h"

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
    group.origins = origins;
    group.count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        origins[i].order = i;
        origins[i].weight = 1;
        origins[i].hash = 1000 + i;
    }
    atomic_store(&group.spent_retries, 0);
    return 0;
}

static void origins_are_asked_in_order(void **state)
{
    (void)state;
    assert_ptr_equal(upstream_choose(&group, 0, 0, 1000), &origins[0]);
    assert_ptr_equal(upstream_choose(&group, 1, 0, 1000), &origins[1]);
    assert_ptr_equal(upstream_choose(&group, 3, 0, 1000), &origins[2]);
    assert_null(upstream_choose(&group, 7, 0, 1000));
}

static void those_of_one_order_share_the_keys_by_weight(void **state)
{
    int asked[3] = {0};
    (void)state;
    origins[1].order = 0;
    origins[1].weight = 3;
    for (uint64_t key = 0; key < 4000; key++)
        asked[upstream_index(&group,
                             upstream_choose(&group, 0, key * 0x9e3779b97f4a7c15U, 1000))]++;
    assert_int_equal(asked[2], 0);
    assert_in_range(asked[0], 900, 1100);
    upstream_failed(&origins[1], ERR_REFUSED, 1000);
    assert_ptr_equal(upstream_choose(&group, 0, 77, 1500), &origins[0]);
}

static void one_that_failed_is_asked_last_for_a_while(void **state)
{
    (void)state;
    upstream_failed(&origins[0], ERR_REFUSED, 1000);
    assert_ptr_equal(upstream_choose(&group, 0, 0, 1500), &origins[1]);
    assert_ptr_equal(upstream_choose(&group, 6, 0, 1500), &origins[0]);
    assert_ptr_equal(upstream_choose(&group, 0, 0, 2000), &origins[0]);
}

static void break_it(struct upstream_origin *o, msec_t now)
{
    for (int i = 0; i < 5; i++)
        upstream_failed(o, ERR_REFUSED, now);
}

static void a_broken_one_is_probed_by_one_request_a_second(void **state)
{
    (void)state;
    break_it(&origins[0], 1000);
    assert_ptr_equal(upstream_take(&group, 0, 0, 1999), &origins[1]);
    assert_null(upstream_take(&group, 6, 0, 1999));
    assert_ptr_equal(upstream_take(&group, 0, 0, 2000), &origins[0]);
    assert_ptr_equal(upstream_take(&group, 0, 0, 2000), &origins[1]);
    assert_ptr_equal(upstream_take(&group, 0, 0, 2999), &origins[1]);
    assert_ptr_equal(upstream_take(&group, 0, 0, 3000), &origins[0]);
    upstream_succeeded(&origins[0]);
    assert_ptr_equal(upstream_take(&group, 0, 0, 3000), &origins[0]);
    assert_ptr_equal(upstream_take(&group, 0, 0, 3000), &origins[0]);
}

static void what_answers_wrongly_never_breaks(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        upstream_failed(&origins[0], ERR_PROTOCOL, 1000);
    assert_false(upstream_is_broken(&origins[0]));
}

static void one_that_asks_for_rest_is_asked_last(void **state)
{
    (void)state;
    upstream_rest(&origins[0], 5000);
    assert_ptr_equal(upstream_take(&group, 0, 0, 4999), &origins[1]);
    assert_ptr_equal(upstream_take(&group, 6, 0, 4999), &origins[0]);
    assert_null(upstream_take(&group, 7, 0, 4999));
    assert_ptr_equal(upstream_take(&group, 0, 0, 5000), &origins[0]);
}

static void one_that_is_unfit_is_asked_last(void **state)
{
    (void)state;
    upstream_set_fit(&origins[0], false);
    assert_ptr_equal(upstream_take(&group, 0, 0, 1000), &origins[1]);
    assert_ptr_equal(upstream_take(&group, 6, 0, 1000), &origins[0]);
    assert_string_equal(upstream_state_name(&origins[0], 1000), "unfit");
    upstream_set_fit(&origins[0], true);
    assert_ptr_equal(upstream_take(&group, 0, 0, 1000), &origins[0]);
}

static void three_bad_answers_make_unfit_and_two_good_ones_fit(void **state)
{
    static const char answers[] = "bbgbbbggbbbgbgg";
    static const char unfit[] = "nnnnnyynnnyyyyn";
    struct health_row row = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(answers) - 1; i++) {
        bool was = row.is_unfit, changed = health_note(&row, answers[i] == 'g');
        assert_int_equal(row.is_unfit, unfit[i] == 'y');
        assert_int_equal(changed, row.is_unfit != was);
    }
}

static void a_group_is_down_when_each_of_it_is(void **state)
{
    (void)state;
    break_it(&origins[0], 1000);
    upstream_rest(&origins[1], 9000);
    assert_false(upstream_is_down(&group, 1000));
    break_it(&origins[2], 1000);
    assert_true(upstream_is_down(&group, 1000));
    assert_false(upstream_is_down(&group, 9000));
}

static void retries_are_a_share_of_requests(void **state)
{
    (void)state;
    int retries = 0;
    while (upstream_may_retry(&group))
        retries++;
    assert_int_equal(retries, 10);
    for (int i = 0; i < 100; i++) {
        upstream_count_request(&group);
        retries += upstream_may_retry(&group);
    }
    assert_int_equal(retries, 30);
}

static void a_disregard_of_ranges_is_remembered_for_a_time(void **state)
{
    (void)state;
    upstream_note_ranges(&origins[0], true, 1000);
    assert_true(upstream_ignores_ranges(&origins[0], 60999));
    assert_false(upstream_ignores_ranges(&origins[0], 61000));
    upstream_note_ranges(&origins[0], false, 2000);
    assert_false(upstream_ignores_ranges(&origins[0], 2000));
}

static void a_success_ends_the_row(void **state)
{
    (void)state;
    upstream_failed(&origins[0], ERR_REFUSED, 1000);
    upstream_succeeded(&origins[0]);
    assert_ptr_equal(upstream_choose(&group, 0, 0, 1001), &origins[0]);
}

static void where_all_are_down_the_one_that_comes_up_first_is_asked(void **state)
{
    (void)state;
    upstream_failed(&origins[0], ERR_REFUSED, 1000);
    upstream_failed(&origins[1], ERR_REFUSED, 500);
    upstream_failed(&origins[2], ERR_REFUSED, 900);
    assert_ptr_equal(upstream_choose(&group, 0, 0, 1001), &origins[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(origins_are_asked_in_order, setup),
        cmocka_unit_test_setup(those_of_one_order_share_the_keys_by_weight, setup),
        cmocka_unit_test_setup(one_that_failed_is_asked_last_for_a_while, setup),
        cmocka_unit_test_setup(a_broken_one_is_probed_by_one_request_a_second, setup),
        cmocka_unit_test_setup(what_answers_wrongly_never_breaks, setup),
        cmocka_unit_test_setup(one_that_asks_for_rest_is_asked_last, setup),
        cmocka_unit_test_setup(one_that_is_unfit_is_asked_last, setup),
        cmocka_unit_test_setup(three_bad_answers_make_unfit_and_two_good_ones_fit, setup),
        cmocka_unit_test_setup(a_group_is_down_when_each_of_it_is, setup),
        cmocka_unit_test_setup(retries_are_a_share_of_requests, setup),
        cmocka_unit_test_setup(a_disregard_of_ranges_is_remembered_for_a_time, setup),
        cmocka_unit_test_setup(a_success_ends_the_row, setup),
        cmocka_unit_test_setup(where_all_are_down_the_one_that_comes_up_first_is_asked, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
