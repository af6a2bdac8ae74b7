/* SPDX-License-Identifier: MIT */
#include "edge/policy/cache_key.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static struct cache_key make(const char *host, const char *path, const char *query,
                             struct arena *mem)
{
    static const struct site site = {.name = "games"};
    return cache_key_make(&site, span_of(host), span_of(path), span_of(query), mem);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equivalent_targets_have_one_key_and_others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
