/* SPDX-License-Identifier: MIT */
#include "control/billing/tariff.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define GB 1000000000ULL

static bool is_about(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

static void tiers_charge_each_part_by_its_own_price(void **state)
{
    (void)state;
    static const struct {
        uint64_t gb;
        double cost;
    } rows[] = {{0, 0}, {5, 0.5}, {10, 1}, {11, 1.05}, {50, 3}, {51, 3.02}, {1000, 22}};
    struct tariff t = {.rate = 1, .tier_count = 3};
    assert_true(tariff_read_tier(SPAN("10GB 0.1"), 0, &t.tiers[0]));
    assert_true(tariff_read_tier(SPAN("50GB 0.05"), t.tiers[0].up_to_bytes, &t.tiers[1]));
    assert_true(tariff_read_tier(SPAN("0.02"), t.tiers[1].up_to_bytes, &t.tiers[2]));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(is_about(tariff_cost_of(&t, rows[i].gb * GB, 0).bytes, rows[i].cost));
}

static void a_commit_is_paid_and_what_is_over_it_too(void **state)
{
    (void)state;
    static const struct {
        double mbps, cost;
    } rows[] = {{0, 500}, {999, 500}, {1000, 500}, {1100, 580}, {3000, 2100}};
    struct tariff t = {
        .rate = 1, .commit_mbps = 1000, .per_mbps = 0.5, .over_per_mbps = 0.8, .flat = 90};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tariff_cost c = tariff_cost_of(&t, 0, (uint64_t)(rows[i].mbps * TARIFF_MBPS));
        assert_true(is_about(c.bandwidth, rows[i].cost));
        assert_true(is_about(tariff_sum(&c), rows[i].cost + 90));
    }
}

static void another_currency_is_turned_into_the_accounts(void **state)
{
    (void)state;
    struct tariff t = {.rate = 0.00068, .flat = 1000000, .tier_count = 1};
    t.tiers[0] = (struct tariff_tier){HUGE_VAL, 30};
    struct tariff_cost c = tariff_cost_of(&t, 1000 * GB, 0);
    assert_true(is_about(c.flat, 680) && is_about(c.bytes, 20.4));
}

static void what_is_no_tier_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",        "x",         "-1",     "10GB", "10GB x",
                                       "x 0.1",   "10GB -0.1", "nan",    "inf",  "10GB 0.1 2",
                                       "5GB 0.1", " 0.1",      "0.1 GB", "1e400"};
    struct tariff_tier t;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_false(tariff_read_tier(span_of(rows[i]), 5e9, &t));
}

static void a_node_is_billed_by_the_tariff_that_names_it_or_by_the_rest(void **state)
{
    (void)state;
    const struct span a[] = {SPAN("a"), SPAN("b")}, c[] = {SPAN("c")};
    const struct tariff v[] = {
        {.nodes = a, .node_count = 2}, {.node_count = 0}, {.nodes = c, .node_count = 1}};
    assert_int_equal(tariff_find(v, 3, SPAN("b")), 0);
    assert_int_equal(tariff_find(v, 3, SPAN("c")), 2);
    assert_int_equal(tariff_find(v, 3, SPAN("z")), 1);
    assert_int_equal(tariff_find(v, 1, SPAN("z")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiers_charge_each_part_by_its_own_price),
        cmocka_unit_test(a_commit_is_paid_and_what_is_over_it_too),
        cmocka_unit_test(another_currency_is_turned_into_the_accounts),
        cmocka_unit_test(what_is_no_tier_is_refused),
        cmocka_unit_test(a_node_is_billed_by_the_tariff_that_names_it_or_by_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
