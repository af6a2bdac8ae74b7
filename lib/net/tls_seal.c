/* SPDX-License-Identifier: MIT
 * Sealing records of TLS 1.3 (RFC 8446 s.5.2). OpenSSL copies what it seals into a buffer of its
 * own, and sends each record by itself; here bytes are sealed from where they stand into a room of
 * several records, which then go in one system call. Agreeing on keys, and all that comes in, stay
 * OpenSSL's: it offers its keys to a kernel that would seal, and is answered by us.
 *
 * A cipher's state (a kilobyte with OpenSSL's own parts) belongs to the loop: an idle connection
 * has none, and a busy one keeps the one that it used last, until CONTEXTS others came after it.
 * On the loop's thread. */
#include "lib/net/tls_seal.h"

#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "lib/net/loop_part.h"

#include <linux/tls.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define CONTEXTS      256
#define HEAD_BYTES    5
#define TAG_BYTES     16
#define NONCE_BYTES   12
#define KEY_MAX_BYTES 32
/* Pieces that are shorter are copied together, and sealed at once: a call for each costs more. */
#define GATHERED_BYTES 1024

struct context {
    struct list link; /* in the pool, in order of use */
    EVP_CIPHER_CTX *evp;
    struct tls_seal *user; /* whose key it has */
};

struct pool {
    struct loop_part part;
    struct list contexts; /* the one that was not used for longest is the first */
    int count;
    unsigned char room[TLS_SEAL_ROOM];
};

struct tls_seal {
    struct pool *pool;
    struct context *context; /* NULL: lost to others */
    const EVP_CIPHER *cipher;
    uint64_t number; /* of the next record */
    unsigned char iv[NONCE_BYTES], key[KEY_MAX_BYTES];
};

/* Looked up once: OpenSSL's own look-up takes a lock at each use. */
static EVP_CIPHER *aes_128, *aes_256, *chacha20;

static void fetch_ciphers(void)
{
    aes_128 = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    aes_256 = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    chacha20 = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
}

static void drop(struct context *c)
{
    list_remove(&c->link);
    EVP_CIPHER_CTX_free(c->evp);
    mem_free(c);
}

static void part_finish(struct loop_part *part)
{
    struct pool *p = CONTAINER_OF(part, struct pool, part);
    while (!list_is_empty(&p->contexts))
        drop(LIST_THING(p->contexts.next, struct context, link));
    mem_free(p);
}

static struct pool *pool_of(struct loop *l)
{
    struct loop_part **at = loop_part_at(l, LOOP_PART_SEALS);
    if (*at == NULL) {
        struct pool *p = mem_zalloc(sizeof(*p));
        p->part.finish = part_finish;
        list_init(&p->contexts);
        *at = &p->part;
    }
    return CONTAINER_OF(*at, struct pool, part);
}

/* ---- keys ---- */

static void set_keys(struct tls_seal *s, const void *iv, const void *key, const void *number)
{
    const unsigned char *n = number;
    memcpy(s->iv, iv, NONCE_BYTES);
    memcpy(s->key, key, (size_t)EVP_CIPHER_get_key_length(s->cipher));
    for (int i = 0; i < 8; i++)
        s->number = s->number << 8 | n[i];
}

/* The kernel takes the nonce of a cipher of AES in two parts. */
static void set_gcm_keys(struct tls_seal *s, const unsigned char *salt, const unsigned char *iv,
                         const unsigned char *key, const unsigned char *number)
{
    unsigned char nonce[NONCE_BYTES];
    memcpy(nonce, salt, TLS_CIPHER_AES_GCM_128_SALT_SIZE);
    memcpy(nonce + TLS_CIPHER_AES_GCM_128_SALT_SIZE, iv, TLS_CIPHER_AES_GCM_128_IV_SIZE);
    set_keys(s, nonce, key, number);
}

static bool read_keys(struct tls_seal *s, const struct tls_crypto_info *info)
{
    const struct tls12_crypto_info_aes_gcm_128 *small = (const void *)info;
    const struct tls12_crypto_info_aes_gcm_256 *large = (const void *)info;
    const struct tls12_crypto_info_chacha20_poly1305 *chacha = (const void *)info;
    if (info->version != TLS_1_3_VERSION)
        return false;
    switch (info->cipher_type) {
    case TLS_CIPHER_AES_GCM_128:
        s->cipher = aes_128;
        if (s->cipher != NULL)
            set_gcm_keys(s, small->salt, small->iv, small->key, small->rec_seq);
        break;
    case TLS_CIPHER_AES_GCM_256:
        s->cipher = aes_256;
        if (s->cipher != NULL)
            set_gcm_keys(s, large->salt, large->iv, large->key, large->rec_seq);
        break;
    case TLS_CIPHER_CHACHA20_POLY1305:
        s->cipher = chacha20;
        if (s->cipher != NULL)
            set_keys(s, chacha->iv, chacha->key, chacha->rec_seq);
        break;
    default:
        break;
    }
    return s->cipher != NULL;
}

