/* SPDX-License-Identifier: MIT */
#include "lib/base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char *hex(const uint8_t p[DIGEST_SHA256_BYTES])
{
    static char out[2 * DIGEST_SHA256_BYTES + 1];
    digest_hex(p, DIGEST_SHA256_BYTES, out);
    return out;
}

static void sha256_gives_the_published_values(void **state)
{
    (void)state; /* FIPS 180-4 examples */
    uint8_t out[DIGEST_SHA256_BYTES];
    digest_sha256(SPAN("abc"), out);
    assert_string_equal(hex(out),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256(SPAN_NONE, out);
    assert_string_equal(hex(out),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_stream_gives_what_the_whole_gives(void **state)
{
    (void)state;
    uint8_t whole[DIGEST_SHA256_BYTES], parts[DIGEST_SHA256_BYTES];
    digest_sha256(SPAN("hello world"), whole);
    struct digest_stream *d = digest_sha256_create();
    digest_add(d, "hello", 5);
    digest_add(d, NULL, 0);
    digest_add(d, " world", 6);
    digest_end(&d, parts);
    assert_null(d);
    assert_memory_equal(whole, parts, sizeof(whole));
}

static void hmac_gives_the_published_values(void **state)
{
    (void)state; /* RFC 4231 s.4.3; and an empty key */
    uint8_t out[DIGEST_SHA256_BYTES];
    digest_hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"), out);
    assert_string_equal(hex(out),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    digest_hmac_sha256(SPAN_NONE, SPAN_NONE, out);
    assert_string_equal(hex(out),
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void secrets_are_compared_whole(void **state)
{
    (void)state;
    assert_true(digest_is_equal(SPAN("secret"), SPAN("secret")));
    assert_false(digest_is_equal(SPAN("secret"), SPAN("secreT")));
    assert_false(digest_is_equal(SPAN("secret"), SPAN("secre")));
    assert_true(digest_is_equal(SPAN_NONE, SPAN("")));
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    digest_random(a, sizeof(a));
    digest_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(a_stream_gives_what_the_whole_gives),
        cmocka_unit_test(hmac_gives_the_published_values),
        cmocka_unit_test(secrets_are_compared_whole),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
