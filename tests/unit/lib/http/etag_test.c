/* SPDX-License-Identifier: MIT */

/* Entity tags: RFC 9110 s.8.8.3, s.13.1.1, s.13.1.2. */
#include "lib/http/etag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void knows_what_a_tag_is(void **state)
{
    (void)state;
    static const char *const right[] = {"\"a\"",     "\"\"",   "W/\"\"",
                                        "W/\"a,b\"", "\"\\\"", "\"\xc3\xa9\""};
    static const char *const wrong[] = {"",         "a",        "\"",      "\"a",     "w/\"a\"",
                                        "W/a",      "W/",       "W \"a\"", "\"a\"b",  "\"a b\"",
                                        "\"a\tb\"", "\"a\"b\"", "*",       "\"\x7f\""};
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_true(etag_is_valid(span_of(right[i])));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(etag_is_valid(span_of(wrong[i])));
    assert_false(etag_is_valid(SPAN_NONE));
}

/* The table of s.8.8.3.2. */
static void compares_strongly_and_weakly(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool is_strong_eq, is_weak_eq;
    } pairs[] = {
        {"W/\"1\"", "W/\"1\"", false, true}, {"W/\"1\"", "W/\"2\"", false, false},
        {"W/\"1\"", "\"1\"", false, true},   {"\"1\"", "\"1\"", true, true},
        {"\"1\"", "\"2\"", false, false},    {"", "", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct span a = span_of(pairs[i].a), b = span_of(pairs[i].b);
        assert_int_equal(etag_strong_eq(a, b), pairs[i].is_strong_eq);
        assert_int_equal(etag_strong_eq(b, a), pairs[i].is_strong_eq);
        assert_int_equal(etag_weak_eq(a, b), pairs[i].is_weak_eq);
        assert_int_equal(etag_weak_eq(b, a), pairs[i].is_weak_eq);
    }
}

static void finds_a_tag_in_a_list(void **state)
{
    (void)state;
    static const struct {
        const char *list, *tag;
        bool has_strong, has_weak;
    } cases[] = {
        {"*", "\"a\"", true, true},
        {" * ", "", true, true},
        {"\"a\"", "\"a\"", true, true},
        {"\"b\", \"a\"", "\"a\"", true, true},
        {"\"b\",\"a\"", "\"a\"", true, true},
        {",, \"b\" ,\t, \"a\" ,", "\"a\"", true, true},
        {"W/\"a\"", "\"a\"", false, true},
        {"\"a\"", "W/\"a\"", false, true},
        {"\"x,\", \"a\"", "\"a\"", true, true},
        {"\"x\\\", \"a\"", "\"a\"", true, true}, /* no escapes in tags */
        {"\"x\\\"", "\"x\\\"", true, true},
        {"\"a\", broken", "\"a\"", true, true},
        {"broken, \"a\"", "\"a\"", false, false},
        {"\"b\" \"a\"", "\"a\"", false, false},
        {"\"a\" x", "\"a\"", false, false},
        {"\"a", "\"a\"", false, false},
        {"*, \"a\"", "\"a\"", false, false},
        {"", "\"a\"", false, false},
        {"\"\"", "", false, false}, /* nothing to compare with */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span list = span_of(cases[i].list), tag = span_of(cases[i].tag);
        print_message("%s in %s\n", cases[i].tag, cases[i].list);
        assert_int_equal(etag_list_has(list, tag, true), cases[i].has_strong);
        assert_int_equal(etag_list_has(list, tag, false), cases[i].has_weak);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_a_tag_is),
        cmocka_unit_test(compares_strongly_and_weakly),
        cmocka_unit_test(finds_a_tag_in_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
