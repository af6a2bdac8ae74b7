/* SPDX-License-Identifier: MIT */
#include "lib/base/span.h"

#include "lib/base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

static void check_written(uint64_t v)
{
    char text[U64_ROOM + 1], wanted[U64_ROOM + 1];
    uint64_t back;
    *u64_write(text, v) = '\0';
    (void)snprintf(wanted, sizeof(wanted), "%" PRIu64, v);
    assert_string_equal(text, wanted);
    assert_true(span_u64(span_of(text), &back) && back == v);
}

static void numbers_are_written_as_printf_does(void **state)
{
    (void)state;
    for (uint64_t ten = 1; ten <= UINT64_MAX / 10; ten *= 10) {
        check_written(ten - 1);
        check_written(ten);
        check_written(ten * 9 + ten / 7);
    }
    for (int bit = 0; bit < 64; bit++) {
        check_written(UINT64_C(1) << bit);
        check_written((UINT64_C(2) << bit) - 1);
    }
    check_written(UINT64_C(10000000000000000000));
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
        cmocka_unit_test(numbers_are_written_as_printf_does),
        cmocka_unit_test(numbers_are_digits_within_64_bits),
        cmocka_unit_test(errors_have_texts_names_and_come_from_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
