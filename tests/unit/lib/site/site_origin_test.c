/* SPDX-License-Identifier: MIT
 *
 * How origins are written down, and where they may send us. */
#include "lib/site/site_origin.h"

#include "lib/base/err.h"
#include "lib/base/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void an_origin_is_a_url_and_words(void **state)
{
    static const struct {
        const char *text, *host;
        int port;
        uint32_t order, weight, at_once;
    } rows[] = {
        {"http://a", "a", 80, 7, 1, 0},
        {"https://a:8443 weight=3", "a", 8443, 7, 3, 0},
        {"http://[::1]:9000  order=0   connections=64 ", "::1", 9000, 0, 1, 64},
        {" http://a weight=1000 order=1000 connections=100000", "a", 80, 1000, 1000, 100000},
    };
    const char *why;
    struct site_origin o;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(site_origin_read(span_of(rows[i].text), 7, &o, &why), 0);
        assert_true(span_eq(o.url.host, span_of(rows[i].host)));
        assert_int_equal(o.url.port, rows[i].port);
        assert_int_equal(o.order, rows[i].order);
        assert_int_equal(o.weight, rows[i].weight);
        assert_int_equal(o.at_once, rows[i].at_once);
    }
}

static void what_is_wrong_with_an_origin_is_said(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "ftp://a",
        "http://a/path",
        "http://a?query",
        "http://a weight=0",
        "http://a weight=1001",
        "http://a weight",
        "http://a weight=",
        "http://a order=-1",
        "http://a connections=0",
        "http://a speed=9",
        "http://a http://b",
    };
    const char *why;
    struct site_origin o;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(site_origin_read(span_of(texts[i]), 0, &o, &why), ERR_SYNTAX);
        assert_non_null(why);
    }
}

static void they_are_sorted_by_order_and_equals_stay(void **state)
{
    struct site_origin v[] = {{.order = 2, .weight = 1},
                              {.order = 1, .weight = 2},
                              {.order = 2, .weight = 3},
                              {.order = 0, .weight = 4},
                              {.order = 1, .weight = 5}};
    static const uint32_t sorted[] = {4, 2, 5, 1, 3};
    (void)state;
    site_origin_sort(v, ARRAY_LEN(v));
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        assert_int_equal(v[i].weight, sorted[i]);
}

static void a_host_is_listed_by_name_port_and_what_it_is_below(void **state)
{
    static const char *const list[] = {"a.example", "b.example:8080", "*.c.example"};
    static const struct {
        const char *url;
        bool is_listed;
    } rows[] = {
        {"http://a.example/x", true},        {"https://A.example/x", true},
        {"http://a.example:81/x", false},    {"http://b.example:8080/", true},
        {"http://b.example/", false},        {"http://x.c.example/", true},
        {"http://y.x.c.example/", true},     {"http://c.example/", false},
        {"http://xc.example/", false},       {"http://.c.example/", false},
        {"http://a.example.evil/", false},   {"http://evil.a.example/", false},
        {"http://x.c.example:8080/", false},
    };
    struct option_texts texts = {list, ARRAY_LEN(list)};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url url;
        if (url_parse(span_of(rows[i].url), &url) != 0)
            assert_false(rows[i].is_listed);
        else if (site_host_is_listed(&texts, &url) != rows[i].is_listed)
            fail_msg("%s", rows[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_a_url_and_words),
        cmocka_unit_test(what_is_wrong_with_an_origin_is_said),
        cmocka_unit_test(they_are_sorted_by_order_and_equals_stay),
        cmocka_unit_test(a_host_is_listed_by_name_port_and_what_it_is_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
