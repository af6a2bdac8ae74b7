/* SPDX-License-Identifier: MIT */
#include "lib/base/span.h"

#include "lib/base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void spans_compare_by_their_bytes(void **state)
{
    (void)state;
    assert_true(span_eq(SPAN_NONE, SPAN("")));
    assert_true(span_eq(SPAN("a"), span_of("a")));
    assert_false(span_eq(SPAN("a"), SPAN("A")));
    assert_true(span_ieq(SPAN("Content-Type"), SPAN("cONTENT-tYPE")));
    assert_false(span_ieq(SPAN("@"), SPAN("`"))); /* 0x20 apart, and no letters */
    assert_true(span_cmp(SPAN("a"), SPAN("b")) < 0);
    assert_true(span_cmp(SPAN("b"), SPAN("abc")) > 0);
    assert_true(span_cmp(SPAN("ab"), SPAN("abc")) < 0);
    assert_int_equal(span_cmp(SPAN_NONE, SPAN("")), 0);
    assert_true(span_cmp(SPAN("\xff"), SPAN("a")) > 0);
}

static void spans_tell_their_beginning_and_end(void **state)
{
    (void)state;
    assert_true(span_starts(SPAN("abc"), SPAN("ab")));
    assert_true(span_starts(SPAN("abc"), SPAN_NONE));
    assert_false(span_starts(SPAN("a"), SPAN("ab")));
    assert_true(span_ends(SPAN("abc"), SPAN("bc")));
    assert_true(span_ends(SPAN_NONE, SPAN("")));
    assert_false(span_ends(SPAN("c"), SPAN("bc")));
}

static void spans_are_trimmed_skipped_and_cut(void **state)
{
    (void)state;
    struct span rest;
    assert_true(span_eq(span_trim(SPAN(" \ta b\t ")), SPAN("a b")));
    assert_int_equal(span_trim(SPAN(" \t ")).n, 0);
    assert_true(span_eq(span_trim(SPAN("\na\n")), SPAN("\na\n")));
    assert_true(span_eq(span_skip(SPAN("abc"), 1), SPAN("bc")));
    assert_int_equal(span_skip(SPAN("abc"), 9).n, 0);
    assert_int_equal(span_index(SPAN("abc"), 'c'), 2);
    assert_int_equal(span_index(SPAN("abc"), 'd'), -1);
    assert_int_equal(span_index(SPAN_NONE, 'd'), -1);
    assert_true(span_eq(span_cut(SPAN("a=b=c"), '=', &rest), SPAN("a")));
    assert_true(span_eq(rest, SPAN("b=c")));
    assert_true(span_eq(span_cut(SPAN("a="), '=', &rest), SPAN("a")));
    assert_true(rest.p != NULL && rest.n == 0);
    assert_true(span_eq(span_cut(SPAN("a"), '=', &rest), SPAN("a")));
    assert_null(rest.p);
}

static void numbers_are_digits_within_64_bits(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(span_u64(SPAN("18446744073709551615"), &v));
    assert_true(v == UINT64_MAX);
    assert_true(span_u64(SPAN("007"), &v));
    assert_int_equal(v, 7);
    static const char *const wrong[] = {
        "",   "18446744073709551616", "99999999999999999999999", "-1", "+1", " 1", "1 ", "0x1",
        "1.0"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(span_u64(span_of(wrong[i]), &v));
}

static void errors_have_texts_names_and_come_from_errno(void **state)
{
    (void)state;
    assert_string_equal(err_text(0), "ok");
    assert_string_equal(err_text(ERR_NOT_FOUND), "not found");
    assert_string_equal(err_text(-9999), "unknown error");
    assert_string_equal(err_name(ERR_AGAIN), "ERR_AGAIN");
    assert_int_equal(err_of_errno(0), 0);
    assert_int_equal(err_of_errno(ENOENT), ERR_NOT_FOUND);
    assert_int_equal(err_of_errno(ENOSPC), ERR_NO_SPACE);
    assert_int_equal(err_of_errno(EIO), ERR_IO);
    assert_int_equal(err_of_errno(EISDIR), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_by_their_bytes),
        cmocka_unit_test(spans_tell_their_beginning_and_end),
        cmocka_unit_test(spans_are_trimmed_skipped_and_cut),
        cmocka_unit_test(numbers_are_digits_within_64_bits),
        cmocka_unit_test(errors_have_texts_names_and_come_from_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
