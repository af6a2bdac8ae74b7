/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_LIB_NET_TLS_PIPE_H
#define TESTS_UNIT_LIB_NET_TLS_PIPE_H

#include "lib/net/tls_inner.h"

/* A handshake in memory between a server of lib/net and a client that the test plays by hand.
 * tls_pipe: takes both; the client asks for `name` and a staple, and both read until nothing
 * waits, so that TLS 1.3 tickets have come. Returns the client, shaken; NULL: the handshake
 * failed. */
SSL *tls_pipe(struct tls_server *server, SSL *client, const char *name);
/* What the client saw; valid as long as it. */
const char *tls_pipe_key(const SSL *client); /* "EC" or "RSA": the server's key */

#endif
