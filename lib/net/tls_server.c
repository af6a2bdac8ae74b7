/* SPDX-License-Identifier: MIT
 * TLS settings of a server. SNI is answered by changing the SSL_CTX; there is one for each choice
 * of certificates that names lead to: an ECDSA one, an RSA one or both, among which OpenSSL chooses
 * by what the client accepts. All else in them is the same.
 *
 * Sessions are resumed by tickets alone: the session cache is one lock for all workers.
 *
 * Threads: made by one; then immutable but for an atomic count. */
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/net/tls_identity.h"
#include "lib/net/tls_inner.h"
#include "lib/net/tls_tickets.h"

#include <ctype.h>
#include <stdatomic.h>
#include <time.h>

#define NAME_MAX_BYTES 255 /* RFC 1035 */
#define ALPN_MAX_BYTES 255

struct context {
    struct context *next;
    SSL_CTX *ssl;
    struct tls_identity *identities[TLS_KEY_KINDS]; /* NULL: none of that kind; references */
};

/* What a name leads to. */
struct choice {
    struct tls_identity *identities[TLS_KEY_KINDS]; /* borrowed */
    struct context *context;
};

struct tls_server {
    atomic_int refs;
    struct tls_server *base;         /* all below is the base's; NULL: it is its own */
    struct tls_authority *authority; /* NULL: clients need no certificate */
    struct map *names; /* lower case, as in the certificate ("*." kept) -> struct choice */
    struct context *contexts;
    struct context *fallback;           /* of the first identity */
    struct tls_tickets *tickets;        /* NULL: none */
    unsigned char alpn[ALPN_MAX_BYTES]; /* wire form: length, bytes, length, bytes */
    unsigned alpn_bytes;
};

/* The first certificate of a kind that bears a name keeps it. */
static void add_name(struct tls_server *t, struct span name, struct tls_identity *i)
{
    char lower[NAME_MAX_BYTES];
    if (name.n == 0 || name.n > sizeof(lower))
        return;
    for (size_t at = 0; at < name.n; at++)
        lower[at] = (char)tolower((unsigned char)name.p[at]);
    struct span key = span_make(lower, name.n);
    struct choice *c = map_get(t->names, key);
    if (c == NULL) {
        c = mem_zalloc(sizeof(*c));
        map_put(t->names, key, c);
    }
    if (c->identities[i->kind] == NULL)
        c->identities[i->kind] = i;
}

struct naming {
    struct tls_server *server;
    struct tls_identity *identity;
};

static void on_certificate_name(void *ctx, struct span name)
{
    struct naming *n = ctx;
    add_name(n->server, name, n->identity);
}

