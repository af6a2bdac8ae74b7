/* SPDX-License-Identifier: MIT */
#include "lib/proto/site_doc.h"

#include "lib/base/err.h"
#include "tests/unit/lib/proto/example.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void a_site_becomes_a_section_of_a_configuration_file(void **state)
{
    (void)state;
    struct arena mem;
    struct buf why, conf;
    struct site_doc site;
    arena_init(&mem, 1 << 20);
    buf_init(&why, 1024);
    buf_init(&conf, 4096);
    assert_int_equal(site_doc_read(example_named("site"), SPAN("games"), &site, &mem, &why), 0);
    site_doc_write_conf(&site, &conf);
    assert_true(
        span_starts(buf_span(&conf), SPAN("site \"games\" {\n"
                                          "  hosts = {\"dl.example.com\", \"*.games.example\"}\n"
                                          "  origins = {\"http://127.0.0.1:9000\", "
                                          "\"http://127.0.0.1:9001\"}\n")));
    buf_add_char(&conf, '\0');
    assert_non_null(strstr(conf.p, "  block = \"1MiB\"\n"));
    assert_non_null(strstr(conf.p, "  verify = true\n"));
    assert_true(span_ends(span_of(conf.p), SPAN("}\n")));
    buf_finish(&conf);
    buf_finish(&why);
    arena_finish(&mem);
}

static void hosts_are_lower_case_and_the_name_may_come_from_the_path(void **state)
{
    (void)state;
    struct arena mem;
    struct buf why;
    struct site_doc site;
    arena_init(&mem, 1 << 20);
    buf_init(&why, 1024);
    assert_int_equal(
        site_doc_read(SPAN("{\"hosts\":[\"DL.Example.COM\"]}"), SPAN("g"), &site, &mem, &why), 0);
    assert_true(span_eq(site.name, SPAN("g")));
    assert_true(span_eq(site.hosts.v[0], SPAN("dl.example.com")));
    assert_int_equal(site.origins.count, 0);
    buf_finish(&why);
    arena_finish(&mem);
}

static void what_could_break_out_of_a_configuration_file_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"hosts\":[]}",
        "{\"hosts\":[\"a b\"]}",
        "{\"hosts\":[\"a:80\"]}",
        "{\"hosts\":[\"a/b\"]}",
        "{\"hosts\":[\"\"]}",
        "{\"hosts\":[1]}",
        "{\"name\":\"a b\",\"hosts\":[\"a\"]}",
        "{\"hosts\":[\"a\"],\"origins\":[\"http://x\\\"} evil {\"]}",
        "{\"hosts\":[\"a\"],\"options\":{\"block\":\"${HOME}\"}}",
        "{\"hosts\":[\"a\"],\"options\":{\"block\":\"x\\ny\"}}",
        "{\"hosts\":[\"a\"],\"options\":{\"a = 1 } x\":1}}",
        "{\"hosts\":[\"a\"],\"options\":{\"x\":{\"y\":1}}}",
        "{\"hosts\":[\"a\"],\"options\":{\"x\":[\"a\\\\\"]}}",
        "{\"hosts\":[\"a\"],\"options\":{\"x\":null}}",
    };
    struct arena mem;
    struct buf why;
    arena_init(&mem, 1 << 20);
    buf_init(&why, 1024);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct site_doc site;
        buf_clear(&why);
        assert_int_equal(site_doc_read(span_of(bad[i]), SPAN("g"), &site, &mem, &why), ERR_SYNTAX);
        assert_true(why.n > 0);
    }
    buf_finish(&why);
    arena_finish(&mem);
}

static void the_configuration_of_an_answer_is_a_list_of_sites(void **state)
{
    (void)state;
    struct arena mem;
    struct buf why;
    struct site_docs docs;
    arena_init(&mem, 1 << 20);
    buf_init(&why, 1024);
    assert_int_equal(site_docs_read(SPAN("{\"sites\":[{\"name\":\"a\",\"hosts\":[\"x\"]},"
                                         "{\"name\":\"b\",\"hosts\":[\"y\",\"z\"]}]}"),
                                    &docs, &mem, &why),
                     0);
    assert_int_equal(docs.count, 2);
    assert_true(span_eq(docs.v[1].name, SPAN("b")));
    assert_int_equal(docs.v[1].hosts.count, 2);
    assert_int_equal(site_docs_read(SPAN("{\"sites\":[{\"hosts\":[\"x\"]}]}"), &docs, &mem, &why),
                     ERR_SYNTAX);
    buf_finish(&why);
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_becomes_a_section_of_a_configuration_file),
        cmocka_unit_test(hosts_are_lower_case_and_the_name_may_come_from_the_path),
        cmocka_unit_test(what_could_break_out_of_a_configuration_file_is_refused),
        cmocka_unit_test(the_configuration_of_an_answer_is_a_list_of_sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
