/* SPDX-License-Identifier: MIT
 * private to lib/net: the OpenSSL side of TLS settings and errors */
#ifndef LIB_NET_TLS_INNER_H
#define LIB_NET_TLS_INNER_H

#include "lib/net/tls_ctx.h"

#include <openssl/ssl.h>

/* tls_server_ssl, tls_client_ssl: a new SSL in server or client state; NULL: out of memory. The
 * client's has name as SNI and checks it against the peer's certificate. */
SSL *tls_server_ssl(struct tls_server *t);
SSL *tls_client_ssl(struct tls_client *t, const char *name);
void tls_client_ref(struct tls_client *t);

/* tls_error_text: what the thread's OpenSSL error queue says (oldest first, which is the cause), or
 * `otherwise` where it is empty; empties it. Returns a string of mem_. */
char *tls_error_text(const char *otherwise);

#endif
