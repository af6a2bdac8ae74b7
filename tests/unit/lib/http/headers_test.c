/* SPDX-License-Identifier: MIT */

/* Field lines and lists: RFC 9110 s.5. */
#include "lib/http/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_span(struct span s, const char *expected)
{
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void finds_every_name_in_any_case(void **state)
{
    (void)state;
    for (int id = FIELD_OTHER + 1; id < FIELD_COUNT; id++) {
        struct span name = field_spelling((enum field_id)id);
        char text[64];
        memcpy(text, name.p, name.n);
        assert_int_equal(field_id_of(name), id);
        for (size_t i = 0; i < name.n; i++)
            text[i] = (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 32 : name.p[i]);
        assert_int_equal(field_id_of(span_make(text, name.n)), id);
        for (size_t i = 0; i < name.n; i++)
            text[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
        assert_int_equal(field_id_of(span_make(text, name.n)), id);
    }
}

/* name with its byte i changed to each other one: also where only bit 5 differs. */
static void change_one_byte(enum field_id id, struct span name, size_t i)
{
    char text[64];
    struct span changed = span_make(text, name.n);
    memcpy(text, name.p, name.n);
    for (int c = 0; c < 256; c++) {
        text[i] = (char)c;
        if (!span_ieq(changed, name))
            assert_int_not_equal(field_id_of(changed), id);
    }
}

static void finds_no_other_name(void **state)
{
    (void)state;
    for (int id = FIELD_OTHER + 1; id < FIELD_COUNT; id++) {
        struct span name = field_spelling((enum field_id)id);
        for (size_t i = 0; i < name.n; i++)
            change_one_byte((enum field_id)id, name, i);
        assert_int_not_equal(field_id_of(span_make(name.p, name.n - 1)), id);
    }
    assert_int_equal(field_id_of(SPAN("")), FIELD_OTHER);
    assert_int_equal(field_id_of(SPAN("X")), FIELD_OTHER);
    assert_int_equal(field_id_of(SPAN("A-Name-That-Is-Longer-Than-All-Others")), FIELD_OTHER);
}

static void adds_finds_sets_and_removes(void **state)
{
    (void)state;
    struct arena mem;
    struct fields fs;
    arena_init(&mem, 1 << 16);
    fields_init(&fs, &mem);
    assert_null(fields_value(&fs, FIELD_VIA).p);
    for (int i = 0; i < 40; i++)
        fields_add_named(&fs, i % 2 ? SPAN("vIA") : SPAN("x-other"), SPAN("v"));
    fields_add(&fs, FIELD_ETAG, SPAN_NONE);
    assert_int_equal(fs.count, 41);
    assert_int_equal(fields_count(&fs, FIELD_VIA), 20);
    assert_span(fields_value(&fs, FIELD_ETAG), "");
    assert_ptr_equal(fields_find(&fs, FIELD_VIA, 2), &fs.v[3]);
    assert_ptr_equal(fields_find_named(&fs, SPAN("X-Other"), 1), &fs.v[2]);
    assert_ptr_equal(fields_find_named(&fs, SPAN("etag"), 0), &fs.v[40]);
    assert_null(fields_find_named(&fs, SPAN("x-none"), 0));
    fields_set(&fs, FIELD_VIA, SPAN("1.1 a"));
    assert_int_equal(fields_count(&fs, FIELD_VIA), 1);
    assert_span(fs.v[fs.count - 1].value, "1.1 a");
    fields_remove_named(&fs, SPAN("X-OTHER"));
    fields_remove(&fs, FIELD_ETAG);
    assert_int_equal(fs.count, 1);
    assert_false(arena_overflowed(&mem));
    arena_finish(&mem);
}

static void a_full_arena_leaves_out_and_tells(void **state)
{
    (void)state;
    struct arena mem;
    struct fields fs;
    arena_init(&mem, 20 * sizeof(struct field));
    fields_init(&fs, &mem);
    for (int i = 0; i < 100; i++)
        fields_add(&fs, FIELD_VIA, SPAN("v"));
    assert_true(arena_overflowed(&mem));
    assert_int_equal(fs.count, 16);
    arena_finish(&mem);
}

static void joins_lines_of_one_name(void **state)
{
    (void)state;
    struct arena mem;
    struct fields fs;
    arena_init(&mem, 1 << 16);
    fields_init(&fs, &mem);
    assert_null(fields_joined(&fs, SPAN("Vary"), &mem).p);
    fields_add_named(&fs, SPAN("vary"), SPAN("a, b"));
    assert_span(fields_joined(&fs, SPAN("Vary"), &mem), "a, b");
    fields_add_named(&fs, SPAN("X-A"), SPAN("1"));
    fields_add_named(&fs, SPAN("VARY"), SPAN("c"));
    fields_add_named(&fs, SPAN("x-a"), SPAN("2"));
    assert_span(fields_joined(&fs, SPAN("Vary"), &mem), "a, b, c");
    assert_span(fields_joined(&fs, SPAN("x-A"), &mem), "1, 2");
    arena_finish(&mem);
}

/* RFC 9110 s.5.6.1: elements written with '|' between. */
static const struct {
    const char *value, *elements;
} lists[] = {
    {"a,b", "a|b|"},
    {" a\t, ,, b ,", "a|b|"},
    {"", ""},
    {" , ,\t", ""},
    {"\"a,b\", c", "\"a,b\"|c|"},
    {"a=\"x\\\",y\", b", "a=\"x\\\",y\"|b|"},
    {"\"open, b", "\"open, b|"},
    {"\"open\\", "\"open\\|"},
};

static void finds_what_was_put_there_by_hand(void **state)
{
    struct field v[4] = {{.name = SPAN("Location"), .value = SPAN("/a"), .id = FIELD_LOCATION}};
    struct fields fs = {.v = v, .count = 1, .room = 4};
    (void)state;
    assert_span(fields_value(&fs, FIELD_LOCATION), "/a");
    fields_add(&fs, FIELD_AGE, SPAN("1"));
    assert_span(fields_value(&fs, FIELD_LOCATION), "/a");
    assert_span(fields_value(&fs, FIELD_AGE), "1");
    fields_set(&fs, FIELD_LOCATION, SPAN("/b"));
    assert_span(fields_value(&fs, FIELD_LOCATION), "/b");
    assert_int_equal(fields_count(&fs, FIELD_LOCATION), 1);
    fields_remove(&fs, FIELD_AGE);
    assert_null(fields_find(&fs, FIELD_AGE, 0));
}

static void walks_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct span rest = span_of(lists[i].value), element;
        char text[128], *at = text;
        while (list_next_element(&rest, &element)) {
            at = mempcpy(at, element.p, element.n);
            *at++ = '|';
        }
        *at = '\0';
        assert_string_equal(text, lists[i].elements);
        assert_false(list_next_element(&rest, &element));
    }
    assert_true(token_is_valid(SPAN("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(token_is_valid(SPAN("")));
    for (const char *c = "\"(),/:;<=>?@[\\]{} \t\x7f\x80"; *c != '\0'; c++)
        assert_false(token_is_valid(span_make(c, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_name_in_any_case),
        cmocka_unit_test(finds_no_other_name),
        cmocka_unit_test(adds_finds_sets_and_removes),
        cmocka_unit_test(a_full_arena_leaves_out_and_tells),
        cmocka_unit_test(joins_lines_of_one_name),
        cmocka_unit_test(finds_what_was_put_there_by_hand),
        cmocka_unit_test(walks_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
