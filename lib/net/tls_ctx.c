/* SPDX-License-Identifier: MIT
 * TLS settings over OpenSSL 3. A server has one SSL_CTX a certificate, because SNI is answered by
 * changing the context; everything else in them is the same. Certificates of peers are verified by
 * OpenSSL; conn_tls.c runs the connections.
 *
 * Session tickets are on (their keys live and die with the set); the session cache is off: it is
 * one lock for all workers and tickets do its work.
 *
 * Threads: made by one; then immutable but for an atomic count. */
#include "lib/net/tls_ctx.h"

#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/net/tls_inner.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#define NAME_MAX_BYTES 255 /* RFC 1035 */
#define ALPN_MAX_BYTES 255
/* TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others. */
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_server {
    atomic_int refs;
    size_t count;
    SSL_CTX **contexts; /* one a certificate, in the order given */
    struct map *names;  /* lower case, as in the certificate ("*." kept) -> SSL_CTX */
    unsigned char alpn[ALPN_MAX_BYTES]; /* wire form: length, bytes, length, bytes */
    unsigned alpn_bytes;
};

struct tls_client {
    atomic_int refs;
    SSL_CTX *context;
};

/* What OpenSSL says of these means little to who mistyped the name of a file. */
static const char *plain_words(unsigned long code, const char *otherwise)
{
    int library = ERR_GET_LIB(code), reason = ERR_GET_REASON(code);
    if (code == 0 || (library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
        (library == ERR_LIB_X509 && reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
        return otherwise;
    if (library == ERR_LIB_X509 &&
        (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH))
        return "does not belong to the certificate";
    if (ERR_SYSTEM_ERROR(code))
        return strerrordesc_np(reason);
    return NULL;
}

char *tls_error_text(const char *otherwise)
{
    const char *data = NULL;
    int flags = 0;
    char *text;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    const char *words = plain_words(code, otherwise), *reason = ERR_reason_error_string(code);
    if (words != NULL || reason == NULL)
        text = mem_strdup(words != NULL ? words : otherwise);
    else if ((flags & ERR_TXT_STRING) && data != NULL && data[0] != '\0')
        text = mem_printf("%s (%s)", reason, data);
    else
        text = mem_strdup(reason);
    ERR_clear_error();
    return text;
}

static int refuse(struct buf *why, const char *file, const char *otherwise)
{
    char *text = tls_error_text(otherwise);
    buf_printf(why, "%s: %s\n", file, text);
    mem_free(text);
    return ERR_CERTIFICATE;
}

static SSL_CTX *context_create(const SSL_METHOD *method)
{
    SSL_CTX *c = SSL_CTX_new(method);
    CHECK(c != NULL);
    CHECK(SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1);
    CHECK(SSL_CTX_set_cipher_list(c, CIPHERS_TLS12) == 1);
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
#ifdef SSL_OP_ENABLE_KTLS
    SSL_CTX_set_options(c, SSL_OP_ENABLE_KTLS); /* silently without where the kernel has none */
#endif
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1); /* a record with its head in one system call */
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    return c;
}

/* Never asks on the terminal: a key under a password is one that cannot be used. */
static int no_password(char *out, int room, int is_writing, void *ctx)
{
    (void)out;
    (void)room;
    (void)is_writing;
    (void)ctx;
    return -1;
}

static int load_pair(SSL_CTX *c, const char *chain_file, const char *key_file, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(c, no_password);
    if (SSL_CTX_use_certificate_chain_file(c, chain_file) != 1)
        return refuse(why, chain_file, "no certificate in PEM");
    if (SSL_CTX_use_PrivateKey_file(c, key_file, SSL_FILETYPE_PEM) != 1)
        return refuse(why, key_file, "no private key in PEM");
    if (SSL_CTX_check_private_key(c) != 1)
        return refuse(why, key_file, "does not belong to the certificate");
    return 0;
}

/* The first certificate that bears a name keeps it. */
static void add_name(struct tls_server *t, struct span name, SSL_CTX *c)
{
    char lower[NAME_MAX_BYTES];
    if (name.n == 0 || name.n > sizeof(lower))
        return;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = (char)tolower((unsigned char)name.p[i]);
    struct span key = span_make(lower, name.n);
    if (map_get(t->names, key) == NULL)
        map_put(t->names, key, c);
}

static void add_names(struct tls_server *t, SSL_CTX *c)
{
    X509 *cert = SSL_CTX_get0_certificate(c);
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_DNS)
            add_name(t,
                     span_make(ASN1_STRING_get0_data(g->d.dNSName),
                               (size_t)ASN1_STRING_length(g->d.dNSName)),
                     c);
    }
    GENERAL_NAMES_free(names);
}

/* name as the client wrote it: exact, then with its first label as "*" (RFC 6125 s.6.4.3). */
static SSL_CTX *find_context(const struct tls_server *t, const char *name)
{
    char lower[NAME_MAX_BYTES + 1];
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    SSL_CTX *c = map_get(t->names, span_make(lower, n));
    ptrdiff_t dot = span_index(span_make(lower, n), '.');
    if (c != NULL || dot < 1)
        return c;
    lower[dot - 1] = '*';
    return map_get(t->names, span_make(lower + dot - 1, n - (size_t)dot + 1));
}

static int on_name(SSL *ssl, int *alert, void *ctx)
{
    const struct tls_server *t = ctx;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *c = name != NULL ? find_context(t, name) : NULL;
    (void)alert;
    if (c == NULL)
        return SSL_TLSEXT_ERR_NOACK; /* the first certificate */
    SSL_set_SSL_CTX(ssl, c);
    return SSL_TLSEXT_ERR_OK;
}

