/* SPDX-License-Identifier: MIT
 *
 * What is read ahead. */
#include "edge/policy/stride.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void who_reads_on_gets_twice_as_much_each_time(void **state)
{
    struct stride s = {0};
    int64_t at = 5;
    (void)state;
    assert_int_equal(stride_want(&s, at, 1, 16), 0);
    at += 1;
    for (int64_t ahead = 1; ahead <= 16; ahead *= 2) {
        assert_int_equal(stride_want(&s, at, 1, 16), ahead);
        at += 1 + ahead;
    }
    assert_int_equal(stride_want(&s, at, 1, 16), 16);
    assert_int_equal(s.wants, 7);
}

static void who_jumps_about_gets_what_he_asked(void **state)
{
    static const int64_t places[] = {0, 50, 7, 90, 30, 29, 61, 0, 8};
    struct stride s = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        assert_int_equal(stride_want(&s, places[i], 2, 64), 0);
}

static void one_who_jumps_does_not_disturb_one_who_reads_on(void **state)
{
    struct stride s = {0};
    int64_t at = 0;
    (void)state;
    for (int i = 0; i < 5; i++) {
        int64_t ahead = stride_want(&s, at, 1, 1000);
        assert_int_equal(ahead, i == 0 ? 0 : 1 << (i - 1));
        at += 1 + ahead;
        assert_int_equal(stride_want(&s, 5000 + 100 * i, 1, 1000), 0);
    }
}

static void numbers_that_do_not_fit_are_not_followed(void **state)
{
    struct stride s = {0};
    (void)state;
    assert_int_equal(stride_want(&s, INT64_C(1) << 32, 1, 8), 0);
    assert_int_equal(stride_want(&s, (INT64_C(1) << 32) + 1, 1, 8), 0);
    assert_int_equal(stride_want(&s, UINT32_MAX - 3, 1, 8), 0);
    assert_int_equal(stride_want(&s, UINT32_MAX - 2, 1, 8), 0); /* and not beyond the last */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_on_gets_twice_as_much_each_time),
        cmocka_unit_test(who_jumps_about_gets_what_he_asked),
        cmocka_unit_test(one_who_jumps_does_not_disturb_one_who_reads_on),
        cmocka_unit_test(numbers_that_do_not_fit_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
