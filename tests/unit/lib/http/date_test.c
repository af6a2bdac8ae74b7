/* SPDX-License-Identifier: MIT */

/* HTTP-date: RFC 9110 s.5.6.7. */
#include "lib/http/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NOW 1700000000 /* 2023 */

static const struct {
    const char *text;
    sec_t wall_s; /* -1: not a date */
} cases[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Sat Nov 26 08:49:37 1994", 785839777},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
    {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
    {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},     /* a leap second */
    {"Wednesday, 01-Jan-70 00:00:00 GMT", 3155760000}, /* 2070: within 50 years of now */
    {"Tuesday, 01-Jan-74 00:00:00 GMT", 126230400},    /* 1974: 2074 is more than 50 ahead */
    {"Thu, 29 Feb 1900 00:00:00 GMT", -1},
    {"Sun, 31 Apr 1994 08:49:37 GMT", -1},
    {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
    {"Sun, 06 Nov 1994 08:60:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:61 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
    {"Sun, 06 Nov 1994 08:49:37 +00", -1},
    {"sun, 06 nov 1994 08:49:37 gmt", 784111777},
    {"SUNDAY, 06-NOV-94 08:49:37 GMT", 784111777},
    {"SUN NOV  6 08:49:37 1994", 784111777},
    {"Xxx, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
    {"Sun,  6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 94 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 8:49:37 GMT", -1},
    {"Sundays, 06-Nov-94 08:49:37 GMT", -1},
    {"Sunday, 06-Nov-xx 08:49:37 GMT", -1},
    {"Sun Nov 6 08:49:37 1994", -1},
    {"Sun, 06 Nov -994 08:49:37 GMT", -1},
    {"784111777", -1},
    {"0", -1},
    {"-1", -1},
    {"", -1},
    {"Sun", -1},
};

static void reads_three_forms_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sec_t got = 0;
        print_message("%s\n", cases[i].text);
        bool is_date = date_parse(span_of(cases[i].text), NOW, &got);
        assert_int_equal(is_date, cases[i].wall_s != -1);
        if (is_date)
            assert_int_equal(got, cases[i].wall_s);
    }
}

/* Against the C library over 0..2^33, in odd steps. */
static void writes_what_the_c_library_would(void **state)
{
    (void)state;
    for (sec_t s = 0; s < INT64_C(1) << 33; s += 86399 * 7 + 3601) {
        char out[DATE_BYTES + 1] = "", expected[64];
        struct tm tm;
        time_t t = (time_t)s;
        sec_t back = -1;
        date_write(s, out);
        strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
        assert_string_equal(out, expected);
        assert_true(date_parse(span_of(out), NOW, &back));
        assert_int_equal(back, s);
    }
}

static void all_forms_agree(void **state)
{
    (void)state;
    for (sec_t s = 0; s < INT64_C(1) << 31; s += 86400 * 11 + 4999) {
        char text[64];
        struct tm tm;
        time_t t = (time_t)s;
        sec_t back = -1;
        gmtime_r(&t, &tm);
        strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm);
        assert_true(date_parse(span_of(text), NOW, &back));
        assert_int_equal(back, s);
        if (tm.tm_year + 1900 <= 1973) /* these two digits are of our century */
            continue;
        char front[24], back_half[16];
        strftime(front, sizeof(front), "%A, %d-%b", &tm);
        strftime(back_half, sizeof(back_half), "%H:%M:%S GMT", &tm);
        snprintf(text, sizeof(text), "%s-%02d %s", front, tm.tm_year % 100, back_half);
        assert_true(date_parse(span_of(text), NOW, &back));
        assert_int_equal(back, s);
    }
}

static void stays_within_four_digits_of_year(void **state)
{
    (void)state;
    char out[DATE_BYTES];
    date_write(INT64_MAX, out);
    assert_memory_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT", DATE_BYTES);
    date_write(INT64_MIN, out);
    assert_memory_equal(out, "Sat, 01 Jan 0000 00:00:00 GMT", DATE_BYTES);
    date_write(-1, out);
    assert_memory_equal(out, "Wed, 31 Dec 1969 23:59:59 GMT", DATE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_three_forms_and_nothing_else),
        cmocka_unit_test(writes_what_the_c_library_would),
        cmocka_unit_test(all_forms_agree),
        cmocka_unit_test(stays_within_four_digits_of_year),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