struct tls_seal *tls_seal_create(struct loop *l, const void *keys)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls_seal *s = mem_zalloc(sizeof(*s));
    pthread_once(&once, fetch_ciphers);
    s->pool = pool_of(l);
    if (!read_keys(s, keys))
        tls_seal_destroy(&s);
    return s;
}

void tls_seal_destroy(struct tls_seal **ps)
{
    struct tls_seal *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    if (s->context != NULL) {
        s->pool->count--;
        drop(s->context);
    }
    OPENSSL_cleanse(s, sizeof(*s));
    mem_free(s);
}

/* ---- records ---- */

/* A new one, or the one that was not used for longest. In no list. */
static struct context *take_context(struct pool *p)
{
    struct context *c;
    if (p->count == CONTEXTS) {
        c = LIST_THING(p->contexts.next, struct context, link);
        list_remove(&c->link);
        c->user->context = NULL;
        return c;
    }
    c = mem_zalloc(sizeof(*c));
    c->evp = EVP_CIPHER_CTX_new();
    CHECK(c->evp != NULL);
    list_init(&c->link);
    p->count++;
    return c;
}

/* The cipher with the key of s in it. */
static EVP_CIPHER_CTX *cipher_of(struct tls_seal *s)
{
    struct list *contexts = &s->pool->contexts;
    if (s->context == NULL) {
        struct context *c = take_context(s->pool);
        CHECK(EVP_EncryptInit_ex2(c->evp, s->cipher, s->key, NULL, NULL) == 1);
        c->user = s;
        s->context = c;
        list_push_back(contexts, &c->link);
    } else if (contexts->prev != &s->context->link) {
        list_remove(&s->context->link);
        list_push_back(contexts, &s->context->link);
    }
    return s->context->evp;
}

/* For the next record: a nonce is never used twice (s.5.3). */
static void begin_record(struct tls_seal *s, EVP_CIPHER_CTX *evp, const unsigned char *head)
{
    unsigned char nonce[NONCE_BYTES];
    int n;
    CHECK(s->number != UINT64_MAX);
    memcpy(nonce, s->iv, NONCE_BYTES);
    for (int i = 0; i < 8; i++)
        nonce[NONCE_BYTES - 1 - i] ^= (unsigned char)(s->number >> (8 * i));
    s->number++;
    CHECK(EVP_EncryptInit_ex2(evp, NULL, NULL, nonce, NULL) == 1);
    CHECK(EVP_EncryptUpdate(evp, NULL, &n, head, HEAD_BYTES) == 1);
}

static void encrypt(EVP_CIPHER_CTX *evp, unsigned char *out, const void *p, size_t bytes)
{
    int n;
    if (bytes > 0)
        CHECK(EVP_EncryptUpdate(evp, out, &n, p, (int)bytes) == 1 && (size_t)n == bytes);
}

size_t tls_seal_record(struct tls_seal *s, enum tls_record_type type, const struct iovec *v,
                       int count, unsigned char *out)
{
    size_t bytes = 0, at = HEAD_BYTES, from = HEAD_BYTES; /* [from, at) is there, not yet sealed */
    int n;
    for (int i = 0; i < count; i++)
        bytes += v[i].iov_len;
    CHECK(bytes <= TLS_PLAIN_MAX);
    size_t length = bytes + 1 + TAG_BYTES;
    out[0] = TLS_RECORD_DATA;
    out[1] = out[2] = 3;
    out[3] = (unsigned char)(length >> 8);
    out[4] = (unsigned char)length;
    EVP_CIPHER_CTX *evp = cipher_of(s);
    begin_record(s, evp, out);
    for (int i = 0; i < count; i++) {
        if (v[i].iov_len >= GATHERED_BYTES) {
            encrypt(evp, out + from, out + from, at - from);
            encrypt(evp, out + at, v[i].iov_base, v[i].iov_len);
            from = at + v[i].iov_len;
        } else if (v[i].iov_len > 0) {
            memcpy(out + at, v[i].iov_base, v[i].iov_len);
        }
        at += v[i].iov_len;
    }
    out[at++] = (unsigned char)type;
    encrypt(evp, out + from, out + from, at - from);
    CHECK(EVP_EncryptFinal_ex(evp, out + at, &n) == 1 && n == 0);
    CHECK(EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + at) == 1);
    return HEAD_BYTES + length;
}

unsigned char *tls_seal_room(struct tls_seal *s)
{
    return s->pool->room;
}
