/* SPDX-License-Identifier: MIT */
#include "lib/base/option.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct place {
    const char *title;
    int64_t bytes;
};
struct gate {
    bool is_open;
};
struct record {
    int64_t count;
    double share;
    int level;
    const char *name;
    struct option_texts list;
    struct option_records places;
    struct gate gate;
};

static const char *const levels[] = {"low", "high", NULL};
static const struct option place_rows[] = {
    {"bytes", OPTION_BYTES, offsetof(struct place, bytes), 0, 0, "1KiB", "", {NULL}},
    {.name = NULL}};
static const struct option_section place_section = {.options = place_rows,
                                                    .record_bytes = sizeof(struct place),
                                                    .is_titled = true,
                                                    .title_offset_bytes =
                                                        offsetof(struct place, title),
                                                    .line_offset_bytes = OPTION_NO_LINE};
static const struct option gate_rows[] = {
    {"open", OPTION_BOOL, offsetof(struct gate, is_open), 0, 0, "false", "", {NULL}},
    {.name = NULL}};
static const struct option_section gate_section = {.options = gate_rows,
                                                   .record_bytes = sizeof(struct gate),
                                                   .is_single = true,
                                                   .line_offset_bytes = OPTION_NO_LINE};
#define AT(f) offsetof(struct record, f)
static const struct option rows[] = {
    {"count", OPTION_INT, AT(count), 0, 0, "1", "", {NULL}},
    {"share", OPTION_RATIO, AT(share), 0, 0, "0.5", "", {NULL}},
    {"level", OPTION_CHOICE, AT(level), 0, 0, "low", "", {.choices = levels}},
    {"name", OPTION_TEXT, AT(name), 0, 0, "", "", {NULL}},
    {"list", OPTION_TEXTS, AT(list), 0, 0, "{}", "", {NULL}},
    {.name = "place",
     .type = OPTION_SECTION,
     .offset_bytes = AT(places),
     .meaning = "",
     .section = &place_section},
    {.name = "gate",
     .type = OPTION_SECTION,
     .offset_bytes = AT(gate),
     .meaning = "",
     .section = &gate_section},
    {.name = NULL}};
static const struct option_section root = {
    .options = rows, .record_bytes = sizeof(struct record), .line_offset_bytes = OPTION_NO_LINE};

static const char *changed(const char *old, const char *new, const char *const *names)
{
    struct option_config *a, *b;
    struct buf why;
    buf_init(&why, 4096);
    assert_int_equal(option_load_text(&a, &root, "a", span_of(old), &why), 0);
    assert_int_equal(option_load_text(&b, &root, "b", span_of(new), &why), 0);
    const char *name = option_changed(&root, option_record(a), option_record(b), names);
    option_free(&a);
    option_free(&b);
    buf_finish(&why);
    return name;
}

static void what_differs_is_refused_where_the_file_says_it(void **state)
{
    (void)state;
    static const char *const names[] = {"share", "count", NULL};
    struct option_config *a, *b;
    struct buf why;
    buf_init(&why, 4096);
    assert_int_equal(option_load_text(&a, &root, "a", SPAN(""), &why), 0);
    assert_int_equal(option_load_text(&b, &root, "b", SPAN("level = high\ncount = 2"), &why), 0);
    assert_int_equal(option_refuse_changed(&root, a, b, names, &why), ERR_CONFIG);
    assert_true(span_eq(buf_span(&why), SPAN("b:2: count: cannot change without a restart\n")));
    buf_clear(&why);
    assert_int_equal(option_refuse_changed(&root, a, b, &names[2], &why), 0);
    assert_int_equal(buf_span(&why).n, 0);
    option_free(&a);
    option_free(&b);
    buf_finish(&why);
}

static void the_first_option_that_differs_is_named(void **state)
{
    (void)state;
    static const char *const all[] = {"gate",  "place", "list",  "name",
                                      "level", "share", "count", NULL};
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"count = 2", "count"},
        {"share = 0.25", "share"},
        {"level = high", "level"},
        {"name = \"x\"", "name"},
        {"list = {\"a\", \"b\"}", "list"},
        {"place \"p\" { }", "place"},
        {"gate { open = true }", "gate"},
        {"gate { open = true } count = 2", "gate"},
        {"count = 1 share = 0.5 gate { open = false }", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *name = changed("", cases[i].text, all);
        assert_int_equal(name == NULL, cases[i].name == NULL);
        if (name != NULL)
            assert_string_equal(name, cases[i].name);
    }
}

static void sections_are_compared_by_what_they_hold(void **state)
{
    (void)state;
    static const char *const place[] = {"place", NULL};
    const char *old = "place \"p\" { bytes = 1KiB } place \"q\" { }";
    assert_null(changed(old, "place \"p\" { } place \"q\" { bytes = 1024 }", place));
    assert_non_null(changed(old, "place \"p\" { } place \"q\" { bytes = 2KiB }", place));
    assert_non_null(changed(old, "place \"q\" { } place \"p\" { }", place));
    assert_non_null(changed(old, "place \"p\" { }", place));
    assert_null(changed(old, "place \"p\" { } place \"q\" { } count = 7", place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_option_that_differs_is_named),
        cmocka_unit_test(what_differs_is_refused_where_the_file_says_it),
        cmocka_unit_test(sections_are_compared_by_what_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
