/* SPDX-License-Identifier: MIT */

/* Byte ranges: RFC 9110 s.14. */
#include "lib/http/range.h"

#include "lib/base/err.h"
#include "lib/http/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX 4

static const struct {
    const char *field;
    int count;
    struct range_spec specs[MAX];
} parsed[] = {
    {"bytes=0-499", 1, {{0, 499}}},
    {"Bytes=0-0", 1, {{0, 0}}}, /* s.14.1: unit names are case-insensitive */
    {"bytes=9500-", 1, {{9500, -1}}},
    {"bytes=-500", 1, {{-1, 500}}},
    {"bytes=-0", 1, {{-1, 0}}},
    {"bytes= 0-0 ,, -1,\t5-", 3, {{0, 0}, {-1, 1}, {5, -1}}},
    {"bytes=99999999999999999999-", 1, {{INT64_MAX, -1}}},
    {"bytes=1-99999999999999999999", 1, {{1, INT64_MAX}}},
    {"bytes=", 0, {{0, 0}}},
    {"bytes=,", 0, {{0, 0}}},
    {"bytes", 0, {{0, 0}}},
    {"", 0, {{0, 0}}},
    {"=0-1", 0, {{0, 0}}},
    {"items=0-1", 0, {{0, 0}}},
    {"bytes 0-1", 0, {{0, 0}}},
    {"bytes =0-1", 0, {{0, 0}}},
    {"bytes=2-1", 0, {{0, 0}}},
    {"bytes=0-1,2-1", 0, {{0, 0}}},
    {"bytes=-", 0, {{0, 0}}},
    {"bytes=1", 0, {{0, 0}}},
    {"bytes=--1", 0, {{0, 0}}},
    {"bytes=1--1", 0, {{0, 0}}},
    {"bytes=0 -1", 0, {{0, 0}}},
    {"bytes=+0-1", 0, {{0, 0}}},
    {"bytes=0x0-1", 0, {{0, 0}}},
    {"bytes=a-b", 0, {{0, 0}}},
    {"bytes=1-2-3", 0, {{0, 0}}},
    {"bytes=0-,1-,2-,3-,4-", ERR_TOO_BIG, {{0, 0}}},
};

static void reads_range_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed); i++) {
        struct range_spec specs[MAX];
        print_message("%s\n", parsed[i].field);
        assert_int_equal(range_parse(span_of(parsed[i].field), specs, MAX), parsed[i].count);
        for (int k = 0; k < parsed[i].count; k++) {
            assert_int_equal(specs[k].first, parsed[i].specs[k].first);
            assert_int_equal(specs[k].last, parsed[i].specs[k].last);
        }
    }
}

static const struct {
    const char *field;
    int64_t size;
    const char *ranges; /* "" : unsatisfiable */
} resolved[] = {
    {"bytes=0-499", 10000, "0-499 "},
    {"bytes=-500", 10000, "9500-9999 "},
    {"bytes=9500-", 10000, "9500-9999 "},
    {"bytes=0-0,-1", 10000, "0-0 9999-9999 "},
    {"bytes=500-600,601-999", 10000, "500-999 "}, /* the examples of s.14.1.2 */
    {"bytes=500-700,601-999", 10000, "500-999 "},
    {"bytes=-20000", 10000, "0-9999 "},
    {"bytes=0-20000", 10000, "0-9999 "},
    {"bytes=9999-", 10000, "9999-9999 "},
    {"bytes=10000-", 10000, ""},
    {"bytes=10000-10001,5-6", 10000, "5-6 "},
    {"bytes=-0", 10000, ""},
    {"bytes=0-", 0, ""},
    {"bytes=-1", 0, ""},
    {"bytes=8-9,0-1", 10, "8-9 0-1 "}, /* s.15.3.7.2: as asked */
    {"bytes=0-1,8-9,1-8", 10, "0-9 "},
    {"bytes=4-5,0-1,8-9,5-8", 10, "4-9 0-1 "},
    {"bytes=0-1,3-4,6-7,2-2", 10, "0-4 6-7 "},
    {"bytes=9223372036854775806-", INT64_MAX, "9223372036854775806-9223372036854775806 "},
    {"bytes=0-,-1", INT64_MAX, "0-9223372036854775806 "},
};

static void holds_them_against_a_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(resolved); i++) {
        struct range_spec specs[MAX];
        struct byte_range out[MAX];
        char text[128] = "";
        int count = range_parse(span_of(resolved[i].field), specs, MAX);
        print_message("%s of %lld\n", resolved[i].field, (long long)resolved[i].size);
        count = range_resolve(specs, count, resolved[i].size, out);
        assert_true(count > 0 || count == ERR_UNSATISFIABLE);
        for (int k = 0; k < count; k++)
            snprintf(text + strlen(text), 64, "%lld-%lld ", (long long)out[k].first,
                     (long long)out[k].last);
        assert_string_equal(text, resolved[i].ranges);
    }
}

static const struct {
    const char *field;
    struct content_range range;
} told[] = {
    {"bytes 0-9/100", {0, 9, 100}},
    {"bytes 42-1233/1234", {42, 1233, 1234}},
    {"bytes 0-9/*", {0, 9, -1}},
    {"bytes */1234", {-1, -1, 1234}},
    {"bytes */0", {-1, -1, 0}},
    {"bytes 1152921504606846974-1152921504606846975/1152921504606846976",
     {LENGTH_MAX - 2, LENGTH_MAX - 1, LENGTH_MAX}},
};

static void tells_and_reads_content_range(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "bytes",
                                        "bytes 0-9",
                                        "bytes 9-0/10",
                                        "bytes 0-9/1152921504606846977",
                                        "bytes 0-1152921504606846976/*",
                                        "bytes 0-9/9999999999999999999999",
                                        "bytes 0-10/10",
                                        "bytes */*",
                                        "items 0-9/10",
                                        "bytes=0-9/10",
                                        "bytes 0-/10",
                                        "bytes -9/10",
                                        "bytes 0-9/",
                                        "bytes  0-9/10",
                                        "bytes 0-9/10 ",
                                        "bytes 0-9/-1",
                                        "bytes 0-9/1x",
                                        "bytes x-9/10"};
    struct content_range got;
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        char out[CONTENT_RANGE_ROOM];
        size_t n = content_range_write(out, &told[i].range);
        assert_int_equal(n, strlen(told[i].field));
        assert_memory_equal(out, told[i].field, n);
        assert_int_equal(content_range_parse(span_of(told[i].field), &got), 0);
        assert_memory_equal(&got, &told[i].range, sizeof(got));
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(content_range_parse(span_of(wrong[i]), &got), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_range_fields),
        cmocka_unit_test(holds_them_against_a_size),
        cmocka_unit_test(tells_and_reads_content_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
