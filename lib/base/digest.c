/* SPDX-License-Identifier: MIT */

/* SHA-256, SHA-1, MD5 and HMAC through libcrypto's EVP. An algorithm is looked up once in a
 * process: a lookup costs more than the digest of a short text. Any thread; a stream by one at a
 * time. */
#include "lib/base/digest.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define DIGEST_STREAM_MAGIC 0x5ad1e257U

struct digest_stream {
    uint32_t magic;
    EVP_MD_CTX *ctx;
};

static EVP_MD *sha256, *sha1, *md5;
static pthread_once_t fetched_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    CHECK(sha256 != NULL && sha1 != NULL);
}

static const EVP_MD *sha256_get(void)
{
    pthread_once(&fetched_once, fetch);
    return sha256;
}

void digest_sha256(struct span data, uint8_t out[DIGEST_SHA256_BYTES])
{
    CHECK(EVP_Digest(data.n > 0 ? data.p : "", data.n, out, NULL, sha256_get(), NULL) == 1);
}

void digest_hmac_sha256(struct span key, struct span data, uint8_t out[DIGEST_SHA256_BYTES])
{
    CHECK(key.n <= INT_MAX);
    const void *message = data.n > 0 ? data.p : "";
    CHECK(HMAC(sha256_get(), key.n > 0 ? key.p : "", (int)key.n, message, data.n, out, NULL) !=
          NULL);
}

static struct digest_stream *create(const EVP_MD *algorithm)
{
    struct digest_stream *d = mem_alloc(sizeof(*d));
    *d = (struct digest_stream){.magic = DIGEST_STREAM_MAGIC, .ctx = EVP_MD_CTX_new()};
    CHECK(d->ctx != NULL && EVP_DigestInit_ex2(d->ctx, algorithm, NULL) == 1);
    return d;
}

struct digest_stream *digest_sha256_create(void)
{
    return create(sha256_get());
}

struct digest_stream *digest_sha1_create(void)
{
    pthread_once(&fetched_once, fetch);
    return create(sha1);
}

struct digest_stream *digest_md5_create(void)
{
    pthread_once(&fetched_once, fetch);
    CHECK(md5 != NULL);
    return create(md5);
}

void digest_add(struct digest_stream *d, const void *p, size_t n)
{
    CHECK_OBJ(d, DIGEST_STREAM_MAGIC);
    CHECK(n == 0 || EVP_DigestUpdate(d->ctx, p, n) == 1);
}

void digest_end(struct digest_stream **d, uint8_t *out)
{
    struct digest_stream *s = *d;
    *d = NULL;
    CHECK_OBJ(s, DIGEST_STREAM_MAGIC);
    CHECK(EVP_DigestFinal_ex(s->ctx, out, NULL) == 1);
    EVP_MD_CTX_free(s->ctx);
    s->magic = 0;
    mem_free(s);
}

void digest_hex(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_unhex(struct span hex, uint8_t *out, size_t n)
{
    if (hex.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(hex.p[2 * i]), low = hex_digit(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void digest_base64(const uint8_t *p, size_t n, char *out)
{
    CHECK(n <= INT_MAX / 2);
    (void)EVP_EncodeBlock((unsigned char *)out, p, (int)n);
}

bool digest_unbase64(struct span text, uint8_t *out, size_t n)
{
    uint8_t bytes[DIGEST_UNBASE64_MAX + 3]; /* with what padding stands for */
    size_t padding = (3 - n % 3) % 3;
    CHECK(n <= DIGEST_UNBASE64_MAX);
    if (text.n != DIGEST_BASE64_ROOM(n) - 1 ||
        EVP_DecodeBlock(bytes, (const unsigned char *)text.p, (int)text.n) != (int)(n + padding))
        return false;
    for (size_t i = 1; i <= 2; i++)
        if ((text.p[text.n - i] == '=') != (i <= padding))
            return false;
    memcpy(out, bytes, n);
    return true;
}

bool digest_is_equal(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void digest_random(void *out, size_t n)
{
    uint8_t *at = out;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        CHECK(got > 0 || (got < 0 && errno == EINTR));
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}
