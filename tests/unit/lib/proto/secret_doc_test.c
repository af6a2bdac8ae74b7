/* SPDX-License-Identifier: MIT */
#include "lib/proto/secret_doc.h"

#include "lib/base/err.h"
#include "lib/codec/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct reading {
    struct arena mem;
    struct buf why;
    struct secret_docs docs;
    int err;
};

static void read_docs(struct reading *r, const char *text)
{
    arena_init(&r->mem, 1 << 20);
    buf_init(&r->why, 1000);
    r->err = secret_docs_read(span_of(text), &r->docs, &r->mem, &r->why);
}

static void finish(struct reading *r)
{
    arena_finish(&r->mem);
    buf_finish(&r->why);
}

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void a_secret_is_text_or_its_digest(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"keys\": [{\"name\": \"k\", \"use\": \"tickets\", \"secrets\": [\"abc\"]}]}",
        "{\"keys\": [{\"name\": \"k\", \"use\": \"tickets\", \"secrets\": [{\"sha256\": "
        "\"" ABC_SHA256 "\"}]}]}"};
    for (int i = 0; i < 2; i++) {
        struct reading r;
        struct json_out o;
        struct buf out;
        read_docs(&r, rows[i]);
        assert_int_equal(r.err, 0);
        assert_int_equal(r.docs.key_count, 1);
        assert_string_equal(r.docs.keys[0].secrets[0].sha256, ABC_SHA256);
        assert_int_equal(r.docs.keys[0].secrets[0].text.p != NULL, i == 0);
        buf_init(&out, 1000);
        json_out_begin(&o, &out);
        key_doc_write(&r.docs.keys[0], false, &o);
        assert_true(span_eq(buf_span(&out), SPAN("{\"name\":\"k\",\"use\":\"tickets\",\"secrets\":"
                                                 "[{\"sha256\":\"" ABC_SHA256 "\"}]}")));
        buf_clear(&out);
        json_out_begin(&o, &out);
        key_doc_write(&r.docs.keys[0], true, &o);
        assert_int_equal(span_eq(buf_span(&out), SPAN("{\"name\":\"k\",\"use\":\"tickets\","
                                                      "\"secrets\":[\"abc\"]}")),
                         i == 0);
        buf_finish(&out);
        finish(&r);
    }
}

static void what_is_wrong_is_refused_and_never_quoted(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "hush",
        "{\"keys\": hush}",
        "{\"keys\": {}}",
        "{\"keys\": [{\"name\": \"k\", \"use\": \"hush\", \"secrets\": [\"hush\"]}]}",
        "{\"keys\": [{\"name\": \"hush!\", \"use\": \"tickets\", \"secrets\": [\"hush\"]}]}",
        "{\"keys\": [{\"name\": \"k\", \"use\": \"urls\", \"secrets\": [{\"sha256\": \"hush\"}]}]}",
        "{\"keys\": [{\"name\": \"k\", \"use\": \"tickets\", \"secrets\": [17]}]}",
        "{\"certificates\": [{\"name\": \"c\", \"key\": \"hush\"}]}",
        "{\"certificates\": [{\"name\": \"c\", \"chain\": \"hush\"}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reading r;
        read_docs(&r, rows[i]);
        assert_int_equal(r.err, ERR_SYNTAX);
        assert_true(r.why.n > 0);
        buf_add_char(&r.why, '\0');
        assert_null(strstr(r.why.p, "hush"));
        finish(&r);
    }
}

static void other_parts_of_the_configuration_are_passed_over(void **state)
{
    (void)state;
    struct reading r;
    read_docs(&r, "{\"sites\": [], \"routing\": {\"near_km\": 5}}");
    assert_int_equal(r.err, 0);
    assert_int_equal(r.docs.key_count + r.docs.certificate_count, 0);
    finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_text_or_its_digest),
        cmocka_unit_test(what_is_wrong_is_refused_and_never_quoted),
        cmocka_unit_test(other_parts_of_the_configuration_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
