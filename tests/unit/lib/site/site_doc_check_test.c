/* SPDX-License-Identifier: MIT */
#include "lib/site/site_doc_check.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* 0 or the error, and what is told in `told` (NUL-terminated). */
static int check(const char *json, char told[1024])
{
    struct site_doc doc;
    struct arena mem;
    struct buf why;
    arena_init(&mem, 1 << 20);
    buf_init(&why, 1023);
    int err = site_doc_read(span_of(json), SPAN("games"), &doc, &mem, &why);
    assert_int_equal(err, 0);
    err = site_doc_check(&doc, &why);
    memcpy(told, why.p != NULL ? why.p : "", why.n);
    told[why.n] = '\0';
    buf_finish(&why);
    arena_finish(&mem);
    return err;
}

#define DOC(more) "{\"hosts\": [\"dl.example.com\"], \"origins\": [\"http://o:1\"]" more "}"

static void what_an_edge_takes_passes(void **state)
{
    (void)state;
    char told[1024];
    assert_int_equal(check(DOC(", \"options\": {\"block\": \"2MiB\", \"verify\": false, "
                               "\"follow_redirects\": 3, \"query_drop\": [\"utm_*\"]}"),
                           told),
                     0);
    assert_string_equal(told, "");
}

static void what_an_edge_refuses_is_refused_with_the_options_name(void **state)
{
    (void)state;
    static const struct {
        const char *json, *told;
    } rows[] = {
        {DOC(", \"options\": {\"blok\": \"1MiB\"}"), "blok"},
        {DOC(", \"options\": {\"block\": \"3MiB\"}"), "power of two"},
        {DOC(", \"options\": {\"block\": \"1KiB\"}"), "block"},
        {DOC(", \"options\": {\"grace\": 5}"), "grace"},
        {DOC(", \"options\": {\"verify\": \"perhaps\"}"), "verify"},
        {DOC(", \"options\": {\"fill\": \"some\"}"), "fill"},
        {DOC(", \"options\": {\"trusted_proxies\": [\"all\"]}"), "trusted_proxies"},
        {"{\"hosts\": [\"a..b\"], \"origins\": [\"http://o:1\"]}", "hosts"},
        {"{\"hosts\": [\"a.b\", \"a.b\"], \"origins\": [\"http://o:1\"]}", "twice"},
        {"{\"hosts\": [\"a.b\"], \"origins\": [\"o:1\"]}", "origins"},
        {"{\"hosts\": [\"a.b\"], \"origins\": [\"http://o/path\"]}", "path"},
        {"{\"hosts\": [\"a.b\"], \"origins\": [\"http://o weight=0\"]}", "weight"},
    };
    char told[1024];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (check(rows[i].json, told) != ERR_CONFIG || strstr(told, rows[i].told) == NULL)
            fail_msg("%s: \"%s\"", rows[i].json, told);
        if (strstr(told, "document") != NULL || strchr(told, '\n') != NULL)
            fail_msg("not a sentence: \"%s\"", told);
    }
}

static void a_site_without_origins_is_no_business_of_edges(void **state)
{
    (void)state;
    char told[1024];
    assert_int_equal(check("{\"hosts\": [\"a.b\"], \"options\": {\"blok\": 1}}", told), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_edge_takes_passes),
        cmocka_unit_test(what_an_edge_refuses_is_refused_with_the_options_name),
        cmocka_unit_test(a_site_without_origins_is_no_business_of_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
