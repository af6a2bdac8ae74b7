/* SPDX-License-Identifier: MIT
 * Certificates of clients: which authority must have signed them. Set for each connection, so that
 * listeners with and without it share the server's contexts; sessions of one kind of listener are
 * not resumed at another, where nobody was asked.
 *
 * Threads: made by one; then immutable but for an atomic count. */
#include "lib/base/mem.h"
#include "lib/net/tls_inner.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>

#define SESSION_KIND_BYTES 8

struct tls_authority {
    atomic_int refs;
    X509_STORE *store;
    STACK_OF(X509_NAME) * names;            /* told to clients, so that they choose well */
    unsigned char kind[SESSION_KIND_BYTES]; /* of sessions */
};

static int ssl_index = -1;

static void make_index(void)
{
    ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    CHECK(ssl_index >= 0);
}

int tls_authority_load(struct tls_authority **out, const char *file, struct buf *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls_authority *a = mem_zalloc(sizeof *a);
    CHECK(pthread_once(&once, make_index) == 0);
    ERR_clear_error();
    atomic_init(&a->refs, 1);
    a->store = X509_STORE_new();
    CHECK(a->store != NULL);
    a->names = SSL_load_client_CA_file(file);
    *out = a;
    if (a->names == NULL || X509_STORE_load_file(a->store, file) != 1) {
        tls_authority_unref(out);
        return tls_refuse(why, file, "no certificate in PEM");
    }
    uint64_t hash = 0;
    for (int i = 0; i < sk_X509_NAME_num(a->names); i++)
        hash = hash * 31 + X509_NAME_hash_ex(sk_X509_NAME_value(a->names, i), NULL, NULL, NULL);
    memcpy(a->kind, &hash, sizeof a->kind);
    return 0;
}

void tls_authority_ref(struct tls_authority *a)
{
    CHECK(atomic_fetch_add(&a->refs, 1) > 0);
}

void tls_authority_unref(struct tls_authority **pa)
{
    struct tls_authority *a = *pa;
    *pa = NULL;
    if (a == NULL || atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    sk_X509_NAME_pop_free(a->names, X509_NAME_free);
    X509_STORE_free(a->store);
    mem_free(a);
}

void tls_authority_ask(struct tls_authority *a, SSL *ssl)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(a->names);
    CHECK(names != NULL && SSL_set_ex_data(ssl, ssl_index, a) == 1);
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_set_client_CA_list(ssl, names); /* takes it */
    CHECK(SSL_set1_verify_cert_store(ssl, a->store) == 1);
    CHECK(SSL_set_session_id_context(ssl, a->kind, sizeof a->kind) == 1);
}

void tls_authority_ask_again(SSL *ssl)
{
    struct tls_authority *a = ssl_index >= 0 ? SSL_get_ex_data(ssl, ssl_index) : NULL;
    if (a != NULL)
        tls_authority_ask(a, ssl);
}
