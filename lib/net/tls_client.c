/* SPDX-License-Identifier: MIT
 * TLS settings of a client, and the sessions that servers gave it: the newest for each name, used
 * for every connection until a newer one comes or it has expired. Certificates of peers are
 * verified by OpenSSL; a session that is resumed was verified when it began.
 *
 * Threads: made by one; then shared, with a lock around the sessions that is held for a pointer
 * copy. */
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/net/tls_inner.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

/* Names come from configurations; more than this are served without resumption. */
#define PEERS_MAX 1024

/* Stays where it is as long as the client: connections point to it. */
struct peer {
    struct tls_client *client;
    SSL_SESSION *session; /* under the client's lock; NULL: none */
};

struct tls_client {
    _Atomic int refs;
    SSL_CTX *context;
    pthread_mutex_t lock;
    struct map *peers; /* name -> struct peer; under the lock */
};

/* Takes the session (1) or not (0). May come at any read: TLS 1.3 gives them after the
 * handshake. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct peer *p = SSL_get_app_data(ssl);
    if (p == NULL || !SSL_SESSION_is_resumable(session))
        return 0;
    pthread_mutex_lock(&p->client->lock);
    SSL_SESSION *old = p->session;
    p->session = session;
    pthread_mutex_unlock(&p->client->lock);
    SSL_SESSION_free(old);
    return 1;
}

static bool is_set(const char *s)
{
    return s != NULL && s[0] != '\0';
}

static int set_up_client(SSL_CTX *c, const struct tls_client_spec *spec, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, on_session);
    SSL_CTX_set_verify(c, spec->is_unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (is_set(spec->ca_file)) {
        if (SSL_CTX_load_verify_file(c, spec->ca_file) != 1)
            return tls_refuse(why, spec->ca_file, "no certificate in PEM");
    } else if (SSL_CTX_set_default_verify_paths(c) != 1) {
        return tls_refuse(why, "the system's certificates", "cannot be read");
    }
    if (!is_set(spec->chain_file) && !is_set(spec->key_file))
        return 0;
    if (!is_set(spec->chain_file) || !is_set(spec->key_file)) {
        buf_printf(why, "a client certificate needs both its chain and its key\n");
        return ERR_CERTIFICATE;
    }
    return tls_load_pair(c, spec->chain_file, spec->key_file, why);
}

int tls_client_create(struct tls_client **out, const struct tls_client_spec *spec, struct buf *why)
{
    struct tls_client *t = mem_zalloc(sizeof(*t));
    t->refs = 1;
    t->context = tls_context_create(TLS_client_method());
    t->peers = map_create();
    pthread_mutex_init(&t->lock, NULL);
    int e = set_up_client(t->context, spec, why);
    if (e != 0)
        tls_client_unref(&t);
    *out = t;
    return e;
}

void tls_client_ref(struct tls_client *t)
{
    CHECK(t->refs++ > 0);
}

void tls_client_unref(struct tls_client **pt)
{
    struct tls_client *t = *pt;
    size_t at = 0;
    struct span name;
    void *value;
    *pt = NULL;
    if (t == NULL || --t->refs > 0)
        return;
    while (map_next(t->peers, &at, &name, &value)) {
        SSL_SESSION_free(((struct peer *)value)->session);
        mem_free(value);
    }
    map_destroy(t->peers);
    pthread_mutex_destroy(&t->lock);
    SSL_CTX_free(t->context);
    mem_free(t);
}

/* Offers the newest session with that name, and will hear of the next. */
static void resume(struct tls_client *t, SSL *ssl, const char *name)
{
    SSL_SESSION *session = NULL;
    pthread_mutex_lock(&t->lock);
    struct peer *p = map_get(t->peers, span_of(name));
    if (p == NULL && map_count(t->peers) < PEERS_MAX) {
        p = mem_zalloc(sizeof(*p));
        p->client = t;
        map_put(t->peers, span_of(name), p);
    }
    if (p != NULL && p->session != NULL && SSL_SESSION_up_ref(p->session) == 1)
        session = p->session;
    pthread_mutex_unlock(&t->lock);
    SSL_set_app_data(ssl, p);
    if (session != NULL && SSL_SESSION_is_resumable(session))
        SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
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
    resume(t, ssl, name);
    return ssl;
}
