/* SPDX-License-Identifier: MIT
 * private to lib/net: a TLS connection, and what lies between OpenSSL and its socket */
#ifndef LIB_NET_TLS_STREAM_H
#define LIB_NET_TLS_STREAM_H

#include "lib/net/conn_inner.h"
#include "lib/net/handshakes.h"
#include "lib/net/tls_inner.h"
#include "lib/net/tls_seal.h"

enum tls_phase { TLS_SHAKING, TLS_OPEN, TLS_BROKEN }; /* see conn_tls.c */

/* Sealed records that the socket has not taken; in a block of their own. */
struct tls_rest {
    size_t at, end;
    unsigned char bytes[];
};

struct conn_tls {
    struct conn base; /* first: conn_close frees the whole */
    SSL *ssl;         /* NULL: a server that has heard nothing yet, or BROKEN from the start */
    struct tls_server *server; /* one of these two */
    struct tls_client *client;
    struct tls_seal *seal; /* NULL: OpenSSL or the kernel seals */
    struct tls_rest *rest; /* NULL: none */
    struct handshake step; /* a server's */
    enum tls_phase phase;
    uint8_t control; /* enum tls_record_type, of what OpenSSL sends by itself */
    bool does_read_wait_to_write, does_write_wait_to_read;
    bool is_more; /* for the BIO: another record follows at once */
    bool has_said_goodbye;
    uint8_t reads; /* that gave something, in this call of OpenSSL */
    int error, handshake_error;
    uint32_t untold_bytes; /* in the socket, of records that are not told as written */
    char *error_text;      /* NULL: none */
    size_t rest_bytes;     /* offered, sealed, in `rest` or not yet told as written */
    uint32_t burst_bytes;  /* sent since the last silence, as far as it matters */
    uint32_t records;      /* of data, sealed with this key */
    msec_t sent_at;
};

static inline struct conn_tls *tls_of(struct conn *c)
{
    return CONTAINER_OF(c, struct conn_tls, base);
}

/* tls_stream_open: takes ssl; NULL is a failure like others. */
bool tls_stream_open(struct conn *c, SSL *ssl);

/* Sealed bytes on their way. tls_stream_send: n > 0 at p; what the socket does not take is copied,
 * and sent before all else. 0: all is sent. ERR_AGAIN: some of it waits. Other: the stream is
 * broken. tls_stream_flush: the same of what waits. */
int tls_stream_send(struct conn *c, const unsigned char *p, size_t n, bool more);
int tls_stream_flush(struct conn *c);

/* tls_stream_forget_errors: before a call whose result tls_stream_result is to explain: why an
 * OpenSSL call on an open stream gave ret <= 0: 0 (close_notify), ERR_AGAIN with *wants_write set,
 * or the error that breaks the stream. */
void tls_stream_forget_errors(void);
int tls_stream_result(struct conn *c, int ret, bool *wants_write);
/* tls_stream_break: takes text (of mem_); returns error, which every read and write repeats. */
int tls_stream_break(struct conn_tls *t, int error, char *text);

#endif
