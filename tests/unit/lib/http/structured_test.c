/* SPDX-License-Identifier: MIT */

/* Structured fields: RFC 9651 s.4.2. */
#include "lib/http/structured.h"

#include "lib/base/err.h"
#include "tests/unit/lib/http/arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX 4

/* Lists of one item. */
static const struct {
    const char *text;
    enum structured_type type;
    int64_t integer;
    const char *inner; /* NULL: none */
} items[] = {
    {"42", STRUCTURED_INTEGER, 42, NULL},
    {"-0", STRUCTURED_INTEGER, 0, NULL},
    {"-999999999999999", STRUCTURED_INTEGER, -999999999999999, NULL},
    {"  7  ", STRUCTURED_INTEGER, 7, NULL},
    {"4.5", STRUCTURED_DECIMAL, 4500, NULL},
    {"-0.125", STRUCTURED_DECIMAL, -125, NULL},
    {"123456789012.1", STRUCTURED_DECIMAL, 123456789012100, NULL},
    {"\"a\\\"b\\\\c\"", STRUCTURED_STRING, 0, "a\"b\\c"},
    {"\"\"", STRUCTURED_STRING, 0, ""},
    {"foo123/456:x*", STRUCTURED_TOKEN, 0, "foo123/456:x*"},
    {"*a", STRUCTURED_TOKEN, 0, "*a"},
    {":aGVsbG8=:", STRUCTURED_BYTES, 0, "aGVsbG8="},
    {"::", STRUCTURED_BYTES, 0, ""},
    {"?1", STRUCTURED_BOOLEAN, 1, NULL},
    {"?0", STRUCTURED_BOOLEAN, 0, NULL},
    {"@1659578233", STRUCTURED_DATE, 1659578233, NULL},
    {"%\"f%c3%bc\"", STRUCTURED_DISPLAY, 0, "f%c3%bc"},
    {"(\"a\" b;x=1 2)", STRUCTURED_INNER_LIST, 0, "(\"a\" b;x=1 2)"},
    {"( )", STRUCTURED_INNER_LIST, 0, "( )"},
    {"a; b=1;  c;d=?0", STRUCTURED_TOKEN, 0, "a"},
    {"()", STRUCTURED_INNER_LIST, 0, "()"},
};

static void reads_every_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        struct structured_item out[MAX];
        print_message("%s\n", items[i].text);
        assert_int_equal(structured_list(span_of(items[i].text), out, MAX, &mem), 1);
        assert_int_equal(out[0].type, items[i].type);
        assert_int_equal(out[0].integer, items[i].integer);
        if (items[i].inner != NULL)
            assert_true(span_eq(out[0].text, span_of(items[i].inner)));
    }
}

static const char *const wrong_lists[] = {
    "1234567890123456",
    "-",
    "--1",
    "1.",
    "1.2345",
    "1234567890123.1",
    ".5",
    "+1",
    "\"",
    "\"a",
    "\"a\\b\"",
    "\"\\",
    "\"\xc3\xa9\"",
    "\"\x7f\"",
    "\"\t\"",
    "?2",
    "?",
    ":a-b:",
    ":aa",
    "@1.5",
    "@",
    "%\"%C3%BC\"",
    "%\"%c3\"",
    "%\"%c3x\"",
    "%\"%e0%80%80\"",
    "%\"%ed%a0%80\"",
    "%\"%f4%90%80%80\"",
    "%\"%ff\"",
    "%\"a",
    "%a",
    "a,",
    "a,,b",
    ",a",
    "a b",
    "(a",
    "(a,b)",
    "(a b",
    "(a\tb)",
    "((a))",
    "a;",
    "a;B",
    "a;b=",
    "\ta",
    "=a",
    "a;b=(c)",
    "{",
    "(\"a\"b)",
};

static void refuses_the_whole_field(void **state)
{
    (void)state;
    struct structured_item out[MAX];
    for (size_t i = 0; i < ARRAY_LEN(wrong_lists); i++) {
        print_message("%s\n", wrong_lists[i]);
        assert_int_equal(structured_list(span_of(wrong_lists[i]), out, MAX, &mem), ERR_SYNTAX);
    }
    assert_int_equal(structured_list(SPAN("a\0"), out, MAX, &mem), ERR_SYNTAX);
    assert_int_equal(structured_list(SPAN("a, b ,\tc,d,e"), out, MAX, &mem), ERR_TOO_BIG);
    assert_int_equal(structured_list(SPAN("a, b ,\tc,d"), out, MAX, &mem), 4);
    assert_int_equal(structured_list(SPAN("a \t"), out, MAX, &mem), 1);
    assert_int_equal(structured_list(SPAN(""), out, MAX, &mem), 0);
    assert_int_equal(structured_list(SPAN_NONE, out, MAX, &mem), 0);
}

static void reads_dictionaries(void **state)
{
    (void)state;
    struct structured_item out[MAX];
    static const char *const wrong[] = {"A=1", "a=", "a=1,", "a==1", "1=a", "a =1", "a= 1", "a;=1"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(structured_dictionary(span_of(wrong[i]), out, MAX, &mem), ERR_SYNTAX);

    assert_int_equal(structured_dictionary(SPAN("max-age=5, must-revalidate;x=\"y\" , *n=(1 2), "
                                                "max-age=9"),
                                           out, MAX, &mem),
                     3);
    assert_true(span_eq(out[0].key, SPAN("max-age")));
    assert_int_equal(out[0].integer, 9); /* the later replaces, in its place */
    assert_int_equal(out[1].type, STRUCTURED_BOOLEAN);
    assert_int_equal(out[1].integer, 1);
    assert_true(span_eq(out[2].key, SPAN("*n")));
    assert_true(span_eq(out[2].text, SPAN("(1 2)")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(refuses_the_whole_field),
        cmocka_unit_test(reads_dictionaries),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
