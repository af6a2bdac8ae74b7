/* SPDX-License-Identifier: MIT */
#include "lib/base/seal.h"

#include "lib/base/err.h"
#include "tests/unit/lib/base/seal_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void a_sealed_text_opens_only_whole_and_in_its_place(void **state)
{
    (void)state;
    struct seal_keys *keys;
    struct buf hex, again, text;
    buf_init(&hex, 4096);
    buf_init(&again, 4096);
    buf_init(&text, 4096);
    assert_int_equal(seal_read_keys(SEAL_NEW SEAL_OLD, &keys, &text), 0);
    seal_make(keys, SPAN("one"), SPAN("a private key"), &hex);
    seal_make(keys, SPAN("one"), SPAN("a private key"), &again);
    assert_false(span_eq(buf_span(&hex), buf_span(&again)));
    assert_int_equal(hex.n, 2 * (SEAL_BYTES + strlen("a private key")));
    struct sealed s = {seal_id(keys), SPAN("one"), buf_span(&hex)};
    assert_int_equal(seal_open(keys, &s, &text), 0);
    assert_true(span_eq(buf_span(&text), SPAN("a private key")));
    struct sealed other = {s.key_id, SPAN("two"), s.hex};
    assert_int_equal(seal_open(keys, &other, &text), ERR_CORRUPT);
    for (size_t i = 0; i < hex.n; i++) {
        char was = hex.p[i];
        hex.p[i] = was == '0' ? '1' : '0';
        assert_int_equal(seal_open(keys, &s, &text), ERR_CORRUPT);
        hex.p[i] = was;
    }
    for (size_t n = 0; n < hex.n; n++) {
        struct sealed cut = {s.key_id, s.about, span_make(hex.p, n)};
        assert_int_equal(seal_open(keys, &cut, &text), ERR_CORRUPT);
    }
    assert_int_equal(seal_open(NULL, &s, &text), ERR_NOT_FOUND);
    seal_keys_destroy(&keys);
    buf_finish(&hex);
    buf_finish(&again);
    buf_finish(&text);
}

static void a_file_of_keys_has_keys_and_nothing_else(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n\n",
        "0011",
        "x" SEAL_OLD,
        SEAL_OLD "# a comment\n",
        SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD
            SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD SEAL_OLD};
    struct seal_keys *keys;
    struct buf why;
    buf_init(&why, 4096);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&why);
        assert_int_equal(seal_read_keys(bad[i], &keys, &why), ERR_CONFIG);
        assert_null(keys);
        assert_true(why.n > 0 && memmem(why.p, why.n, "00112233", 8) == NULL);
    }
    assert_int_equal(seal_keys_read(&keys, "/tmp/there/is/no/such", &why), ERR_NOT_FOUND);
    buf_finish(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_text_opens_only_whole_and_in_its_place),
        cmocka_unit_test(a_file_of_keys_has_keys_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
