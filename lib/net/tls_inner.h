/* SPDX-License-Identifier: MIT
 * private to lib/net: the OpenSSL side of TLS settings and errors */
#ifndef LIB_NET_TLS_INNER_H
#define LIB_NET_TLS_INNER_H

#include "lib/base/clock.h"
#include "lib/net/tls_ctx.h"

#include <openssl/ssl.h>

/* tls_context_create: what servers and clients have in common. */
SSL_CTX *tls_context_create(const SSL_METHOD *method) __attribute__((returns_nonnull));
/* tls_has_kernel: the kernel seals and opens records where it is given the keys (kTLS). */
bool tls_has_kernel(void);
/* tls_load_pair: chain and key into c, or ERR_CERTIFICATE and a line in why. */
MUST_USE int tls_load_pair(SSL_CTX *c, const char *chain_file, const char *key_file,
                           struct buf *why);
struct tls_texts;
MUST_USE int tls_parse_pair(SSL_CTX *c, const struct tls_texts *texts, struct buf *why);
/* tls_refuse: a line in why: the file, then what OpenSSL's error queue or `otherwise` says.
 * Returns ERR_CERTIFICATE. */
int tls_refuse(struct buf *why, const char *file, const char *otherwise);

/* tls_error_text: what the thread's OpenSSL error queue says (oldest first, which is the cause), or
 * `otherwise` where it is empty; empties it. Returns a string of mem_. */
char *tls_error_text(const char *otherwise);

/* What tls_server.c sees of an identity. All borrowed. */
enum tls_key_kind { TLS_KEY_ECDSA, TLS_KEY_RSA, TLS_KEY_KINDS }; /* in order of preference */
struct tls_identity {
    _Atomic int refs;
    enum tls_key_kind kind; /* other elliptic keys count as ECDSA */
    X509 *leaf;
    STACK_OF(X509) * chain; /* above the leaf; NULL: none */
    EVP_PKEY *key;
    sec_t not_after;
    unsigned char *staple; /* an OCSP response in DER; NULL: none */
    int staple_bytes;
    sec_t staple_until; /* its nextUpdate */
};

/* tls_tickets_use: tickets of c are sealed and opened with t's keys. t must outlive c. */
struct tls_tickets;
void tls_tickets_use(struct tls_tickets *t, SSL_CTX *c);

/* tls_authority_ask: ssl, of a server, goes on only with a client that the authority signed for.
 * To be asked again after SSL_set_SSL_CTX, which forgets it: tls_authority_ask_again. */
void tls_authority_ref(struct tls_authority *a);
void tls_authority_ask(struct tls_authority *a, SSL *ssl);
void tls_authority_ask_again(SSL *ssl);

/* tls_server_ssl, tls_client_ssl: a new SSL in server or client state; NULL: out of memory, or not
 * a name. The client's has name as SNI, checks it against the peer's certificate, and resumes what
 * was agreed on with that name before; t must outlive it. */
SSL *tls_server_ssl(struct tls_server *t);
SSL *tls_client_ssl(struct tls_client *t, const char *name);

#endif
