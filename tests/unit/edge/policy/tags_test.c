/* SPDX-License-Identifier: MIT */

/* Which labels an answer carries, as a table. */
#include "edge/policy/tags.h"
#include "tests/unit/edge/policy/policy_help.h"

static const struct {
    const char *field, *response, *tags, *groups; /* with '|' between them */
} rows[] = {
    {"Cache-Tag", "", "", ""},
    {"Cache-Tag", "Cache-Tag:", "", ""},
    {"Cache-Tag", "Cache-Tag: a", "a", ""},
    {"Cache-Tag", "cache-tag: a, B ,,c d\nCache-Tag: a", "a|B|c d|a", ""},
    {"", "Cache-Tag: a", "a", ""},
    {"X-Labels", "Cache-Tag: a\nX-Labels: b,c", "b|c", ""},
    {"Surrogate-Key", "Surrogate-Key:  a b   c", "a|b|c", ""},
    {"surrogate-key", "Surrogate-Key: a b\nSurrogate-Key: c", "a|b|c", ""},
    {"xkey", "xkey: a b, c", "a|b|c", ""},
    {"Cache-Tag", "Cache-Groups: \"a\", \"b c\";x=1", "", "a|b c"},
    {"Cache-Tag", "Cache-Groups: \"a\"\nCache-Groups: \"b\\\"\"", "", "a|b\""},
    {"Cache-Tag", "Cache-Groups: \"a\", b", "", ""},
    {"Cache-Tag", "Cache-Groups: \"a\", 1", "", ""},
    {"Cache-Tag", "Cache-Groups: (\"a\")", "", ""},
    {"Cache-Tag", "Cache-Groups: \"a", "", ""},
    {"Cache-Tag", "Cache-Tag: t\nCache-Groups: \"g\"", "t", "g"},
    {"Cache-Tag", "Cache-Tag: t\nCache-Groups: nonsense", "t", ""},
};

static uint32_t expect(const struct tag_set *set, uint32_t at, const char *names)
{
    struct span rest = span_of(names);
    while (rest.n > 0) {
        assert_true(at < set->count);
        assert_true(set->v[at++] == tag_hash(span_cut(rest, '|', &rest)));
    }
    return at;
}

static void tags_and_groups_are_what_the_fields_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct site site = {.tag_field = rows[i].field};
        struct arena mem;
        struct fields fs;
        arena_init(&mem, 1 << 16);
        fields_of(&fs, rows[i].response, &mem);
        struct tag_set set = tags_of(&fs, &site, &mem);
        uint32_t tags = expect(&set, 0, rows[i].tags), all = expect(&set, tags, rows[i].groups);
        if (all != set.count || all - tags != set.groups)
            fail_msg("\"%s\" gives %u labels, %u groups", rows[i].response, set.count, set.groups);
        arena_finish(&mem);
    }
}

static void an_answer_invalidates_the_groups_it_names(void **state)
{
    (void)state;
    struct arena mem;
    struct fields fs;
    struct span *names;
    arena_init(&mem, 1 << 16);
    fields_of(&fs, "Cache-Group-Invalidation: \"a b\", \"c\"", &mem);
    assert_int_equal(tags_invalidated(&fs, &names, &mem), 2);
    assert_true(span_eq(names[0], SPAN("a b")) && span_eq(names[1], SPAN("c")));
    fields_of(&fs, "Cache-Group-Invalidation: a", &mem);
    assert_int_equal(tags_invalidated(&fs, &names, &mem), 0);
    fields_of(&fs, "Cache-Groups: \"a\"", &mem);
    assert_int_equal(tags_invalidated(&fs, &names, &mem), 0);
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_and_groups_are_what_the_fields_name),
        cmocka_unit_test(an_answer_invalidates_the_groups_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
