/* SPDX-License-Identifier: MIT */
#include "lib/base/clock.h"

#include "lib/base/bucket.h"
#include "lib/base/counter.h"
#include "lib/base/hrw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

static void moments_are_spelled_as_the_c_library_would(void **state)
{
    (void)state;
    char ours[25], theirs[64];
    for (msec_t t = 0; t < 253402300800000; t += 86400000LL * 13 + 12345678) {
        time_t seconds = t / 1000;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        size_t n = strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(theirs + n, sizeof(theirs) - n, ".%03dZ", (int)(t % 1000));
        clock_iso(t, ours);
        assert_string_equal(ours, theirs);
    }
    clock_iso(INT64_MAX, ours);
    assert_string_equal(ours, "9999-12-31T23:59:59.999Z");
    clock_iso(-5, ours);
    assert_string_equal(ours, "1970-01-01T00:00:00.000Z");
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    (void)state;
    nsec_t last = clock_mono_ns();
    for (int i = 0; i < 10000; i++) {
        nsec_t now = clock_mono_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_ms() > 1700000000000);
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 10, 5, 1000);
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&b, 1, 1000));
    assert_false(bucket_take(&b, 1, 1000));
    assert_int_equal(bucket_wait_ms(&b, 1), 100);
    assert_false(bucket_take(&b, 1, 1099));
    assert_true(bucket_take(&b, 1, 1100));
    assert_false(bucket_take(&b, 1, 500)); /* time that went back */
    assert_true(bucket_take(&b, 5, 100000));
    assert_false(bucket_take(&b, 0.001, 100000));
    assert_int_equal(bucket_wait_ms(&b, 6), INT64_MAX); /* more than it ever holds */
}

static void keys_spread_by_weight_and_only_those_of_a_gone_node_move(void **state)
{
    (void)state;
    static const double weights[] = {1, 2, 1, 4};
    int owned[4] = {0}, keys = 100000;
    for (int key = 0; key < keys; key++) {
        int best = 0, best_without_2 = 0;
        double top = 0, top_without_2 = 0;
        for (int node = 0; node < 4; node++) {
            double score = hrw_score((uint64_t)key * 0x9e3779b97f4a7c15U, node + 1, weights[node]);
            if (score > top) {
                top = score;
                best = node;
            }
            if (node != 2 && score > top_without_2) {
                top_without_2 = score;
                best_without_2 = node;
            }
        }
        owned[best]++;
        assert_true(best == 2 || best == best_without_2);
    }
    for (int node = 0; node < 4; node++) {
        double share = owned[node] / (keys * weights[node] / 8);
        assert_true(share > 0.97 && share < 1.03);
    }
    assert_true(hrw_score(1, 1, 0) == 0);
    assert_true(hrw_score(1, 1, -1) == 0);
}

static void counters_of_all_workers_are_summed(void **state)
{
    (void)state;
    struct counters {
        counter_t a, b;
    } workers[3] = {{0}};
    const struct counter_row row = {"b", "", offsetof(struct counters, b)};
    const void *records[3] = {&workers[0], &workers[1], &workers[2]};
    for (int i = 0; i < 3; i++) {
        counter_add(&workers[i].a, 100);
        counter_add(&workers[i].b, i + 1);
        counter_add_shared(&workers[i].b, 10);
    }
    assert_int_equal(counter_sum(&row, records, 3), 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_spelled_as_the_c_library_would),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(keys_spread_by_weight_and_only_those_of_a_gone_node_move),
        cmocka_unit_test(counters_of_all_workers_are_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
