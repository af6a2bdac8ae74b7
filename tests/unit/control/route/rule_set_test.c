/* SPDX-License-Identifier: MIT */
#include "control/route/rule_set.h"

#include "lib/base/err.h"
#include "lib/net/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct making {
    struct arena mem;
    struct buf why;
    struct rule_set rules;
    int err;
};

static void make(struct making *m, const char *document, const char *file)
{
    struct routing_doc docs[2];
    arena_init(&m->mem, 1 << 20);
    buf_init(&m->why, 1000);
    assert_int_equal(routing_doc_read(span_of(document), &docs[0], &m->mem, &m->why), 0);
    assert_int_equal(routing_doc_read(span_of(file), &docs[1], &m->mem, &m->why), 0);
    m->err = rule_set_make(&m->rules, &docs[0], &docs[1], &m->mem, &m->why);
}

static void finish(struct making *m)
{
    override_table_destroy(&m->rules.overrides);
    buf_finish(&m->why);
    arena_finish(&m->mem);
}

static struct span first_edge(const struct making *m, const char *ip)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(span_of(ip), &a), 0);
    const struct override *o = override_find(m->rules.overrides, &a.any, NULL);
    return o != NULL ? o->edges[0] : SPAN("none");
}

static void the_document_stands_before_the_file(void **state)
{
    (void)state;
    struct making m;
    make(&m,
         "{\"overrides\": [{\"network\": \"10.0.0.0/8\", \"edges\": [\"a\"]}],"
         " \"asns\": [{\"asn\": 64500, \"edges\": [\"a\"]}],"
         " \"regions\": [{\"name\": \"eu\", \"continent\": \"EU\"}]}",
         "{\"overrides\": [{\"network\": \"10.0.0.0/8\", \"edges\": [\"b\"]},"
         " {\"network\": \"10.1.0.0/16\", \"edges\": [\"b\"]}],"
         " \"asns\": [{\"asn\": \"AS64500\", \"edges\": [\"b\"]},"
         " {\"asn\": 7, \"edges\": [\"b\"]}],"
         " \"regions\": [{\"name\": \"eu\", \"countries\": [\"DE\"]},"
         " {\"name\": \"kr\", \"countries\": [\"KR\"]}]}");
    assert_int_equal(m.err, 0);
    assert_true(span_eq(first_edge(&m, "10.2.0.1"), SPAN("a")));
    assert_true(span_eq(first_edge(&m, "10.1.0.1"), SPAN("b"))); /* the longer one */
    assert_int_equal(m.rules.asn_count, 2);
    assert_int_equal(m.rules.asns[0].asn, 7);
    assert_true(span_eq(m.rules.asns[1].edges[0], SPAN("a")));
    assert_int_equal(m.rules.regions->count, 2);
    assert_int_equal(m.rules.regions->v[0].country_count, 0);
    finish(&m);
}

static void what_is_no_rule_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *document, *told;
    } rows[] = {
        {"{\"overrides\": [{\"network\": \"10.0.0.1/8\", \"edges\": [\"a\"]}]}", "10.0.0.1/8"},
        {"{\"overrides\": [{\"network\": \"10.0.0.0/8\", \"edges\": [\"a\"]},"
         " {\"network\": \"10.0.0.0/8\", \"edges\": [\"b\"]}]}",
         "twice"},
        {"{\"asns\": [{\"asn\": 4294967296, \"edges\": [\"a\"]}]}", "asn"},
        {"{\"asns\": [{\"asn\": 1, \"edges\": [\"a\"]}, {\"asn\": \"AS1\", \"edges\": "
         "[\"b\"]}]}",
         "twice"},
        {"{\"regions\": [{\"name\": \"x\"}]}", "countries"},
        {"{\"regions\": [{\"name\": \"x\", \"countries\": [\"Korea\"]}]}", "capital"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct making m;
        make(&m, rows[i].document, "{}");
        assert_int_not_equal(m.err, 0);
        buf_add_char(&m.why, '\0');
        if (strstr(m.why.p, rows[i].told) == NULL)
            fail_msg("%s: \"%s\"", rows[i].document, m.why.p);
        finish(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_stands_before_the_file),
        cmocka_unit_test(what_is_no_rule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
