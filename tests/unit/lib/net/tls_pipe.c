/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/net/tls_pipe.h"

#include "lib/base/check.h"

#include <openssl/err.h>

#define PIPE_BYTES ((size_t)1 << 16)
#define ROUNDS     10

SSL *tls_pipe(struct tls_server *server, SSL *client, const char *name)
{
    SSL *s = tls_server_ssl(server);
    BIO *ends[2];
    char rest[16];
    CHECK(BIO_new_bio_pair(&ends[0], PIPE_BYTES, &ends[1], PIPE_BYTES) == 1);
    SSL_set_bio(s, ends[0], ends[0]);
    SSL_set_bio(client, ends[1], ends[1]);
    SSL_set_connect_state(client);
    CHECK(SSL_set_tlsext_host_name(client, (uintptr_t)name) == 1);
    CHECK(SSL_set_tlsext_status_type(client, TLSEXT_STATUSTYPE_ocsp) == 1);
    for (int i = 0; i < ROUNDS; i++) {
        if (SSL_do_handshake(client) == 1)
            CHECK(SSL_read(client, rest, sizeof(rest)) <= 0);
        if (SSL_do_handshake(s) == 1)
            CHECK(SSL_read(s, rest, sizeof(rest)) <= 0);
    }
    bool is_good = SSL_is_init_finished(client) && SSL_is_init_finished(s);
    SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s);
    ERR_clear_error();
    if (is_good)
        return client;
    SSL_free(client);
    return NULL;
}

const char *tls_pipe_key(const SSL *client)
{
    X509 *cert = SSL_get0_peer_certificate(client);
    return EVP_PKEY_get0_type_name(X509_get0_pubkey(cert));
}
