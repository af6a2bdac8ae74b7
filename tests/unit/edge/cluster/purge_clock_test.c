/* SPDX-License-Identifier: MIT
 *
 * What a node may say to another one that knows of purges. */
#include "edge/cluster/purge_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define LOG SPAN("aa")

static struct purge_stamp stamp(const char *log, uint64_t seq)
{
    struct purge_stamp s = {.seq = seq};
    memcpy(s.log, log, strlen(log));
    return s;
}

static void a_purge_is_told_before_it_is_applied_and_covered_after(void **state)
{
    (void)state;
    struct purge_clock *c = purge_clock_create();
    struct purge_stamp s, five = stamp("aa", 5);
    purge_clock_apply(c, LOG, 4, 40);
    assert_false(purge_clock_covers(c, &five));
    purge_clock_announce(c, LOG, 5);
    purge_clock_stamp(c, &s);
    assert_int_equal(s.seq, 5);
    assert_false(purge_clock_covers(c, &five));
    purge_clock_apply(c, LOG, 5, 50);
    assert_true(purge_clock_covers(c, &five));
    purge_clock_destroy(&c);
}

static void another_log_is_never_covered_but_no_purge_always_is(void **state)
{
    (void)state;
    struct purge_clock *c = purge_clock_create();
    struct purge_stamp other = stamp("bb", 1), none = stamp("", 0);
    assert_true(purge_clock_covers(c, &none));
    assert_false(purge_clock_covers(c, &other));
    purge_clock_apply(c, LOG, 9, 1);
    assert_true(purge_clock_covers(c, &none));
    assert_false(purge_clock_covers(c, &other));
    purge_clock_destroy(&c);
}

static void a_stamp_is_a_moment_of_this_store_while_it_is_remembered(void **state)
{
    (void)state;
    struct purge_clock *c = purge_clock_create();
    struct purge_stamp four = stamp("aa", 4), nine = stamp("aa", 9), other = stamp("bb", 4);
    uint64_t moment = 0;
    purge_clock_apply(c, LOG, 4, 40);
    purge_clock_apply(c, LOG, 5, 50);
    assert_true(purge_clock_moment(c, &four, &moment));
    assert_int_equal(moment, 40);
    assert_true(purge_clock_moment(c, &nine, &moment)); /* who is ahead knows what is known here */
    assert_int_equal(moment, 50);
    assert_false(purge_clock_moment(c, &other, &moment));
    for (uint64_t seq = 6; seq < 6000; seq++)
        purge_clock_apply(c, LOG, seq, seq * 10);
    assert_false(purge_clock_moment(c, &four, &moment));
    purge_clock_destroy(&c);
}

static void the_later_of_two_stamps_is_of_the_same_log(void **state)
{
    (void)state;
    struct purge_stamp a = stamp("aa", 4), b = stamp("aa", 9), other = stamp("bb", 99);
    assert_ptr_equal(purge_stamp_later(&a, &b), &b);
    assert_ptr_equal(purge_stamp_later(&b, &a), &b);
    assert_ptr_equal(purge_stamp_later(&a, &other), &a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_purge_is_told_before_it_is_applied_and_covered_after),
        cmocka_unit_test(another_log_is_never_covered_but_no_purge_always_is),
        cmocka_unit_test(a_stamp_is_a_moment_of_this_store_while_it_is_remembered),
        cmocka_unit_test(the_later_of_two_stamps_is_of_the_same_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
