/* SPDX-License-Identifier: MIT */
#include "edge/policy/signed_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define NOW 1763700000

static const struct span secrets[] = {{"new-secret-bytes", 16}, {"old-secret-bytes", 16}};
static const struct signing both = {{"k", 1}, secrets, 2}, old = {{"k", 1}, &secrets[1], 1};

static enum signed_verdict open_as(const char *host, const char *path, struct span query,
                                   struct span *rest)
{
    struct signed_target t = {span_of(host), span_of(path), query};
    return signed_url_open(&both, &t, NOW, rest);
}

static void what_was_signed_opens_for_its_host_path_and_query_alone(void **state)
{
    (void)state;
    static const char *const queries[] = {NULL, "a=1", "a=1&b=%26&c"};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        struct arena mem;
        struct span rest, query = queries[i] != NULL ? span_of(queries[i]) : SPAN_NONE;
        arena_init(&mem, 1 << 16);
        struct signed_target t = {SPAN("dl.example.com"), SPAN("/a/b"), query};
        struct span whole = signed_url_query(i == 1 ? &old : &both, &t, NOW + 1, &mem);
        assert_int_equal(open_as("DL.example.com", "/a/b", whole, &rest), SIGNED_GOOD);
        assert_true(span_eq(rest, query) && (rest.p == NULL) == (query.p == NULL));
        assert_int_equal(open_as("dl2.example.com", "/a/b", whole, &rest), SIGNED_WRONG);
        assert_int_equal(open_as("dl.example.com", "/a/c", whole, &rest), SIGNED_WRONG);
        char *copy = arena_cstr(&mem, whole);
        copy[0]++;
        assert_int_not_equal(open_as("dl.example.com", "/a/b", span_of(copy), &rest), SIGNED_GOOD);
        whole = signed_url_query(&both, &t, NOW, &mem);
        assert_int_equal(open_as("dl.example.com", "/a/b", whole, &rest), SIGNED_EXPIRED);
        arena_finish(&mem);
    }
}

/* printf 'dl.example.com\n/f?expires=1763700001' |
 *   openssl dgst -sha256 -hmac new-secret-bytes */
static void the_signature_is_the_plain_hmac(void **state)
{
    (void)state;
    struct span rest;
    struct span query = SPAN("expires=1763700001&signature="
                             "13982b8d3b09f753f813382902f1bc2703a68c44dfa0b0d5a66d5f111c81b9c9");
    assert_int_equal(open_as("dl.example.com", "/f", query, &rest), SIGNED_GOOD);
}

static void what_is_not_signed_is_not(void **state)
{
    (void)state;
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
    static const char *const queries[] = {
        "",
        "a=1",
        "signature=",
        "expires=1763700001",
        "signature=" ZEROS,
        "expires=1763700001&signature=0" ZEROS,
        "signature=" ZEROS "&expires=1763700001",
        "expires=soon&signature=" ZEROS,
        "expires=1763700001&signature=" ZEROS "&a=1",
    };
    struct span rest;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++)
        assert_int_equal(open_as("dl.example.com", "/f", span_of(queries[i]), &rest), SIGNED_NOT);
    assert_int_equal(open_as("dl.example.com", "/f", SPAN_NONE, &rest), SIGNED_NOT);
    assert_int_equal(
        open_as("dl.example.com", "/f", SPAN("expires=1763700001&signature=" ZEROS), &rest),
        SIGNED_WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_signed_opens_for_its_host_path_and_query_alone),
        cmocka_unit_test(the_signature_is_the_plain_hmac),
        cmocka_unit_test(what_is_not_signed_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
