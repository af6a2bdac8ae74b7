/* SPDX-License-Identifier: MIT */

/* What an intermediary passes on: RFC 9110 s.7.6, RFC 8586. */
#include "lib/http/hop.h"

#include "tests/unit/lib/http/arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void add(struct fields *fs, const char *name, const char *value)
{
    fields_add_named(fs, span_of(name), span_of(value));
}

static void passes_on_what_is_end_to_end(void **state)
{
    (void)state;
    static const char *const gone[] = {"Connection",
                                       "Keep-Alive",
                                       "Proxy-Authenticate",
                                       "Proxy-Authorization",
                                       "Proxy-Connection",
                                       "TE",
                                       "Trailer",
                                       "Transfer-Encoding",
                                       "Upgrade",
                                       "X-Hop",
                                       "x-HOP-two"};
    static const char *const kept[] = {"Host",   "Content-Length", "X-Other",
                                       "Cookie", "Authorization",  "Cache-Control",
                                       "Expect", "X-Forwarded-For"};
    struct fields from, to;
    fields_init(&from, &mem);
    fields_init(&to, &mem);
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        add(&from, gone[i], "x-hop, close, HOST");
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        add(&from, kept[i], "v");
    add(&from, "connection", "X-Hop-Two, Cookie, authorization, cache-control, X-Forwarded-For");
    hop_copy(&to, &from);
    assert_int_equal(to.count, ARRAY_LEN(kept));
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        assert_non_null(fields_find_named(&to, span_of(kept[i]), 0));
}

static void too_many_options_pass_nothing_unknown(void **state)
{
    (void)state;
    struct fields from, to;
    fields_init(&from, &mem);
    fields_init(&to, &mem);
    for (int i = 0; i < 40; i++)
        fields_add(&from, FIELD_CONNECTION, arena_printf(&mem, "x-%d", i));
    add(&from, "x-39", "hop");
    add(&from, "X-Own", "lost too");
    add(&from, "Host", "a");
    hop_copy(&to, &from);
    assert_int_equal(to.count, 1);
}

static void assert_via(const struct fields *fs, uint8_t major, uint8_t minor, const char *expected)
{
    struct span via = via_value(fs, major, minor, SPAN("edge-1"), &mem);
    assert_int_equal(via.n, strlen(expected));
    assert_memory_equal(via.p, expected, via.n);
}

static void adds_itself_to_via(void **state)
{
    (void)state;
    struct fields fs;
    fields_init(&fs, &mem);
    assert_via(&fs, 1, 1, "1.1 edge-1");
    assert_via(&fs, 2, 0, "2 edge-1");
    add(&fs, "via", "1.0 a, 2 b");
    assert_via(&fs, 1, 0, "1.0 a, 2 b, 1.0 edge-1");
    add(&fs, "Via", "1.1 c (d, e)");
    assert_via(&fs, 1, 1, "1.0 a, 2 b, 1.1 c (d, e), 1.1 edge-1");
}

static void sees_a_loop(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool is_loop;
    } cases[] = {{"byeori", true},
                 {"foo, BYEORI ; v=1", true},
                 {"foo;a=\"x, byeori\", bar", false},
                 {"byeori2, xbyeori", false},
                 {"foo;byeori", false},
                 {"", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fields fs;
        fields_init(&fs, &mem);
        assert_false(cdn_loop_has(&fs, SPAN("byeori")));
        add(&fs, "CDN-Loop", "other");
        add(&fs, "cdn-loop", cases[i].value);
        assert_int_equal(cdn_loop_has(&fs, SPAN("byeori")), cases[i].is_loop);
    }
}

/* TE counts from who says in Connection that it is his own. */
static void knows_who_takes_zstd(void **state)
{
    (void)state;
    static const struct {
        const char *te, *connection;
        bool takes;
    } cases[] = {{"zstd", "TE", true},     {"trailers, ZSTD", "keep-alive, te", true},
                 {"zstd", "close", false}, {"zstd;q=0", "TE", false},
                 {"gzip", "TE", false},    {"xzstd", "TE", false},
                 {"", "", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fields fs;
        fields_init(&fs, &mem);
        add(&fs, "TE", cases[i].te);
        assert_false(hop_takes_zstd(&fs));
        add(&fs, "Connection", cases[i].connection);
        assert_int_equal(hop_takes_zstd(&fs), cases[i].takes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_on_what_is_end_to_end),
        cmocka_unit_test(too_many_options_pass_nothing_unknown),
        cmocka_unit_test(adds_itself_to_via),
        cmocka_unit_test(sees_a_loop),
        cmocka_unit_test(knows_who_takes_zstd),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
