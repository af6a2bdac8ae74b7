/* SPDX-License-Identifier: MIT */
#include "lib/base/buf.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void bytes_are_added_at_the_end(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add(&b, "abc", 3);
    buf_add_span(&b, SPAN("def"));
    buf_add_char(&b, 'g');
    buf_printf(&b, "%d", 42);
    assert_true(span_eq(buf_span(&b), SPAN("abcdefg42")));
    buf_clear(&b);
    assert_int_equal(b.n, 0);
    char *room = buf_room(&b, 1000);
    memset(room, 'x', 1000);
    buf_filled(&b, 999);
    assert_int_equal(b.n, 999);
    buf_add(&b, NULL, 0);
    buf_printf(&b, "%5000d", 1);
    assert_int_equal(b.n, 5999);
    buf_finish(&b);
    assert_null(b.p);
}

static void what_does_not_fit_is_dropped_whole_and_the_mark_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_add(&b, "0123456789", 10);
    assert_false(buf_overflowed(&b));
    buf_add_char(&b, 'x');
    assert_true(buf_overflowed(&b));
    assert_null(buf_room(&b, 0));
    assert_true(span_eq(buf_span(&b), SPAN("0123456789")));
    buf_clear(&b);
    assert_false(buf_overflowed(&b));
    buf_add(&b, "0123", 4);
    buf_add(&b, "0123456", 7);
    buf_add(&b, "4", 1); /* would fit, but stands after a hole */
    assert_true(buf_overflowed(&b));
    assert_true(span_eq(buf_span(&b), SPAN("0123")));
    buf_finish(&b);
}

static void a_format_fills_the_last_byte_of_the_bound(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_printf(&b, "%s", "0123456789");
    assert_false(buf_overflowed(&b));
    assert_int_equal(b.n, 10);
    buf_printf(&b, "%s", "");
    assert_false(buf_overflowed(&b));
    buf_printf(&b, "%d", 1);
    assert_true(buf_overflowed(&b));
    buf_finish(&b);
    buf_init(&b, 0);
    buf_add_char(&b, 'x');
    assert_true(buf_overflowed(&b));
    buf_finish(&b);
}

static bool build(struct buf *b)
{
    for (int i = 0; i < 300; i++) {
        buf_printf(b, "%d,", i);
        buf_add_span(b, SPAN("text"));
    }
    buf_printf(b, "%3000d", 1);
    return !buf_overflowed(b);
}

static void every_failed_allocation_is_an_overflow_and_nothing_worse(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t n = 1;; n++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        mem_fail_at(n);
        bool is_whole = build(&b);
        bool was_hit = mem_fail_hit() != 0;
        mem_fail_at(0);
        buf_finish(&b);
        assert_int_equal(is_whole, !was_hit);
        if (!was_hit)
            break;
        failures++;
    }
    assert_true(failures >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_added_at_the_end),
        cmocka_unit_test(what_does_not_fit_is_dropped_whole_and_the_mark_sticks),
        cmocka_unit_test(a_format_fills_the_last_byte_of_the_bound),
        cmocka_unit_test(every_failed_allocation_is_an_overflow_and_nothing_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
