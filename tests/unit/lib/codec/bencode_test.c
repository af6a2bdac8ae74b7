/* SPDX-License-Identifier: MIT */
#include "lib/codec/bencode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void values_are_written_as_the_format_says(void **state)
{
    (void)state;
    struct buf out;
    struct bencode b;
    buf_init(&out, 1024);
    bencode_begin(&b, &out);
    bencode_dict(&b, NULL);
    bencode_int(&b, "a", -42);
    bencode_list(&b, "b");
    bencode_bytes(&b, NULL, span_make("x\0y", 3));
    bencode_dict(&b, NULL);
    bencode_bytes(&b, "", SPAN(""));
    bencode_end(&b);
    bencode_end(&b);
    bencode_int(&b, "bb", INT64_MAX);
    bencode_end(&b);
    static const char expected[] = "d1:ai-42e1:bl3:x\0yd0:0:ee2:bbi9223372036854775807ee";
    assert_true(span_eq(buf_span(&out), SPAN(expected)));
    assert_int_equal(b.depth, 0);
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_as_the_format_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
