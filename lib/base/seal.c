/* SPDX-License-Identifier: MIT
 * Keys from a file, and what they seal and open (libcrypto).
 *
 *   nonce (12 bytes) | ciphertext | tag (16 bytes)        in lower-case hex */
#include "lib/base/seal.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/whole_file.h"

#include <openssl/evp.h>

#define KEY_BYTES   32
#define NONCE_BYTES 12
#define TAG_BYTES   16
#define FILE_BYTES  4096
_Static_assert(NONCE_BYTES + TAG_BYTES == SEAL_BYTES, "what a seal adds");
_Static_assert(SEAL_KEYS_MAX *(2 * KEY_BYTES + 2) < FILE_BYTES, "all keys fit the file's bound");

struct key {
    char id[SEAL_ID_DIGITS + 1];
    uint8_t bytes[KEY_BYTES];
};

struct seal_keys {
    struct key v[SEAL_KEYS_MAX];
    size_t count;
};

/* ---- keys ---- */

/* A keyed digest of a constant: the key cannot be told from it. */
static void name_key(struct key *k)
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    digest_hmac_sha256(span_make(k->bytes, KEY_BYTES), SPAN("byeori secret_key_file id"), digest);
    digest_hex(digest, SEAL_ID_DIGITS / 2, k->id);
}

static bool add_key(struct seal_keys *keys, struct span line)
{
    struct key *k = &keys->v[keys->count];
    if (keys->count == SEAL_KEYS_MAX || !digest_unhex(line, k->bytes, KEY_BYTES))
        return false;
    name_key(k);
    keys->count++;
    return true;
}

static int read_lines(struct seal_keys *keys, struct span text, const char *file, struct buf *why)
{
    for (struct span rest = text; rest.p != NULL;) {
        struct span line = span_trim(span_cut(rest, '\n', &rest));
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n > 0 && !add_key(keys, line)) {
            buf_printf(why, "%s: each line is a key of %d hex digits, the newest first, at most %d",
                       file, 2 * KEY_BYTES, SEAL_KEYS_MAX);
            return ERR_CONFIG;
        }
    }
    if (keys->count > 0)
        return 0;
    buf_printf(why, "%s: there is no key in it", file);
    return ERR_CONFIG;
}

int seal_keys_read(struct seal_keys **out, const char *file, struct buf *why)
{
    struct buf text;
    struct seal_keys *keys = mem_zalloc(sizeof *keys);
    buf_init(&text, FILE_BYTES);
    int err = whole_file_read(file, &text);
    if (err != 0)
        buf_printf(why, "%s: %s", file, err_text(err));
    else
        err = read_lines(keys, buf_span(&text), file, why);
    buf_wipe(&text);
    if (err != 0)
        seal_keys_destroy(&keys);
    *out = keys;
    return err;
}

void seal_keys_destroy(struct seal_keys **pk)
{
    struct seal_keys *k = *pk;
    *pk = NULL;
    if (k == NULL)
        return;
    explicit_bzero(k, sizeof *k);
    mem_free(k);
}

static const struct key *key_of(const struct seal_keys *k, struct span id)
{
    for (size_t i = 0; k != NULL && i < k->count; i++)
        if (span_eq(span_of(k->v[i].id), id))
            return &k->v[i];
    return NULL;
}

struct span seal_id(const struct seal_keys *k)
{
    return span_of(k->v[0].id);
}

/* ---- sealing ---- */

static const unsigned char *bytes_of(struct span s)
{
    return (const unsigned char *)s.p;
}

/* At its beginning: the key, the nonce and what it is about. */
static EVP_CIPHER_CTX *cipher_of(const struct key *k, const uint8_t *nonce, struct span about,
                                 bool seals)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n;
    CHECK(c != NULL);
    CHECK(EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, k->bytes, nonce, seals) == 1);
    CHECK(EVP_CipherUpdate(c, NULL, &n, bytes_of(about), (int)about.n) == 1);
    return c;
}

static void add_hex(struct buf *out, const uint8_t *p, size_t n)
{
    char *to = buf_room(out, 2 * n + 1);
    if (to == NULL)
        return;
    digest_hex(p, n, to);
    buf_filled(out, 2 * n);
}

void seal_make(const struct seal_keys *k, struct span about, struct span text, struct buf *out)
{
    size_t size = text.n + SEAL_BYTES;
    uint8_t *sealed = mem_alloc(size), *at = sealed + NONCE_BYTES;
    int n = 0, rest;
    digest_random(sealed, NONCE_BYTES);
    EVP_CIPHER_CTX *c = cipher_of(&k->v[0], sealed, about, true);
    if (text.n > 0) /* without a text an update would be taken for the end */
        CHECK(EVP_CipherUpdate(c, at, &n, bytes_of(text), (int)text.n) == 1);
    CHECK(n == (int)text.n);
    CHECK(EVP_CipherFinal_ex(c, at + n, &rest) == 1 && rest == 0);
    CHECK(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, at + n) == 1);
    EVP_CIPHER_CTX_free(c);
    add_hex(out, sealed, size);
    mem_free(sealed);
}

/* sealed: size bytes, at least SEAL_BYTES; its tag is looked at before text is anybody's. */
static bool open_bytes(const struct key *k, struct span about, uint8_t *sealed, size_t size,
                       uint8_t *text)
{
    size_t bytes = size - SEAL_BYTES;
    uint8_t *tag = sealed + size - TAG_BYTES;
    int n, rest;
    EVP_CIPHER_CTX *c = cipher_of(k, sealed, about, false);
    bool is_right =
        (bytes == 0 || EVP_CipherUpdate(c, text, &n, sealed + NONCE_BYTES, (int)bytes) == 1) &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
        EVP_CipherFinal_ex(c, text + n, &rest) == 1;
    EVP_CIPHER_CTX_free(c);
    return is_right;
}

int seal_open(const struct seal_keys *k, const struct sealed *s, struct buf *out)
{
    const struct key *key = key_of(k, s->key_id);
    size_t size = s->hex.n / 2;
    int err = 0;
    if (key == NULL)
        return ERR_NOT_FOUND;
    if (s->hex.n % 2 != 0 || size < SEAL_BYTES)
        return ERR_CORRUPT;
    uint8_t *sealed = mem_try_alloc(size);
    size_t bytes = size - SEAL_BYTES;
    uint8_t *text = (uint8_t *)buf_room(out, bytes > 0 ? bytes : 1);
    if (sealed == NULL || text == NULL)
        err = ERR_TOO_BIG;
    else if (!digest_unhex(s->hex, sealed, size) || !open_bytes(key, s->about, sealed, size, text))
        err = ERR_CORRUPT;
    else
        buf_filled(out, bytes);
    mem_free(sealed);
    return err;
}
