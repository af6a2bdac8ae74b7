/* SPDX-License-Identifier: MIT
 * TLS streams: OpenSSL straight on the socket (tls_stream.h), writing by tls_write.h.
 *
 *   SHAKING -> OPEN -> BROKEN        (SHAKING -> BROKEN: conn_handshake_error says why)
 *   SHAKING  events drive the handshake, a server's through the loop's queue of them; the holder
 *            hears nothing, reads and writes say ERR_AGAIN
 *   OPEN     records flow
 *   BROKEN   every read and write repeats the error
 *
 * Where the kernel does the sealing (kTLS), application bytes go to the socket as on a plain
 * connection.
 *
 * A stream that ends without close_notify is ERR_CLOSED, never 0: somebody on the way could have
 * cut it, and a body that is delimited by the end of the connection would pass for whole.
 *
 * What is sealed must be sent: see conn_writev. On the loop's thread. */
#include "lib/net/tls_ctx.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/tls_stream.h"
#include "lib/net/tls_write.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

static int handshake_failed(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    long verdict = SSL_get_verify_result(t->ssl);
    if (verdict != X509_V_OK && !SSL_is_server(t->ssl)) {
        ERR_clear_error();
        return tls_stream_break(t, ERR_CERTIFICATE,
                                mem_strdup(X509_verify_cert_error_string(verdict)));
    }
    return tls_stream_break(t, ERR_TLS,
                            tls_error_text("the peer closed the connection during the handshake"));
}

/* True: over, well or not. */
static bool shake(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    ERR_clear_error();
    if (t->ssl == NULL && !tls_stream_open(c, tls_server_ssl(t->server))) {
        tls_stream_break(t, ERR_TLS, tls_error_text("no memory"));
        return true;
    }
    int ret = SSL_do_handshake(t->ssl);
    int why = SSL_get_error(t->ssl, ret);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return false;
    if (ret == 1) {
        t->phase = TLS_OPEN;
        t->untold_bytes = 0;
        c->has_sendfile = t->seal == NULL && BIO_get_ktls_send(SSL_get_wbio(t->ssl));
    } else {
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
            ERR_clear_error(); /* said in other words */
        handshake_failed(c);
    }
    return true;
}

/* ---- the operations ---- */

/* What the holder is to be told after a step of the handshake. */
static unsigned shake_on(struct conn *c)
{
    if (!shake(c))
        return 0;
    c->may_read = c->may_write = true; /* the first request may lie in OpenSSL's buffer */
    return CONN_READABLE | CONN_WRITABLE;
}

static void on_step(struct handshake *h)
{
    struct conn *c = &CONTAINER_OF(h, struct conn_tls, step)->base;
    conn_tell(c, shake_on(c));
}

static unsigned tls_on_socket(struct conn *c, unsigned ready)
{
    struct conn_tls *t = tls_of(c);
    unsigned told = 0;
    if (t->phase == TLS_SHAKING && t->server != NULL) {
        handshake_queue(c->loop, &t->step);
        return 0;
    }
    if (t->phase == TLS_SHAKING)
        return shake_on(c);
    if (t->phase == TLS_BROKEN) {
        c->may_read = c->may_write = true;
        return ready;
    }
    if (ready & CONN_WRITABLE)
        (void)tls_stream_flush(c); /* what is wrong shows at the next write */
    if ((ready & CONN_READABLE) || t->does_read_wait_to_write) {
        c->may_read = true;
        t->does_read_wait_to_write = false;
        told |= CONN_READABLE;
    }
    if (!c->may_write && (ready & (t->does_write_wait_to_read ? CONN_READABLE : CONN_WRITABLE))) {
        c->may_write = true;
        t->does_write_wait_to_read = false;
        told |= CONN_WRITABLE;
    }
    return told;
}

static ssize_t tls_read(struct conn *c, void *dst, size_t room)
{
    struct conn_tls *t = tls_of(c);
    if (t->phase == TLS_BROKEN)
        return t->error;
    if (!c->may_read || t->phase == TLS_SHAKING)
        return ERR_AGAIN;
    tls_stream_forget_errors();
    t->reads = 0;
    int n = SSL_read(t->ssl, dst, room < INT_MAX ? (int)room : INT_MAX);
    if (n > 0) { /* nothing is left, above or below: no second read only to hear so */
        c->may_read = c->can_recv || SSL_has_pending(t->ssl);
        return n;
    }
    int e = tls_stream_result(c, n, &t->does_read_wait_to_write);
    if (e == ERR_AGAIN)
        c->may_read = false;
    return e;
}

