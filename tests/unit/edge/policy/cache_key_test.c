/* SPDX-License-Identifier: MIT */
#include "edge/policy/cache_key.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static struct cache_key make(const char *host, const char *path, const char *query,
                             struct arena *mem)
{
    static const struct site site = {.name = "games"};
    struct cache_target target = {span_of(host), span_of(path), span_of(query), SCHEME_HTTP};
    return cache_key_make(&site, &target, mem);
}

static void equivalent_targets_have_one_key_and_others_do_not(void **state)
{
    (void)state;
    /* RFC 3986 s.6.2.2, RFC 9110 s.4.2.3 */
    static const struct {
        const char *host, *path, *query, *text;
    } rows[] = {
        {"h", "/", NULL, "games\nh\n/"},
        {"H.Example", "/a", NULL, "games\nh.example\n/a"},
        {"h", "/A", NULL, "games\nh\n/A"},
        {"h", "/%7Euser", NULL, "games\nh\n/~user"},
        {"h", "/%2f", NULL, "games\nh\n/%2F"},
        {"h", "/a%2Fb", NULL, "games\nh\n/a%2Fb"},
        {"h", "/a/../b/./c", NULL, "games\nh\n/b/c"},
        {"h", "/a", "", "games\nh\n/a?"},
        {"h", "/a", "b=1&a=2", "games\nh\n/a?b=1&a=2"},
        {"h", "/a", "X=%7e", "games\nh\n/a?X=%7e"},
    };
    struct arena mem;
    arena_init(&mem, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cache_key k = make(rows[i].host, rows[i].path, rows[i].query, &mem);
        if (!span_eq(k.text, span_of(rows[i].text)))
            fail_msg("%s %s gives %.*s", rows[i].host, rows[i].path, SPAN_FMT(k.text));
        struct hash128 h = hash128(k.text.p, k.text.n, 0);
        assert_true(h.lo == k.hash.lo && h.hi == k.hash.hi);
    }
    arena_finish(&mem);
}

/* A list of options, written with spaces. */
static struct option_texts texts_of(const char *list, const char **v, struct arena *mem)
{
    struct span rest = span_of(list);
    size_t count = 0;
    while (rest.n > 0)
        v[count++] = arena_cstr(mem, span_cut(rest, ' ', &rest));
    return (struct option_texts){.v = v, .count = count};
}

static void the_sites_rules_say_which_of_the_query_counts(void **state)
{
    (void)state;
    static const struct {
        const char *keep, *drop;
        bool sorts;
        const char *query, *kept; /* NULL: none */
    } rows[] = {
        {"", "utm_*", false, "utm_source=x&a=1&utm_=2&autm_b=3", "a=1&autm_b=3"},
        {"", "utm_*", false, "utm_source=x", NULL},
        {"", "*", false, "a=1&b", NULL},
        {"", "a", false, "a&a=1&ab=2&A=3", "ab=2&A=3"},
        {"", "a", false, "b=a&&c", "b=a&&c"},
        {"a b*", "", false, "c=1&b2=x&a=&b", "b2=x&a=&b"},
        {"a b*", "b2", false, "c=1&b2=x&a=&b", "a=&b"},
        {"a", "", false, "", NULL},
        {"", "", true, "b=2&a=9&b=1&a=1", "a=9&a=1&b=2&b=1"},
        {"", "", true, "b&a=1&%61=2", "%61=2&a=1&b"},
        {"", "", true, NULL, NULL},
        {"a", "", true, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *v[2][4];
        struct arena mem;
        arena_init(&mem, 1 << 16);
        struct site site = {.name = "s",
                            .query_keep = texts_of(rows[i].keep, v[0], &mem),
                            .query_drop = texts_of(rows[i].drop, v[1], &mem),
                            .sorts_query = rows[i].sorts};
        struct cache_target target = {SPAN("h"), SPAN("/"), span_of(rows[i].query), SCHEME_HTTP};
        struct cache_key k = cache_key_make(&site, &target, &mem);
        struct span rest = k.text;
        span_cut(rest, '?', &rest);
        bool has_query = rows[i].kept != NULL;
        if (!span_eq(rest, span_of(rows[i].kept)) || !span_eq(k.query, rest) ||
            (k.query.p != NULL) != has_query)
            fail_msg("row %zu gives %.*s", i, SPAN_FMT(k.text));
        arena_finish(&mem);
    }
}

static void hosts_and_schemes_may_share_or_not(void **state)
{
    (void)state;
    static const char *const hosts[] = {"One.example", "two.example"};
    struct site site = {.name = "s", .hosts = {.v = hosts, .count = 2}};
    struct cache_target target = {SPAN("two.example"), SPAN("/a"), SPAN_NONE, SCHEME_HTTPS};
    struct arena mem;
    arena_init(&mem, 1 << 16);
    struct cache_key k = cache_key_make(&site, &target, &mem);
    assert_true(span_eq(k.text, SPAN("s\ntwo.example\n/a")));
    site.shares_hosts = true;
    k = cache_key_make(&site, &target, &mem);
    assert_true(span_eq(k.text, SPAN("s\none.example\n/a")));
    assert_true(span_eq(k.host, SPAN("one.example")));
    site.splits_schemes = true;
    k = cache_key_make(&site, &target, &mem);
    assert_true(span_eq(k.text, SPAN("s\none.example\n/a\nhttps")));
    target.scheme = SCHEME_HTTP;
    k = cache_key_make(&site, &target, &mem);
    assert_true(span_eq(k.text, SPAN("s\none.example\n/a")));
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equivalent_targets_have_one_key_and_others_do_not),
        cmocka_unit_test(the_sites_rules_say_which_of_the_query_counts),
        cmocka_unit_test(hosts_and_schemes_may_share_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
