/* SPDX-License-Identifier: MIT
 * The examples that Amazon publishes for S3 ("Signature Calculations for the Authorization Header"
 * and "Authenticating Requests: Using Query Parameters"). */
#include "origin/connect/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define EMPTY_HASH SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
#define MAY_24     1369353600

static const struct sigv4_key key = {
    .access_key = {"AKIAIOSFODNN7EXAMPLE", 20},
    .secret = {"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40},
    .region = {"us-east-1", 9},
};

static struct sigv4_request request_of(const char *method, const char *path)
{
    return (struct sigv4_request){.method = span_of(method),
                                  .host = SPAN("examplebucket.s3.amazonaws.com"),
                                  .path = span_of(path),
                                  .payload_hash = EMPTY_HASH};
}

static void assert_signature(const struct sigv4_request *r, const char *names,
                             const char *signature)
{
    struct arena mem;
    struct sigv4_signed out;
    arena_init(&mem, 64 << 10);
    sigv4_sign(&key, r, MAY_24, &mem, &out);
    struct span expected = arena_printf(
        &mem,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=%s,Signature=%s",
        names, signature);
    assert_string_equal(arena_cstr(&mem, out.authorization), arena_cstr(&mem, expected));
    assert_true(span_eq(out.date, SPAN("20130524T000000Z")));
    arena_finish(&mem);
}

static void a_ranged_get(void **state)
{
    (void)state;
    struct sigv4_pair range = {SPAN("range"), SPAN("bytes=0-9")};
    struct sigv4_request r = request_of("GET", "/test.txt");
    r.fields = &range;
    r.fields_count = 1;
    assert_signature(&r, "host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void a_put_with_a_dollar_in_its_name(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem, 4096);
    struct sigv4_pair fields[] = {
        {SPAN("x-amz-storage-class"), SPAN("REDUCED_REDUNDANCY")},
        {SPAN("date"), SPAN("Fri, 24 May 2013 00:00:00 GMT")},
    };
    struct sigv4_request r = request_of("PUT", "");
    r.path = sigv4_encode_path(SPAN("/test$file.text"), &mem);
    r.fields = fields;
    r.fields_count = 2;
    r.payload_hash = SPAN("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    assert_signature(&r, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    arena_finish(&mem);
}

static void a_query_without_a_value(void **state)
{
    (void)state;
    struct sigv4_pair query = {SPAN("lifecycle"), SPAN("")};
    struct sigv4_request r = request_of("GET", "/");
    r.query = &query;
    r.query_count = 1;
    assert_signature(&r, "host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void a_listing(void **state)
{
    (void)state;
    struct sigv4_pair query[] = {{SPAN("prefix"), SPAN("J")}, {SPAN("max-keys"), SPAN("2")}};
    struct sigv4_request r = request_of("GET", "/");
    r.query = query;
    r.query_count = 2;
    assert_signature(&r, "host;x-amz-content-sha256;x-amz-date",
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void a_path_keeps_its_slashes_and_nothing_else(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem, 4096);
    struct span path = sigv4_encode_path(SPAN("/a b/\xc3\xa4+~*'"), &mem);
    assert_true(span_eq(path, SPAN("/a%20b/%C3%A4%2B~%2A%27")));
    assert_true(span_eq(sigv4_encode(SPAN("a/b"), &mem), SPAN("a%2Fb")));
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ranged_get),
        cmocka_unit_test(a_put_with_a_dollar_in_its_name),
        cmocka_unit_test(a_query_without_a_value),
        cmocka_unit_test(a_listing),
        cmocka_unit_test(a_path_keeps_its_slashes_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