/* Ours in order of preference; without a common one the connection goes on without ALPN. */
static int on_alpn(SSL *ssl, const unsigned char **out,
                   unsigned char *out_bytes, /* limit: OpenSSL's callback */
                   const unsigned char *theirs, unsigned theirs_bytes, void *ctx)
{
    const struct tls_server *t = ctx;
    unsigned char *chosen = NULL;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_bytes, t->alpn, t->alpn_bytes, theirs, theirs_bytes) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_alpn(struct tls_server *t, const char *const *alpn)
{
    for (size_t i = 0; alpn != NULL && alpn[i] != NULL; i++) {
        size_t n = strlen(alpn[i]);
        CHECK(n > 0 && t->alpn_bytes + 1 + n <= sizeof(t->alpn));
        t->alpn[t->alpn_bytes] = (unsigned char)n;
        memcpy(t->alpn + t->alpn_bytes + 1, alpn[i], n);
        t->alpn_bytes += (unsigned)(1 + n);
    }
}

static int add_pair(struct tls_server *t, const struct tls_pair *pair, struct buf *why)
{
    static const unsigned char session_id[] = "byeori";
    SSL_CTX *c = context_create(TLS_server_method());
    t->contexts[t->count++] = c;
    int e = load_pair(c, pair->chain_file, pair->key_file, why);
    if (e != 0)
        return e;
    CHECK(SSL_CTX_set_session_id_context(c, session_id, sizeof(session_id) - 1) == 1);
    SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_tlsext_servername_callback(c, on_name);
    SSL_CTX_set_tlsext_servername_arg(c, t);
    if (t->alpn_bytes > 0)
        SSL_CTX_set_alpn_select_cb(c, on_alpn, t);
    add_names(t, c);
    return 0;
}

int tls_server_create(struct tls_server **out, const struct tls_pair *pairs, size_t count,
                      const char *const *alpn, struct buf *why)
{
    int e = 0;
    CHECK(count > 0);
    struct tls_server *t = mem_zalloc(sizeof(*t));
    atomic_init(&t->refs, 1);
    t->contexts = mem_zarray(count, sizeof(SSL_CTX *));
    t->names = map_create();
    set_alpn(t, alpn);
    for (size_t i = 0; i < count; i++) {
        int fault = add_pair(t, &pairs[i], why); /* all of them: every fault is said */
        e = e == 0 ? fault : e;
    }
    if (e != 0)
        tls_server_unref(&t);
    *out = t;
    return e;
}

void tls_server_ref(struct tls_server *t)
{
    CHECK(atomic_fetch_add(&t->refs, 1) > 0);
}

void tls_server_unref(struct tls_server **pt)
{
    struct tls_server *t = *pt;
    *pt = NULL;
    if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    for (size_t i = 0; i < t->count; i++)
        SSL_CTX_free(t->contexts[i]);
    mem_free(t->contexts);
    map_destroy(t->names);
    mem_free(t);
}

SSL *tls_server_ssl(struct tls_server *t)
{
    SSL *ssl = SSL_new(t->contexts[0]);
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}

static bool is_set(const char *s)
{
    return s != NULL && s[0] != '\0';
}

static int set_up_client(SSL_CTX *c, const struct tls_client_spec *spec, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX_set_verify(c, spec->is_unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (is_set(spec->ca_file)) {
        if (SSL_CTX_load_verify_file(c, spec->ca_file) != 1)
            return refuse(why, spec->ca_file, "no certificate in PEM");
    } else if (SSL_CTX_set_default_verify_paths(c) != 1) {
        return refuse(why, "the system's certificates", "cannot be read");
    }
    if (!is_set(spec->chain_file) && !is_set(spec->key_file))
        return 0;
    if (!is_set(spec->chain_file) || !is_set(spec->key_file)) {
        buf_printf(why, "a client certificate needs both its chain and its key\n");
        return ERR_CERTIFICATE;
    }
    return load_pair(c, spec->chain_file, spec->key_file, why);
}

int tls_client_create(struct tls_client **out, const struct tls_client_spec *spec, struct buf *why)
{
    struct tls_client *t = mem_zalloc(sizeof(*t));
    atomic_init(&t->refs, 1);
    t->context = context_create(TLS_client_method());
    int e = set_up_client(t->context, spec, why);
    if (e != 0)
        tls_client_unref(&t);
    *out = t;
    return e;
}

void tls_client_ref(struct tls_client *t)
{
    CHECK(atomic_fetch_add(&t->refs, 1) > 0);
}

void tls_client_unref(struct tls_client **pt)
{
    struct tls_client *t = *pt;
    *pt = NULL;
    if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    SSL_CTX_free(t->context);
    mem_free(t);
}

/* An address is matched against the certificate's addresses and never sent as SNI (RFC 6066
 * s.3). */
static bool set_peer_name(SSL *ssl, const char *name)
{
    struct addr ip;
    char text[ADDR_TEXT_ROOM];
    if (addr_parse_ip(span_of(name), &ip) == 0) {
        addr_ip_text(&ip, text);
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), text) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 &&
           /* the macro takes no const */ SSL_set_tlsext_host_name(ssl, (uintptr_t)name) == 1;
}

SSL *tls_client_ssl(struct tls_client *t, const char *name)
{
    SSL *ssl = SSL_new(t->context);
    if (ssl == NULL)
        return NULL;
    SSL_set_connect_state(ssl);
    if (!set_peer_name(ssl, name)) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}