static ssize_t tls_writev(struct conn *c, const struct iovec *v, int count, bool more)
{
    struct conn_tls *t = tls_of(c);
    if (t->phase == TLS_BROKEN)
        return t->error;
    if (!c->may_write || t->phase == TLS_SHAKING)
        return ERR_AGAIN;
    if (!c->has_sendfile)
        return tls_write(c, v, count, more);
    ssize_t n = conn_socket_sendv(c, v, count, more); /* the kernel seals */
    c->may_write = c->can_send;
    return n;
}

static int say_goodbye(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    bool wants_write;
    ERR_clear_error();
    int ret = SSL_shutdown(t->ssl);
    int e = ret >= 0 ? 0 : tls_stream_result(c, ret, &wants_write);
    t->has_said_goodbye = e == 0;
    return e;
}

static int tls_end_write(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    if (t->phase == TLS_BROKEN)
        return t->error;
    if (t->phase == TLS_SHAKING || t->rest_bytes > 0)
        return ERR_AGAIN;
    int e = t->has_said_goodbye ? 0 : say_goodbye(c);
    if (e == 0)
        e = tls_stream_flush(c);
    if (e == ERR_AGAIN)
        c->may_write = false;
    return e;
}

static void tls_finish(struct conn *c, bool is_reset)
{
    struct conn_tls *t = tls_of(c);
    if (!is_reset && t->phase == TLS_OPEN)
        (void)tls_end_write(c); /* tried once: nobody waits for a peer that does not read */
    handshake_unqueue(&t->step);
    SSL_free(t->ssl);
    ERR_clear_error();
    tls_seal_destroy(&t->seal);
    mem_free(t->rest);
    tls_server_unref(&t->server);
    tls_client_unref(&t->client);
    mem_free(t->error_text);
}

static const struct conn_ops tls_ops = {
    .name = "tls",
    .read = tls_read,
    .writev = tls_writev,
    .end_write = tls_end_write,
    .on_socket = tls_on_socket,
    .finish = tls_finish,
};

static struct conn_tls *create(struct loop *l, int fd, const struct addr *peer)
{
    struct conn_tls *t = mem_zalloc(sizeof(*t));
    t->base.ops = &tls_ops;
    conn_init(&t->base, l, fd, peer);
    handshake_init(&t->step, on_step);
    return t;
}

/* Nothing is made for a client that has not spoken: OpenSSL's part is many times ours. */
struct conn *conn_create_tls_server(struct loop *l, int fd, const struct addr *peer,
                                    struct tls_server *server)
{
    struct conn_tls *t = create(l, fd, peer);
    tls_server_ref(server);
    t->server = server;
    t->base.can_send = true;
    return &t->base;
}

struct conn *conn_create_tls_client(struct loop *l, int fd, const struct addr *peer,
                                    struct tls_client *client, const char *name)
{
    struct conn_tls *t = create(l, fd, peer);
    tls_client_ref(client);
    t->client = client;
    if (!tls_stream_open(&t->base, tls_client_ssl(client, name)))
        tls_stream_break(t, ERR_TLS, tls_error_text("not a name that a certificate can bear"));
    return &t->base; /* "writable" begins the handshake */
}

/* NULL: c is plain. */
static const struct conn_tls *tls_in(const struct conn *c)
{
    return c->ops == &tls_ops ? (const struct conn_tls *)(const void *)c : NULL;
}

bool conn_is_tls(const struct conn *c)
{
    return tls_in(c) != NULL;
}

uint64_t conn_bytes_taken(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    return conn_bytes_out(c) + (t != NULL ? t->untold_bytes : 0);
}

bool conn_is_ready(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    return t == NULL || t->phase == TLS_OPEN;
}

int conn_handshake_error(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    return t != NULL ? t->handshake_error : 0;
}

const char *conn_tls_error(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    return t != NULL && t->error_text != NULL ? t->error_text : "";
}

struct span conn_alpn(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    const unsigned char *p = NULL;
    unsigned n = 0;
    if (t != NULL && t->ssl != NULL)
        SSL_get0_alpn_selected(t->ssl, &p, &n);
    return span_make(p, n);
}

struct span conn_sni(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    if (t == NULL || t->ssl == NULL)
        return SPAN_NONE;
    return span_of(SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name));
}

bool conn_has_certificate(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    return t != NULL && t->ssl != NULL && SSL_get0_peer_certificate(t->ssl) != NULL &&
           SSL_get_verify_result(t->ssl) == X509_V_OK;
}