/* name as the client wrote it: exact, then with its first label as "*" (RFC 6125 s.6.4.3). */
static const struct choice *find_choice(const struct tls_server *t, const char *name)
{
    char lower[NAME_MAX_BYTES + 1];
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    const struct choice *c = map_get(t->names, span_make(lower, n));
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
    const struct choice *c = name != NULL ? find_choice(t, name) : NULL;
    (void)alert;
    if (c == NULL)
        return SSL_TLSEXT_ERR_NOACK; /* the first certificate */
    SSL_set_SSL_CTX(ssl, c->context->ssl);
    tls_authority_ask_again(ssl);
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

/* Asked for by the client: what the authority says of the certificate that was chosen. A word that
 * is out of date would be worse than none. */
static int on_status(SSL *ssl, void *ctx)
{
    const struct context *c = ctx;
    const X509 *chosen = SSL_get_certificate(ssl);
    for (int kind = 0; kind < TLS_KEY_KINDS; kind++) {
        const struct tls_identity *i = c->identities[kind];
        if (i == NULL || i->leaf != chosen || i->staple == NULL || time(NULL) >= i->staple_until)
            continue;
        void *copy = OPENSSL_memdup(i->staple, (size_t)i->staple_bytes);
        if (copy == NULL)
            return SSL_TLSEXT_ERR_NOACK;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, i->staple_bytes); /* takes it */
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static void set_up(struct tls_server *t, struct context *c)
{
    static const unsigned char session_id[] = "byeori";
    c->ssl = tls_context_create(TLS_server_method());
    CHECK(SSL_CTX_set_session_id_context(c->ssl, session_id, sizeof(session_id) - 1) == 1);
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(c->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_tlsext_servername_callback(c->ssl, on_name);
    SSL_CTX_set_tlsext_servername_arg(c->ssl, t);
    SSL_CTX_set_tlsext_status_cb(c->ssl, on_status);
    SSL_CTX_set_tlsext_status_arg(c->ssl, c);
    if (t->alpn_bytes > 0)
        SSL_CTX_set_alpn_select_cb(c->ssl, on_alpn, t);
    if (t->tickets != NULL) {
        tls_tickets_use(t->tickets, c->ssl);
    } else {
        SSL_CTX_set_options(c->ssl, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(c->ssl, 0);
    }
}

/* The context that has these identities, made at the first need. */
static struct context *context_of(struct tls_server *t, struct tls_identity *const *identities)
{
    struct context *c;
    for (c = t->contexts; c != NULL; c = c->next)
        if (memcmp(c->identities, identities, sizeof(c->identities)) == 0)
            return c;
    c = mem_zalloc(sizeof(*c));
    c->next = t->contexts;
    t->contexts = c;
    set_up(t, c);
    for (int kind = 0; kind < TLS_KEY_KINDS; kind++) {
        struct tls_identity *i = identities[kind];
        if (i == NULL)
            continue;
        tls_identity_ref(i);
        c->identities[kind] = i;
        CHECK(SSL_CTX_use_cert_and_key(c->ssl, i->leaf, i->key, i->chain, 1) == 1);
    }
    return c;
}

/* Who names nothing that we know gets the first certificate, and its companion of the other kind
 * where there is one. */
static struct context *find_fallback(struct tls_server *t, struct tls_identity *first)
{
    struct tls_identity *alone[TLS_KEY_KINDS] = {NULL};
    size_t at = 0;
    struct span name;
    void *value;
    alone[first->kind] = first;
    while (map_next(t->names, &at, &name, &value)) {
        const struct choice *c = value;
        if (c->identities[first->kind] == first && c->identities[!first->kind] != NULL)
            return c->context;
    }
    return context_of(t, alone);
}

struct tls_server *tls_server_create(const struct tls_server_spec *spec)
{
    CHECK(spec->count > 0);
    struct tls_server *t = mem_zalloc(sizeof(*t));
    size_t at = 0;
    struct span name;
    void *value;
    atomic_init(&t->refs, 1);
    t->names = map_create();
    if (spec->tickets != NULL) {
        tls_tickets_ref(spec->tickets);
        t->tickets = spec->tickets;
    }
    set_alpn(t, spec->alpn);
    for (size_t i = 0; i < spec->count; i++)
        tls_identity_names(spec->identities[i], on_certificate_name,
                           &(struct naming){t, spec->identities[i]});
    while (map_next(t->names, &at, &name, &value)) {
        struct choice *c = value;
        c->context = context_of(t, c->identities);
    }
    t->fallback = find_fallback(t, spec->identities[0]);
    return t;
}

void tls_server_ref(struct tls_server *t)
{
    CHECK(atomic_fetch_add(&t->refs, 1) > 0);
}

struct tls_server *tls_server_for(struct tls_server *base, struct tls_authority *a)
{
    struct tls_server *t = mem_zalloc(sizeof(*t));
    CHECK(base->base == NULL);
    atomic_init(&t->refs, 1);
    tls_server_ref(base);
    tls_authority_ref(a);
    t->base = base;
    t->authority = a;
    return t;
}

static void destroy(struct tls_server *t)
{
    size_t at = 0;
    struct span name;
    void *value;
    if (t->base != NULL) {
        tls_server_unref(&t->base);
        tls_authority_unref(&t->authority);
        mem_free(t);
        return;
    }
    while (map_next(t->names, &at, &name, &value))
        mem_free(value);
    map_destroy(t->names);
    while (t->contexts != NULL) {
        struct context *c = t->contexts;
        t->contexts = c->next;
        SSL_CTX_free(c->ssl);
        for (int kind = 0; kind < TLS_KEY_KINDS; kind++)
            tls_identity_unref(&c->identities[kind]);
        mem_free(c);
    }
    tls_tickets_unref(&t->tickets);
    mem_free(t);
}

void tls_server_unref(struct tls_server **pt)
{
    struct tls_server *t = *pt;
    *pt = NULL;
    if (t != NULL && atomic_fetch_sub(&t->refs, 1) == 1)
        destroy(t);
}

SSL *tls_server_ssl(struct tls_server *t)
{
    const struct tls_server *base = t->base != NULL ? t->base : t;
    SSL *ssl = SSL_new(base->fallback->ssl);
    if (ssl == NULL)
        return NULL;
    SSL_set_accept_state(ssl);
    if (t->authority != NULL)
        tls_authority_ask(t->authority, ssl);
    return ssl;
}
