/* SPDX-License-Identifier: MIT */
#include "lib/net/tls_seal.h"

#include "lib/base/check.h"

#include <linux/tls.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct loop *loop;

static int begin(void **state)
{
    (void)state;
    loop = loop_create();
    return loop != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    loop_destroy(&loop);
    return 0;
}

static struct tls12_crypto_info_aes_gcm_128 keys_of(const unsigned char *key,
                                                    const unsigned char *nonce)
{
    struct tls12_crypto_info_aes_gcm_128 k = {
        .info = {.version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128}};
    memcpy(k.key, key, sizeof(k.key));
    memcpy(k.salt, nonce, sizeof(k.salt));
    memcpy(k.iv, nonce + sizeof(k.salt), sizeof(k.iv));
    return k;
}

static struct tls_seal *seal_of(unsigned number)
{
    unsigned char key[16] = {(unsigned char)number, (unsigned char)(number >> 8)}, nonce[12] = {1};
    struct tls12_crypto_info_aes_gcm_128 keys = keys_of(key, nonce);
    struct tls_seal *s = tls_seal_create(loop, &keys);
    assert_non_null(s);
    return s;
}

static void a_record_is_as_in_rfc_8448(void **state)
{
    /* s.3: the client's first application data, 50 bytes of 0, 1, 2 ... */
    static const unsigned char key[] = {0x17, 0x42, 0x2d, 0xda, 0x59, 0x6e, 0xd5, 0xd9,
                                        0xac, 0xd8, 0x90, 0xe3, 0xc6, 0x3f, 0x50, 0x51};
    static const unsigned char nonce[] = {0x5b, 0x78, 0x92, 0x3d, 0xee, 0x08,
                                          0x57, 0x90, 0x33, 0xe5, 0x23, 0xd9};
    static const unsigned char sealed[] = {
        0x17, 0x03, 0x03, 0x00, 0x43, 0xa2, 0x3f, 0x70, 0x54, 0xb6, 0x2c, 0x94, 0xd0, 0xaf, 0xfa,
        0xfe, 0x82, 0x28, 0xba, 0x55, 0xcb, 0xef, 0xac, 0xea, 0x42, 0xf9, 0x14, 0xaa, 0x66, 0xbc,
        0xab, 0x3f, 0x2b, 0x98, 0x19, 0xa8, 0xa5, 0xb4, 0x6b, 0x39, 0x5b, 0xd5, 0x4a, 0x9a, 0x20,
        0x44, 0x1e, 0x2b, 0x62, 0x97, 0x4e, 0x1f, 0x5a, 0x62, 0x92, 0xa2, 0x97, 0x70, 0x14, 0xbd,
        0x1e, 0x3d, 0xea, 0xe6, 0x3a, 0xee, 0xbb, 0x21, 0x69, 0x49, 0x15, 0xe4};
    struct tls12_crypto_info_aes_gcm_128 keys = keys_of(key, nonce);
    struct tls_seal *s = tls_seal_create(loop, &keys);
    unsigned char plain[50];
    (void)state;
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (unsigned char)i;
    struct iovec v = {plain, sizeof(plain)};
    unsigned char *room = tls_seal_room(s);
    assert_int_equal(tls_seal_record(s, TLS_RECORD_DATA, &v, 1, room), sizeof(sealed));
    assert_memory_equal(room, sealed, sizeof(sealed));
    tls_seal_destroy(&s);
    assert_null(s);
}

static void however_its_bytes_lie_the_record_is_the_same(void **state)
{
    static unsigned char plain[TLS_PLAIN_MAX], whole[TLS_SEALED_MAX], cut[TLS_SEALED_MAX];
    enum { PIECES = 24 };
    (void)state;
    srandom(3);
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (unsigned char)random();
    struct tls_seal *one = seal_of(1), *other = seal_of(1);
    for (int round = 0; round < 300; round++) {
        size_t all = (size_t)random() % (sizeof(plain) + 1), at = 0;
        struct iovec v[PIECES], together = {plain, all};
        for (int i = 0; i < PIECES; i++) {
            size_t n = (size_t)random() % (random() % 3 == 0 ? 3000 : 40);
            n = i + 1 == PIECES || n > all - at ? all - at : n;
            v[i] = (struct iovec){plain + at, n};
            at += n;
        }
        size_t n = tls_seal_record(one, TLS_RECORD_DATA, &together, 1, whole);
        assert_int_equal(n, all + TLS_SEALED_ADD);
        assert_int_equal(tls_seal_record(other, TLS_RECORD_DATA, v, PIECES, cut), n);
        assert_memory_equal(whole, cut, n);
    }
    tls_seal_destroy(&one);
    tls_seal_destroy(&other);
}

static void more_connections_than_the_loop_has_ciphers_for_do_not_mix(void **state)
{
    enum { SEALS = 600, ROUNDS = 3, BYTES = 100 };
    static unsigned char expected[SEALS][ROUNDS][BYTES + TLS_SEALED_ADD];
    static unsigned char got[BYTES + TLS_SEALED_ADD], plain[BYTES];
    struct tls_seal *seals[SEALS];
    struct iovec v = {plain, BYTES};
    (void)state;
    for (unsigned i = 0; i < SEALS; i++) { /* each alone */
        struct tls_seal *s = seal_of(i);
        for (int k = 0; k < ROUNDS; k++)
            (void)tls_seal_record(s, TLS_RECORD_DATA, &v, 1, expected[i][k]);
        tls_seal_destroy(&s);
    }
    for (unsigned i = 0; i < SEALS; i++)
        seals[i] = seal_of(i);
    for (int k = 0; k < ROUNDS; k++)
        for (unsigned i = 0; i < SEALS; i++) {
            (void)tls_seal_record(seals[i], TLS_RECORD_DATA, &v, 1, got);
            assert_memory_equal(got, expected[i][k], sizeof(got));
        }
    for (unsigned i = 0; i < SEALS; i++)
        tls_seal_destroy(&seals[i]);
}

static void what_is_not_tls_1_3_or_not_known_is_left_to_others(void **state)
{
    struct tls12_crypto_info_aes_gcm_128 keys = {
        .info = {.version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128}};
    (void)state;
    assert_null(tls_seal_create(loop, &keys));
    keys.info = (struct tls_crypto_info){TLS_1_3_VERSION, TLS_CIPHER_AES_CCM_128};
    assert_null(tls_seal_create(loop, &keys));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_record_is_as_in_rfc_8448),
        T(however_its_bytes_lie_the_record_is_the_same),
        T(more_connections_than_the_loop_has_ciphers_for_do_not_mix),
        T(what_is_not_tls_1_3_or_not_known_is_left_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
