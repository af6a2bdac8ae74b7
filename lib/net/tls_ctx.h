/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_TLS_CTX_H
#define LIB_NET_TLS_CTX_H

#include "lib/base/buf.h"
#include "lib/net/conn.h"

/* TLS settings (OpenSSL 3; TLS 1.2 and 1.3). Immutable once made, so any thread may use one.
 *
 * tls_server: certificates chosen by SNI from the names in them (exact, then wildcard, else the
 * first), ALPN from the given list in order of preference. A new set replaces the old whole. */
struct tls_server;
struct tls_pair {
    const char *chain_file, *key_file; /* PEM */
};
/* 0 and *out, or ERR_CERTIFICATE and in `why` which file and what is wrong (also a key that does
 * not fit its chain). alpn: "http/1.1" etc., ended by NULL. */
MUST_USE int tls_server_create(struct tls_server **out, const struct tls_pair *pairs, size_t count,
                               const char *const *alpn, struct buf *why);
void tls_server_ref(struct tls_server *t); /* any thread */
void tls_server_unref(struct tls_server **t);

/* tls_client: verifies the peer by default against the system's roots, or ca_file; name checked. */
struct tls_client;
struct tls_client_spec {
    const char *ca_file;               /* NULL or "": the system's */
    const char *chain_file, *key_file; /* client certificate; NULL or "": none */
    bool is_unverified;                /* by explicit configuration only */
};
MUST_USE int tls_client_create(struct tls_client **out, const struct tls_client_spec *spec,
                               struct buf *why);
void tls_client_unref(struct tls_client **t);

/* conn_create_tls_server: takes fd; the handshake runs inside the conn: on_ready comes when it is
 * done, and reads give ERR_TLS where it failed. References t for the conn's life.
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
