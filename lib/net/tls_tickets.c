/* SPDX-License-Identifier: MIT
 * Keys of session tickets: AES-256-CBC and HMAC-SHA-256 over OpenSSL's own ticket format (RFC 5077
 * s.4). Where the keys come from is the caller's choice, when they turn his clock. Threads: any. */
#include "lib/net/tls_tickets.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/whole_file.h"
#include "lib/net/tls_inner.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>

#define IV_BYTES     16
#define OWN_KEYS     3 /* the newest, and those whose tickets are still good */
#define LIFETIME_SEC (2 * TLS_TICKET_TURN_MS / MSEC_PER_SEC)

/* As it lies in a file: the order of nginx, so that its files do. */
struct ticket_key {
    unsigned char name[16], mac[32], cipher[32];
};
_Static_assert(sizeof(struct ticket_key) == TLS_TICKET_KEY_BYTES, "the format of key files");

struct tls_tickets {
    _Atomic int refs;
    pthread_mutex_t lock; /* over what follows */
    bool is_shared;
    msec_t turned_at;
    int count;
    struct ticket_key keys[TLS_TICKET_KEYS_MAX];
};

/* Under the lock. */
static void add_random_key(struct tls_tickets *t, msec_t now)
{
    int kept = t->count < OWN_KEYS - 1 ? t->count : OWN_KEYS - 1;
    memmove(&t->keys[1], &t->keys[0], (size_t)kept * sizeof(t->keys[0]));
    CHECK(RAND_priv_bytes((unsigned char *)&t->keys[0], sizeof(t->keys[0])) == 1);
    t->count = kept + 1;
    t->turned_at = now;
}

struct tls_tickets *tls_tickets_create(void)
{
    struct tls_tickets *t = mem_zalloc(sizeof(*t));
    t->refs = 1;
    pthread_mutex_init(&t->lock, NULL);
    add_random_key(t, clock_mono_ms());
    return t;
}

void tls_tickets_ref(struct tls_tickets *t)
{
    CHECK(t->refs++ > 0);
}

void tls_tickets_unref(struct tls_tickets **pt)
{
    struct tls_tickets *t = *pt;
    *pt = NULL;
    if (t == NULL || --t->refs > 0)
        return;
    pthread_mutex_destroy(&t->lock);
    OPENSSL_cleanse(t->keys, sizeof(t->keys));
    mem_free(t);
}

static void use_own_key(struct tls_tickets *t)
{
    pthread_mutex_lock(&t->lock);
    if (t->is_shared) { /* others may know the keys that there are */
        t->count = 0;
        add_random_key(t, clock_mono_ms());
    }
    t->is_shared = false;
    pthread_mutex_unlock(&t->lock);
}

static bool is_whole(size_t bytes)
{
    return bytes > 0 && bytes % sizeof(struct ticket_key) == 0 &&
           bytes / sizeof(struct ticket_key) <= TLS_TICKET_KEYS_MAX;
}

int tls_tickets_set(struct tls_tickets *t, struct span keys, struct buf *why)
{
    if (!is_whole(keys.n)) {
        buf_printf(why, "not 1 to %d ticket keys of %d bytes each\n", TLS_TICKET_KEYS_MAX,
                   TLS_TICKET_KEY_BYTES);
        return ERR_CERTIFICATE;
    }
    pthread_mutex_lock(&t->lock);
    memcpy(t->keys, keys.p, keys.n);
    t->count = (int)(keys.n / sizeof(struct ticket_key));
    t->is_shared = true;
    pthread_mutex_unlock(&t->lock);
    return 0;
}

int tls_tickets_load(struct tls_tickets *t, const char *file, struct buf *why)
{
    struct buf keys;
    if (file == NULL || file[0] == '\0') {
        use_own_key(t);
        return 0;
    }
    buf_init(&keys, (TLS_TICKET_KEYS_MAX + 1) * sizeof(struct ticket_key));
    int err = whole_file_read(file, &keys);
    if (err != 0 && err != ERR_TOO_BIG) {
        buf_printf(why, "%s: %s\n", file, strerrordesc_np(errno));
        err = ERR_CERTIFICATE;
    } else {
        if (!is_whole(keys.n))
            buf_printf(why, "%s: ", file);
        err = tls_tickets_set(t, buf_span(&keys), why);
    }
    buf_wipe(&keys);
    return err;
}

void tls_tickets_turn(struct tls_tickets *t, msec_t now)
{
    pthread_mutex_lock(&t->lock);
    if (!t->is_shared && now - t->turned_at >= TLS_TICKET_TURN_MS)
        add_random_key(t, now);
    pthread_mutex_unlock(&t->lock);
}

/* The key that seals (name NULL) or the one of that name; its place, or -1. */
static int find_key(struct tls_tickets *t, const unsigned char *name, struct ticket_key *out)
{
    int found = name == NULL ? 0 : -1;
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < t->count && found < 0; i++)
        if (memcmp(t->keys[i].name, name, sizeof(t->keys[i].name)) == 0)
            found = i;
    if (found >= 0)
        *out = t->keys[found];
    pthread_mutex_unlock(&t->lock);
    return found;
}

static bool set_up(struct ticket_key *k, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, bool seals)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, seals) == 1 &&
           EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* What OpenSSL wants: 1 go on, 2 go on and give a new ticket, 0 a full handshake, -1 broken. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
                     EVP_CIPHER_CTX *cipher, /* limit: OpenSSL's callback */
                     EVP_MAC_CTX *mac, int seals)
{
    struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key k;
    int at = find_key(t, seals ? NULL : name, &k);
    if (at < 0)
        return 0;
    if (seals) {
        memcpy(name, k.name, sizeof(k.name));
        if (RAND_bytes(iv, IV_BYTES) != 1)
            return -1;
    }
    bool is_good = set_up(&k, iv, cipher, mac, seals);
    OPENSSL_cleanse(&k, sizeof(k));
    if (!is_good)
        return -1;
    /* TLS 1.3 tickets are for one use, so that nobody on the way can link two connections. */
    return !seals && (at > 0 || SSL_version(ssl) == TLS1_3_VERSION) ? 2 : 1;
}

void tls_tickets_use(struct tls_tickets *t, SSL_CTX *c)
{
    CHECK(SSL_CTX_set_app_data(c, t) == 1);
    CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(c, on_ticket) == 1);
    CHECK(SSL_CTX_set_num_tickets(c, 1) == 1);
    SSL_CTX_set_timeout(c, (long)LIFETIME_SEC);
}
