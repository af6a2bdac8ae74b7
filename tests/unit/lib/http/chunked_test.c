/* SPDX-License-Identifier: MIT */

/* The chunked coding: RFC 9112 s.7.1. */
#include "lib/http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Decodes text, fed in pieces of `step` bytes, into out; *left gets what follows the body. */
static enum chunked_event decode(const char *text, size_t n, size_t step, char *out, size_t *left)
{
    struct chunked c;
    enum chunked_event event = CHUNKED_MORE;
    chunked_init(&c);
    *out = '\0';
    for (size_t at = 0; at < n && event == CHUNKED_MORE; at += step) {
        struct span in = span_make(text + at, n - at < step ? n - at : step), data;
        while ((event = chunked_next(&c, &in, &data)) == CHUNKED_DATA)
            strncat(out, data.p, data.n);
        *left = n - at < step ? in.n : in.n + (n - at - step);
    }
    return event;
}

static const struct {
    const char *text;
    enum chunked_event end;
    const char *body;
    size_t left;
} cases[] = {
    {"5\r\nhello\r\n0\r\n\r\n", CHUNKED_END, "hello", 0},
    {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", CHUNKED_END, "hello world", 3},
    {"00000000000000A\r\n0123456789\r\n0\r\n\r\n", CHUNKED_END, "0123456789", 0},
    {"a\r\n0123456789\r\n000\r\n\r\n", CHUNKED_END, "0123456789", 0},
    {"0\r\n\r\n", CHUNKED_END, "", 0},
    {"0\r\nA: b\r\nC:\r\n\r\nx", CHUNKED_END, "", 1},
    {"2;a=b;c=\"d\\\";\"\r\nhi\r\n0;x\r\n\r\n", CHUNKED_END, "hi", 0},
    {"2 ; a = b\r\nhi\r\n0\r\n\r\n", CHUNKED_END, "hi", 0}, /* BWS: s.7.1.1 */
    {"5\r\nhel", CHUNKED_MORE, "hel", 0},
    {"5\r\nhello\r\n0\r\n", CHUNKED_MORE, "hello", 0},
    {"5\nhello\r\n0\r\n\r\n", CHUNKED_BAD, "", 0},
    {"5\r\nhello\n0\r\n\r\n", CHUNKED_BAD, "hello", 0},
    {"5\r\nhellox0\r\n\r\n", CHUNKED_BAD, "hello", 0},
    {"5\r\nhello\r\n0\r\n\n", CHUNKED_BAD, "hello", 0},
    {"5\rxhello", CHUNKED_BAD, "", 0},
    {"\r\n5\r\nhello", CHUNKED_BAD, "", 0},
    {"+5\r\nhello", CHUNKED_BAD, "", 0},
    {"-5\r\nhello", CHUNKED_BAD, "", 0},
    {" 5\r\nhello", CHUNKED_BAD, "", 0},
    {"5 \r\nhello", CHUNKED_BAD, "", 0},
    {"5 5\r\nhello", CHUNKED_BAD, "", 0},
    {"0x5\r\nhello", CHUNKED_BAD, "", 0},
    {"5_0\r\nhello", CHUNKED_BAD, "", 0},
    {"g\r\n", CHUNKED_BAD, "", 0},
    {";a\r\n", CHUNKED_BAD, "", 0},
    {"7fffffffffffffff\r\nx", CHUNKED_MORE, "x", 0},
    {"8000000000000000\r\nx", CHUNKED_BAD, "", 0},
    {"10000000000000000\r\nx", CHUNKED_BAD, "", 0},
    {"00000000000000005\r\nhello", CHUNKED_BAD, "", 0},
    {"2;a\nb\r\nhi", CHUNKED_BAD, "", 0},
    {"2;a\rb\r\nhi", CHUNKED_BAD, "", 0},
    {"2;a=\"\r\nhi\r\n0\r\n\r\n\"\r\nhi", CHUNKED_BAD, "", 0}, /* no line ends inside quotes */
    {"2;a=\"\\\r\nhi", CHUNKED_BAD, "", 0},
    {"2;a=b/c\r\nhi", CHUNKED_BAD, "", 0},
    {"0\r\n A: b\r\n\r\n", CHUNKED_BAD, "", 0},
    {"0\r\nA: b\r\n c\r\n\r\n", CHUNKED_BAD, "", 0},
    {"0\r\nA : b\r\n\r\n", CHUNKED_BAD, "", 0},
    {"0\r\nA\r\n\r\n", CHUNKED_BAD, "", 0},
    {"0\r\n: b\r\n\r\n", CHUNKED_BAD, "", 0},
    {"0\r\nA: b\n\r\n", CHUNKED_BAD, "", 0},
    {"0\r\nA: b\rc\r\n\r\n", CHUNKED_BAD, "", 0},
    {"0\r\n\rx", CHUNKED_BAD, "", 0},
};

static void decodes_whole_and_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].text);
        print_message("case %zu\n", i);
        for (size_t step = n; step >= 1; step--) {
            char out[256];
            size_t left = 0;
            assert_int_equal(decode(cases[i].text, n, step, out, &left), cases[i].end);
            assert_string_equal(out, cases[i].body);
            if (cases[i].end == CHUNKED_END)
                assert_int_equal(left, cases[i].left);
        }
    }
}

