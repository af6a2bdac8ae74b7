/* SPDX-License-Identifier: MIT */

/* Cache-Control: RFC 9111 s.5.2, RFC 5861, RFC 8246. */
#include "lib/http/cache_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM 128

/* What was said, in one line; only what is not the default. */
static void describe(const struct cache_control *cc, char out[8 * ROOM])
{
    const struct {
        const char *name;
        sec_t v;
    } numbers[] = {{"max", cc->max_age},        {"s", cc->s_maxage},
                   {"fresh", cc->min_fresh},    {"swr", cc->stale_while_revalidate},
                   {"sie", cc->stale_if_error}, {"stale", cc->max_stale}};
    const struct {
        const char *name;
        bool v;
    } flags[] = {{"no-store", cc->no_store},          {"no-cache", cc->no_cache},
                 {"no-transform", cc->no_transform},  {"only-if-cached", cc->only_if_cached},
                 {"private", cc->is_private},         {"public", cc->is_public},
                 {"must", cc->must_revalidate},       {"proxy", cc->proxy_revalidate},
                 {"understand", cc->must_understand}, {"immutable", cc->is_immutable}};
    char *at = out;
    *at = '\0';
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (numbers[i].v != DELTA_NONE)
            at += snprintf(at, ROOM, "%s=%lld ", numbers[i].name, (long long)numbers[i].v);
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (flags[i].v)
            at += snprintf(at, ROOM, "%s ", flags[i].name);
    }
    if (cc->no_cache_fields.p != NULL)
        at += snprintf(at, ROOM, "nc[%.*s] ", SPAN_FMT(cc->no_cache_fields));
    if (cc->private_fields.p != NULL)
        snprintf(at, ROOM, "p[%.*s] ", SPAN_FMT(cc->private_fields));
}

static const struct {
    const char *first_line, *second_line, *said;
} cases[] = {
    {"max-age=60", NULL, "max=60 "},
    {"Max-Age=60, PUBLIC", NULL, "max=60 public "},
    {"max-age=\"60\"", NULL, "max=60 "},
    {"s-maxage=0,max-age=1", NULL, "max=1 s=0 "},
    {"max-age=60", "max-age=30", "max=30 "},
    {"max-age=30, max-age=60", NULL, "max=30 "},
    {"max-age=2147483648", NULL, "max=2147483648 "},
    {"max-age=99999999999999999999999", NULL, "max=2147483648 "},
    {"max-age=abc", NULL, "max=0 "},
    {"max-age=-1", NULL, "max=0 "},
    {"max-age=1.5", NULL, "max=0 "},
    {"max-age", NULL, "max=0 "},
    {"max-age=", NULL, "max=0 "},
    {"max-age = 60", NULL, "max=0 "},
    {"max-age=60, s-maxage=x", NULL, "max=60 s=0 "},
    {"min-fresh=x, max-stale=x, stale-if-error=x, stale-while-revalidate", NULL, ""},
    {"min-fresh=5, min-fresh=9", NULL, "fresh=9 "},
    {"max-stale", NULL, "stale=2147483648 "},
    {"max-stale, max-stale=7", NULL, "stale=7 "},
    {"stale-while-revalidate=5, stale-if-error=6", NULL, "swr=5 sie=6 "},
    {"no-store", "private", "no-store private "},
    {"no-store=x, must-revalidate=1", NULL, "no-store must "},
    {"no-store foo", NULL, "no-store "},
    {"public=1, immutable=x, must-understand=y", NULL, ""},
    {"public, immutable, must-understand", NULL, "public understand immutable "},
    {"proxy-revalidate, no-transform, only-if-cached", NULL, "no-transform only-if-cached proxy "},
    {"no-cache", NULL, "no-cache "},
    {"no-cache=\"Set-Cookie, X-A\", max-age=3", NULL, "max=3 no-cache nc[Set-Cookie, X-A] "},
    {"private=Set-Cookie", NULL, "private p[Set-Cookie] "},
    {"private=\"a\", private", NULL, "private "},
    {"private", "private=\"a\"", "private "},
    {"private=\"a\", private=\"b\"", NULL, "private "},
    {"private=\"\"", NULL, "private "},
    {"no-cache=\"open, max-age=5", NULL, "no-cache "},
    {"no-cache=\"a\\\"b\"", NULL, "no-cache "},
    {"x=\"max-age=5\", y=\", no-store\"", NULL, ""},
    {"maxage=5, max-ages=5, =5, ,", NULL, ""},
    {"", NULL, ""},
};

static void reads_all_lines_as_one_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena mem;
        struct fields fs;
        struct cache_control cc;
        char said[8 * ROOM];
        arena_init(&mem, 1 << 16);
        fields_init(&fs, &mem);
        fields_add(&fs, FIELD_CACHE_CONTROL, span_of(cases[i].first_line));
        fields_add(&fs, FIELD_CDN_CACHE_CONTROL, SPAN("no-store")); /* another field */
        if (cases[i].second_line != NULL)
            fields_add(&fs, FIELD_CACHE_CONTROL, span_of(cases[i].second_line));
        cache_control_init(&cc);
        cache_control_read(&cc, &fs, FIELD_CACHE_CONTROL);
        describe(&cc, said);
        print_message("%s\n", cases[i].first_line);
        assert_string_equal(said, cases[i].said);
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_all_lines_as_one_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
