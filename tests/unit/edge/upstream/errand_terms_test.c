/* SPDX-License-Identifier: MIT */
#include "edge/upstream/errand_terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define PER_S 262144u /* four pieces */

static void a_second_brings_its_bytes_and_a_quarter_at_the_beginning(void **state)
{
    _Atomic int64_t left = 0;
    struct errand_terms t = {.pin_left = &left};
    uint64_t bytes = 0;
    (void)state;
    errand_terms_init(&t, PER_S, 1000);
    for (msec_t now = 1000; now < 3000; now++) {
        while (errand_terms_take(&t, ERRAND_PIECE, now) == 0)
            bytes += ERRAND_PIECE;
    }
    assert_in_range(bytes, 2 * PER_S - ERRAND_PIECE, 2 * PER_S + PER_S / 4);
    assert_in_range(errand_terms_take(&t, ERRAND_PIECE, 2999), 1, 250);
    errand_terms_finish(&t);
}

static void what_has_no_rate_never_waits(void **state)
{
    _Atomic int64_t left = 0;
    struct errand_terms t = {.pin_left = &left};
    (void)state;
    errand_terms_init(&t, 0, 1000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(errand_terms_take(&t, ERRAND_PIECE, 1000), 0);
    errand_terms_finish(&t);
}

static void jobs_share_what_may_be_pinned_and_give_it_back(void **state)
{
    _Atomic int64_t left = 100;
    struct errand_terms a = {.pin_left = &left}, b = {.pin_left = &left};
    (void)state;
    errand_terms_init(&a, 0, 0);
    errand_terms_init(&b, 0, 0);
    assert_true(errand_terms_pin(&a, 60));
    assert_false(errand_terms_pin(&b, 41));
    assert_true(errand_terms_pin(&b, 40));
    assert_int_equal(left, 0);
    errand_terms_unpin(&a);
    assert_int_equal(left, 60);
    errand_terms_finish(&a);
    errand_terms_finish(&b);
    assert_int_equal(left, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_brings_its_bytes_and_a_quarter_at_the_beginning),
        cmocka_unit_test(what_has_no_rate_never_waits),
        cmocka_unit_test(jobs_share_what_may_be_pinned_and_give_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
