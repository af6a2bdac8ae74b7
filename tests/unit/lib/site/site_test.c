/* SPDX-License-Identifier: MIT */
#include "lib/site/site.h"

#include "lib/base/err.h"
#include "lib/site/network.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

struct record {
    struct option_records sites;
};
static const struct option root_options[] = {
    {.name = "site",
     .type = OPTION_SECTION,
     .offset_bytes = offsetof(struct record, sites),
     .meaning = "A customer's host names and rules.",
     .section = &site_section},
    {0},
};
static const struct option_section root_section = {.options = root_options,
                                                   .record_bytes = sizeof(struct record),
                                                   .title_offset_bytes = SIZE_MAX,
                                                   .line_offset_bytes = OPTION_NO_LINE};

/* The table of a configuration; NULL and a text in `why` where it is refused. */
static struct site_table *load(const char *text, struct option_config **config, struct buf *why)
{
    struct site_table *t = NULL;
    buf_init(why, 4000);
    if (option_load_text(config, &root_section, "edge.conf", span_of(text), why) != 0) {
        *config = NULL;
        return NULL;
    }
    const struct record *r = option_record(*config);
    if (site_table_create(&t, &r->sites, "edge.conf", why) != 0)
        return NULL;
    return t;
}

static void a_site_is_found_by_exact_name_before_wildcard_and_by_the_longest_wildcard(void **state)
{
    (void)state;
    struct option_config *config;
    struct buf why;
    struct site_table *t = load(
        "site \"a\" { hosts = {\"dl.example.com\", \"*.Example.com\"} origins = {\"http://o\"} }\n"
        "site \"b\" { hosts = {\"*.eu.example.com\"} origins = {\"http://o\"} }\n"
        "site \"c\" { hosts = {\"x.eu.example.com\", \"::1\"} origins = {\"http://o\"} }\n",
        &config, &why);
    static const struct {
        const char *host, *site;
    } rows[] = {
        {"dl.example.com", "a"},
        {"DL.EXAMPLE.COM", "a"},
        {"dl.example.com.", "a"},
        {"www.example.com", "a"},
        {"a.b.example.com", "a"},
        {"y.eu.example.com", "b"},
        {"z.y.eu.example.com", "b"},
        {"x.eu.example.com", "c"},
        {"eu.example.com", "a"},
        {"::1", "c"},
        {"example.com", NULL},
        {"example.org", NULL},
        {"", NULL},
        {".", NULL},
        {".example.com", NULL},
        {"com", NULL},
        {"xexample.com", NULL},
        {"dl.example.com..", NULL},
        {"dl.example.com:80", NULL},
        {"*.example.com", "a"},
    };
    assert_non_null(t);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct site *s = site_find(t, span_of(rows[i].host));
        if (rows[i].site == NULL ? s != NULL : s == NULL || strcmp(s->name, rows[i].site) != 0)
            fail_msg("%s gives %s", rows[i].host, s != NULL ? s->name : "none");
    }
    char long_name[1000];
    memset(long_name, 'a', sizeof(long_name));
    assert_null(site_find(t, span_make(long_name, sizeof(long_name))));
    assert_int_equal(site_count(t), 3);
    assert_string_equal(site_at(t, 1)->name, "b");
    assert_int_equal(site_at(t, 2)->index, 2);
    assert_ptr_equal(site_named(t, SPAN("c")), site_at(t, 2));
    assert_null(site_named(t, SPAN("d")));
    site_table_ref(t);
    struct site_table *second = t;
    site_table_unref(&second);
    assert_null(second);
    site_table_unref(&t);
    option_free(&config);
    buf_finish(&why);
}

static void options_have_sound_defaults(void **state)
{
    (void)state;
    struct option_config *config;
    struct buf why;
    struct site_table *t = load("site \"a\" { hosts = {\"h\"} "
                                "origins = {\"http://127.0.0.1:9000\", \"https://o.example\"} }",
                                &config, &why);
    assert_non_null(t);
    const struct site *s = site_at(t, 0);
    assert_int_equal(s->line, 1);
    assert_int_equal(s->block_bytes, 1 << 20);
    assert_int_equal(s->read_ahead_bytes, 8 << 20);
    assert_int_equal(s->grace_ms, 10000);
    assert_int_equal(s->stale_if_error_ms, 3600000);
    assert_true(s->verify && s->forwarded == FORWARDED_X && !s->ignores_reload &&
                !s->caches_set_cookie);
    assert_string_equal(s->tag_field, "Cache-Tag");
    assert_int_equal(s->origin_list[0].url.port, 9000);
    assert_int_equal(s->origin_list[1].url.scheme, SCHEME_HTTPS);
    assert_true(span_eq(s->origin_list[1].url.host, SPAN("o.example")));
    site_table_unref(&t);
    option_free(&config);
    buf_finish(&why);
}

static void what_is_wrong_is_said_with_file_line_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"site \"a\" { hosts = {\"h\", \"H\"} origins = {\"http://o\"} }", "stands here twice"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o\"} }\n"
         "site \"b\" { hosts = {\"h.\"} origins = {\"http://o\"} }",
         "edge.conf:2: site \"b\": hosts: \"h.\" belongs to another site"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o\"} }\n"
         "site \"a\" { hosts = {\"i\"} origins = {\"http://o\"} }",
         "duplicate title"},
        {"site \"a\" { hosts = {\"h:80\", \"h/x\"} origins = {\"http://o\"} }", "not a host name"},
        {"site \"a\" { hosts = {\"*.\"} origins = {\"http://o\"} }", "not a host name"},
        {"site \"a\" { hosts = {\"a..b\"} origins = {\"http://o\"} }", "not a host name"},
        {"site \"a\" { hosts = {\"*.*.b\"} origins = {\"http://o\"} }", "not a host name"},
        {"site \"a\" { hosts = {} origins = {\"http://o\"} }", "hosts"},
        {"site \"a\" { hosts = {\"h\"} origins = {} }", "origins"},
        {"site \"a\" { hosts = {\"h\"} }", "origins"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"o:80\"} }", "is not a URL"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"ftp://o\"} }", "is not a URL"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o/x\"} }", "has a path"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o/?x\"} }", "has a path"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o\"} block = \"96KiB\" }",
         "power of two"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o\"} block = \"32KiB\" }", "block"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o\"} block = \"32MiB\" }", "block"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o\"} trusted_proxies = {\"10.0.0.1/8\"} "
         "}",
         "is neither an address nor a network"},
        {"site \"a b\" { hosts = {\"h\"} origins = {\"http://o\"} }", "letters, digits"},
        {"site \"a\" { hosts = {\"h\"} origins = {\"http://o\"} blok = \"1MiB\" }", "block"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct option_config *config;
        struct buf why;
        assert_null(load(rows[i].text, &config, &why));
        buf_add_char(&why, '\0');
        if (strstr(why.p, rows[i].says) == NULL || strstr(why.p, "edge.conf:") == NULL)
            fail_msg("%s says: %s", rows[i].text, why.p);
        option_free(&config);
        buf_finish(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_is_found_by_exact_name_before_wildcard_and_by_the_longest_wildcard),
        cmocka_unit_test(options_have_sound_defaults),
        cmocka_unit_test(what_is_wrong_is_said_with_file_line_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
