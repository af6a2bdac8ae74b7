/* SPDX-License-Identifier: MIT */
#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void numbers_are_written_as_short_as_they_are(void **state)
{
    static const struct {
        double x;
        int decimals;
        const char *text;
    } rows[] = {
        {0, 3, "0"},
        {-0.0001, 3, "0"},
        {1.5, 1, "1.5"},
        {-1.25, 4, "-1.25"},
        {0.05, 2, "0.05"},
        {0.999, 2, "1"},
        {37.5665, 4, "37.5665"},
        {-0.5, 1, "-0.5"},
        {999999999, 6, "999999999"},
        {1e12, 2, "1000000000000"},
        {8548.04, 1, "8548"},
        {10, 0, "10"},
        {1e-7, 6, "0"},
        {2.5e9, 0, "2500000000"},
        {20.0303, 4, "20.0303"},
        {100.01, 4, "100.01"},
        {-12.000001, 6, "-12.000001"},
        {0.1, 0, "0"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        struct json_out o;
        buf_init(&b, 1024);
        json_out_begin(&o, &b);
        json_out_real(&o, NULL, rows[i].x, rows[i].decimals);
        if (!span_eq(buf_span(&b), span_of(rows[i].text)))
            fail_msg("row %zu: %.*s", i, SPAN_FMT(buf_span(&b)));
        buf_clear(&b);
        json_out_begin(&o, &b);
        json_out_int(&o, NULL, INT64_MIN);
        assert_true(span_eq(buf_span(&b), SPAN("-9223372036854775808")));
        buf_finish(&b);
    }
}

static void assert_written(const struct buf *b, const char *expected)
{
    assert_false(buf_overflowed(b));
    assert_int_equal(b->n, strlen(expected));
    assert_memory_equal(b->p, expected, b->n);
}

static void values_of_every_kind_are_written_in_order(void **state)
{
    (void)state;
    struct buf b;
    struct json_out o;
    buf_init(&b, 4096);
    json_out_begin(&o, &b);
    json_out_object(&o, NULL);
    json_out_text(&o, "t", SPAN("x"));
    json_out_array(&o, "a");
    json_out_int(&o, NULL, -3);
    json_out_object(&o, NULL);
    json_out_end_object(&o);
    json_out_null(&o, NULL);
    json_out_end_array(&o);
    json_out_u64(&o, "u", UINT64_MAX);
    json_out_real(&o, "r", 1.50, 3);
    json_out_real(&o, "whole", 100.0, 3);
    json_out_real(&o, "nan", NAN, 3);
    json_out_bool(&o, "b", true);
    json_out_key(&o, SPAN("k\""));
    json_out_raw(&o, NULL, SPAN("{}"));
    json_out_bool(&o, "last", false);
    json_out_end_object(&o);
    assert_written(&b, "{\"t\":\"x\",\"a\":[-3,{},null],\"u\":18446744073709551615,\"r\":1.5,"
                       "\"whole\":100,\"nan\":null,\"b\":true,\"k\\\"\":{},\"last\":false}");
    buf_finish(&b);
}

static void text_is_escaped_and_bad_utf8_is_replaced(void **state)
{
    (void)state;
    static const struct {
        struct span in;
        const char *out;
    } rows[] = {
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\n\t\r\b\f\x01\x1f", 7}, "\"\\n\\t\\r\\b\\f\\u0001\\u001f\""},
        {{"\0", 1}, "\"\\u0000\""},
        {{"\xeb\xb2\xbc\xeb\xa6\xac", 6}, "\"\xeb\xb2\xbc\xeb\xa6\xac\""},
        {{"\xf0\x9f\x90\x9f", 4}, "\"\xf0\x9f\x90\x9f\""},
        {{"\xff\x41", 2}, "\"\xef\xbf\xbd\x41\""},
        {{"\xc0\x80", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* cut short */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        struct json_out o;
        buf_init(&b, 256);
        json_out_begin(&o, &b);
        json_out_text(&o, NULL, rows[i].in);
        assert_written(&b, rows[i].out);
        buf_finish(&b);
    }
}

/* Several bytes are copied and looked at together. */
static void keys_and_texts_of_each_length_are_whole(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF";
    struct buf b, wanted;
    struct json_out o;
    (void)state;
    buf_init(&b, 256);
    buf_init(&wanted, 256);
    for (size_t n = 0; n < sizeof letters; n++)
        for (size_t at = 0; at <= n; at++) { /* where the one is that is not plain; n: none is */
            char text[sizeof letters];
            memcpy(text, letters, n);
            if (at < n)
                text[at] = '\n';
            buf_clear(&b);
            json_out_begin(&o, &b);
            json_out_text_of(&o, span_make(letters, n), span_make(text, n));
            buf_clear(&wanted);
            buf_printf(&wanted, "\"%.*s\":\"%.*s%s%.*s\"", (int)n, letters, (int)at, letters,
                       at < n ? "\\n" : "", at < n ? (int)(n - at - 1) : 0,
                       letters + (at < n ? at + 1 : 0));
            assert_true(span_eq(buf_span(&b), buf_span(&wanted)));
        }
    buf_finish(&b);
    buf_finish(&wanted);
}

static void an_absent_key_gives_the_fallback_and_no_fault(void **state)
{
    (void)state;
    struct json_in in;
    assert_int_equal(json_in_parse(&in, SPAN("{\"n\": 7, \"t\": \"x\"}"), 100), 0);
    assert_int_equal(json_in_u64(&in, in.root, "absent", 5), 5);
    assert_int_equal(json_in_u64(&in, in.root, "n", 5), 7);
    assert_null(json_in_text(&in, in.root, "absent", 9).p);
    assert_null(json_in_object(&in, in.root, "absent"));
    assert_int_equal(json_in_u64(&in, NULL, "n", 3), 3);
    assert_false(json_in_is_faulty(&in));
    json_in_finish(&in);
}

static void the_first_fault_sticks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } rows[] = {
        {"{\"n\": -1}", "n: is no whole number from 0"},
        {"{\"n\": 1.5}", "n: is no whole number from 0"},
        {"{\"n\": \"1\", \"t\": 1}", "n: is no whole number from 0"},
        {"{\"t\": 1}", "t: is no text"},
        {"{\"t\": \"12345678901\"}", "t: is too long"},
        {"{\"b\": 0}", "b: is neither true nor false"},
        {"{\"o\": []}", "o: is no object"},
        {"{\"a\": {}}", "a: is no array"},
        {"{\"a\": [1,2,3]}", "a: has too many elements"},
        {"{\"r\": \"x\"}", "r: is no number"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_in in;
        assert_int_equal(json_in_parse(&in, span_of(rows[i].text), 100), 0);
        json_in_u64(&in, in.root, "n", 0);
        json_in_text(&in, in.root, "t", 10);
        json_in_bool(&in, in.root, "b", false);
        json_in_object(&in, in.root, "o");
        json_in_array(&in, in.root, "a", 2);
        json_in_real(&in, in.root, "r", 0);
        assert_string_equal(in.fault, rows[i].fault);
        json_in_finish(&in);
    }
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "{",        "{\"a\":1,\"a\":2}", "{} x",
                                        "[1,]", "\"\xff\"", "{\"a\":1e999}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct json_in in;
        assert_int_equal(json_in_parse(&in, span_of(texts[i]), 100), ERR_SYNTAX);
        assert_non_null(strstr(in.fault, "line"));
        json_in_finish(&in);
    }
    struct json_in in;
    assert_int_equal(json_in_parse(&in, SPAN("[1,2]"), 4), ERR_TOO_BIG);
    json_in_finish(&in);
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    char deep[100000];
    memset(deep, '[', sizeof deep);
    struct json_in in;
    assert_int_equal(json_in_parse(&in, span_make(deep, sizeof deep), sizeof deep), ERR_SYNTAX);
    json_in_finish(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_short_as_they_are),
        cmocka_unit_test(values_of_every_kind_are_written_in_order),
        cmocka_unit_test(text_is_escaped_and_bad_utf8_is_replaced),
        cmocka_unit_test(keys_and_texts_of_each_length_are_whole),
        cmocka_unit_test(an_absent_key_gives_the_fallback_and_no_fault),
        cmocka_unit_test(the_first_fault_sticks),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(nesting_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
