/* SPDX-License-Identifier: MIT */

/* Which requests share a stored answer (RFC 9111 s.4.1), as tables. */
#include "edge/policy/vary.h"
#include "tests/unit/edge/policy/policy_help.h"

static void names_are_one_sorted_list(void **state)
{
    (void)state;
    static const struct {
        const char *response, *names; /* NULL: any */
    } rows[] = {
        {"", ""},
        {"Vary:", ""},
        {"Vary: Accept", "accept"},
        {"Vary: B, a", "a,b"},
        {"Vary: b\nVary: A, B", "a,b"},
        {"Vary: , a,,b ,", "a,b"},
        {"Vary: *", NULL},
        {"Vary: a, *", NULL},
        {"Vary: a\nVary: *", NULL},
        {"Vary: a b", NULL},
        {"Vary: \"a\"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena mem;
        struct fields fs;
        arena_init(&mem, 1 << 16);
        fields_of(&fs, rows[i].response, &mem);
        struct span names = vary_names(&fs, &mem);
        if ((rows[i].names == NULL) != (names.p == NULL) || !span_eq(names, span_of(rows[i].names)))
            fail_msg("\"%s\" gives \"%.*s\"", rows[i].response, SPAN_FMT(names));
        arena_finish(&mem);
    }
}

static void more_names_than_anybody_needs_are_any(void **state)
{
    (void)state;
    struct arena mem;
    struct fields fs;
    char name[16];
    arena_init(&mem, 1 << 16);
    fields_init(&fs, &mem);
    for (int i = 0; i < 33; i++) {
        int n = snprintf(name, sizeof(name), "x%d", i);
        fields_add(&fs, FIELD_VARY, arena_dup(&mem, span_make(name, (size_t)n)));
        assert_true((vary_names(&fs, &mem).p != NULL) == (i < 32));
    }
    arena_finish(&mem);
}

#define AE "Accept-Encoding: "
static const struct {
    const char *names, *stored, *asked;
    bool matches;
} pairs[] = {
    {"", "", "X: 1", true},
    {"x", "X: 1", "X: 1", true},
    {"x", "X: 1", "x: 1", true},
    {"x", "X: 1", "X: 2", false},
    {"x", "X: a", "X: A", false},
    {"x", "X: 1", "", false},
    {"x", "", "", true},
    {"x", "", "X:", false},
    {"x", "X:", "X:", true},
    {"x", "X: 1, 2", "X: 1\nX: 2", true},
    {"x", "X: 1, 2", "X: 2, 1", false},
    {"x,y", "X: 1\nY: 2", "Y: 2\nX: 1", true},
    {"x,y", "X: 1\nY: 2", "X: 1\nY: 3", false},
    {"x,y", "X: 1", "Y: 1", false},
    {"x,y", "X: 1\nZ: 1", "X: 1\nZ: 2", true},
    {"cookie", "Cookie: a=b", "Cookie: a=b", true},
    {"cookie", "Cookie: a=b", "Cookie: a=c", false},
    {"accept-language", "Accept-Language: en, de", "Accept-Language: EN,de", true},
    {"accept-language", "Accept-Language: en;q=0.5", "Accept-Language: en; q=0.5", true},
    {"accept-language", "Accept-Language: en, de", "Accept-Language: de, en", false},
    {"accept-language", "Accept-Language: en", "Accept-Language: en-US", false},
    {"accept-encoding", AE "gzip", AE "gzip", true},
    {"accept-encoding", AE "gzip", AE "GZIP", true},
    {"accept-encoding", AE "gzip", AE "x-gzip", true},
    {"accept-encoding", AE "gzip, br", AE "br;q=0.5, gzip;q=0.1", true},
    {"accept-encoding", AE "gzip, br", AE "br\n" AE "gzip", true},
    {"accept-encoding", AE "gzip, br", AE "gzip", false},
    {"accept-encoding", AE "gzip", AE "gzip, br;q=0", true},
    {"accept-encoding", AE "gzip", AE "deflate", false},
    {"accept-encoding", AE "gzip", AE "gzip, deflate", false},
    {"accept-encoding", AE "gzip", AE "gzip, unheard-of", true},
    {"accept-encoding", AE "gzip", "", false},
    {"accept-encoding", "", "", true},
    {"accept-encoding", AE "identity", AE "", true},
    {"accept-encoding", AE "gzip", AE "gzip, identity;q=0", false},
    {"accept-encoding", AE "zstd", AE "zstd, identity", true},
    {"accept-encoding", AE "*", AE "gzip", false},
    {"accept-encoding", AE "*;q=0, gzip", AE "gzip", false},
    {"accept-encoding", AE "br, gzip, zstd, deflate", AE "gzip, deflate, br, zstd", true},
};
#undef AE

static void requests_match_when_they_mean_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct arena mem;
        struct fields stored, asked;
        arena_init(&mem, 1 << 16);
        fields_of(&stored, pairs[i].stored, &mem);
        fields_of(&asked, pairs[i].asked, &mem);
        struct span names = span_of(pairs[i].names);
        struct span values = vary_values(names, &stored, &mem);
        if (vary_matches(names, values, &asked, &mem) != pairs[i].matches)
            fail_msg("%s: \"%s\" and \"%s\": %s match", pairs[i].names, pairs[i].stored,
                     pairs[i].asked, pairs[i].matches ? "should" : "should not");
        assert_false(vary_matches(SPAN_NONE, values, &asked, &mem));
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_one_sorted_list),
        cmocka_unit_test(more_names_than_anybody_needs_are_any),
        cmocka_unit_test(requests_match_when_they_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
