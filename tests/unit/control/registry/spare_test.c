/* SPDX-License-Identifier: MIT */
#include "control/registry/spare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct spare spare;
static msec_t now;
static int flips;

static int begin(void **state)
{
    (void)state;
    spare_init(&spare);
    now = 1000;
    flips = 0;
    return 0;
}

/* Heartbeats once a second; capacity is 1 Gb/s. */
static void beat(double used, double cpu, int seconds)
{
    struct heartbeat_load load = {.out_bytes_per_s = used * 125e6, .cpu = cpu};
    for (int i = 0; i < seconds; i++, now += 1000)
        flips += spare_beat(&spare, 1000, &load, &spare_rules_default, now);
}

static void what_is_used_is_not_free(void **state)
{
    (void)state;
    assert_true(spare_share(&spare) == 1);
    beat(0.5, 0, 60);
    assert_true(fabs(spare_share(&spare) - 0.5) < 0.07);
    beat(0, 0, 60);
    assert_true(spare_share(&spare) == 1);
}

static void a_share_is_never_nothing(void **state)
{
    (void)state;
    beat(3, 0, 200);
    assert_true(spare_share(&spare) == 1.0 / SPARE_STEPS);
}

static void a_load_that_wavers_moves_nothing(void **state)
{
    (void)state;
    beat(0.5, 0, 60);
    double share = spare_share(&spare);
    for (int i = 0; i < 100; i++) {
        beat(i % 2 == 0 ? 0.47 : 0.53, 0, 1);
        assert_true(spare_share(&spare) == share);
    }
}

static void a_full_edge_is_told_and_not_untold_for_a_minute(void **state)
{
    (void)state;
    beat(1, 0, 10);
    assert_true(spare.is_full && flips == 1);
    beat(0.5, 0, 40);
    assert_true(spare.is_full);
    beat(0.5, 0, 20);
    assert_true(!spare.is_full && flips == 2);
    beat(1, 0, 40); /* up and down again within the minute: not so */
    assert_true(!spare.is_full && flips == 2);
    beat(1, 0, 30);
    assert_true(spare.is_full && flips == 3);
}

static void a_busy_processor_is_full_as_well(void **state)
{
    (void)state;
    struct heartbeat_load load = {.out_bytes_per_s = 1e12, .cpu = 0.5};
    for (int i = 0; i < 10; i++) /* its capacity is not known */
        assert_false(spare_beat(&spare, 0, &load, &spare_rules_default, now += 1000));
    assert_true(spare_share(&spare) == 1);
    beat(0, 0.97, 20);
    assert_true(spare.is_full);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        T(what_is_used_is_not_free),         T(a_share_is_never_nothing),
        T(a_load_that_wavers_moves_nothing), T(a_full_edge_is_told_and_not_untold_for_a_minute),
        T(a_busy_processor_is_full_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
