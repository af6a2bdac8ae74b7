/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_TLS_CTX_H
#define LIB_NET_TLS_CTX_H

#include "lib/base/buf.h"
#include "lib/net/conn.h"

/* TLS settings (OpenSSL 3; TLS 1.2 and 1.3). Immutable once made, so any thread may use one.
 *
 * tls_server: certificates chosen by SNI from the names in them (exact, then wildcard, else the
 * first). Where an ECDSA and an RSA certificate bear the same name, what the client accepts
 * decides, ECDSA first. ALPN from the given list in order of preference. Never early data. A new
 * set replaces the old whole; sessions go on where it has the same tickets. */
struct tls_server;
struct tls_identity;
struct tls_tickets;
struct tls_server_spec {
    struct tls_identity *const *identities; /* kept by reference; of the same kind and name the
                                               first counts */
    size_t count;                           /* > 0 */
    const char *const *alpn;                /* "http/1.1" etc., ended by NULL; NULL: none */
    struct tls_tickets *tickets;            /* kept by reference; NULL: no resumption */
};
struct tls_server *tls_server_create(const struct tls_server_spec *spec)
    __attribute__((returns_nonnull));
void tls_server_ref(struct tls_server *t); /* any thread */
void tls_server_unref(struct tls_server **t);

/* tls_authority: who signs the certificates of clients, from a PEM file.
 * tls_server_for: the same as t, but only clients with a certificate of that authority come through
 * the handshake; keeps both by reference. Cheap: one for each connection is fine. */
struct tls_authority;
MUST_USE int tls_authority_load(struct tls_authority **out, const char *file, struct buf *why);
void tls_authority_unref(struct tls_authority **a); /* any thread */
struct tls_server *tls_server_for(struct tls_server *t, struct tls_authority *a)
    __attribute__((returns_nonnull));

/* tls_client: verifies the peer by default against the system's roots, or ca_file; name checked.
 * Remembers a session for each name. */
struct tls_client;
struct tls_client_spec {
    const char *ca_file;               /* NULL or "": the system's */
    const char *chain_file, *key_file; /* client certificate; NULL or "": none */
    bool is_unverified;                /* by explicit configuration only */
};
MUST_USE int tls_client_create(struct tls_client **out, const struct tls_client_spec *spec,
                               struct buf *why);
void tls_client_ref(struct tls_client *t); /* any thread */
void tls_client_unref(struct tls_client **t);

/* conn_create_tls_server: takes fd; the handshake runs inside the conn, when its loop has time for
 * it: on_ready comes when it is done, and reads give ERR_TLS where it failed. References t for the
 * conn's life.
 * conn_create_tls_client: name is sent as SNI (unless an address) and verified; conn_is_ready()
 * turns true when the handshake is over; conn_tls_error: constant or conn-owned text for logs. */
struct conn *conn_create_tls_server(struct loop *l, int fd, const struct addr *peer,
                                    struct tls_server *t);
struct conn *conn_create_tls_client(struct loop *l, int fd, const struct addr *peer,
                                    struct tls_client *t, const char *name);
bool conn_is_ready(const struct conn *c);       /* plain: always */
int conn_handshake_error(const struct conn *c); /* 0, ERR_TLS or ERR_CERTIFICATE */
const char *conn_tls_error(const struct conn *c);

#endif