/* before + n times 'x' + after */
static enum chunked_event decode_long(const char *before, size_t n, const char *after)
{
    char *text = malloc(n + 64), out[64];
    size_t left, length = strlen(before);
    memcpy(text, before, length);
    memset(text + length, 'x', n);
    memcpy(text + length + n, after, strlen(after));
    enum chunked_event event = decode(text, length + n + strlen(after), 7, out, &left);
    free(text);
    return event;
}

static void bounds_extensions_and_trailers(void **state)
{
    (void)state;
    assert_int_equal(decode_long("0;", 200, "\r\n\r\n"), CHUNKED_END);
    assert_int_equal(decode_long("0;", 300, "\r\n\r\n"), CHUNKED_BAD);
    assert_int_equal(decode_long("0\r\nA: ", 8000, "\r\n\r\n"), CHUNKED_END);
    assert_int_equal(decode_long("0\r\nA: ", 8300, "\r\n\r\n"), CHUNKED_BAD);
}

static void data_may_be_read_straight_to_its_place(void **state)
{
    (void)state;
    struct chunked c;
    struct span in = SPAN("100\r\nab"), data;
    chunked_init(&c);
    assert_int_equal(chunked_direct(&c), 0);
    assert_int_equal(chunked_next(&c, &in, &data), CHUNKED_DATA);
    assert_int_equal(chunked_direct(&c), 254);
    chunked_skip(&c, 254);
    assert_int_equal(chunked_direct(&c), 0);
    in = SPAN("\r\n0\r\n\r\n");
    assert_int_equal(chunked_next(&c, &in, &data), CHUNKED_END);
}

static void writes_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *text;
    } sizes[] = {{0, "0\r\n"},
                 {1, "1\r\n"},
                 {15, "f\r\n"},
                 {16, "10\r\n"},
                 {255, "ff\r\n"},
                 {4096, "1000\r\n"},
                 {1 << 20, "100000\r\n"},
                 {UINT64_MAX, "ffffffffffffffff\r\n"}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char out[CHUNKED_HEAD_ROOM];
        size_t n = chunked_write_head(out, sizes[i].n);
        assert_int_equal(n, strlen(sizes[i].text));
        assert_memory_equal(out, sizes[i].text, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_whole_and_in_pieces),
        cmocka_unit_test(bounds_extensions_and_trailers),
        cmocka_unit_test(data_may_be_read_straight_to_its_place),
        cmocka_unit_test(writes_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
