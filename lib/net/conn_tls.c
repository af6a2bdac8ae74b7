/* SPDX-License-Identifier: MIT
 * TLS streams: OpenSSL straight on the socket.
 *
 *   SHAKING -> OPEN -> BROKEN        (SHAKING -> BROKEN: conn_handshake_error says why)
 *   SHAKING  events drive the handshake, a server's through the loop's queue of them; the holder
 *            hears nothing, reads and writes say ERR_AGAIN
 *   OPEN     records flow
 *   BROKEN   every read and write repeats the error
 *
 * The BIO is OpenSSL's socket BIO with read and write replaced: they know from conn.c whether the
 * socket has something to give, so no system call is made only to hear EAGAIN, and announce with
 * MSG_MORE that more records follow. Where the kernel does the sealing (kTLS), application bytes go
 * to the socket as on a plain connection.
 *
 * A stream that ends without close_notify is ERR_CLOSED, never 0: somebody on the way could have
 * cut it, and a body that is delimited by the end of the connection would pass for whole.
 *
 * Once OpenSSL has sealed bytes it insists on sending them: see conn_writev. On the loop's
 * thread. */
#include "lib/net/tls_ctx.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/conn_inner.h"
#include "lib/net/handshakes.h"
#include "lib/net/tls_inner.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>

#define RECORD_MAX_BYTES ((size_t)16384)
#define DIRECT_MIN_BYTES ((size_t)4096) /* a piece of that size is a record of its own */
/* A record can be read when it is there whole. While the peer's window is still small (at the start
 * and after a silence, RFC 5681 s.4.1) large ones would each wait for another round trip. */
#define BURST_BYTES        ((size_t)65536)
#define BURST_RECORD_BYTES ((size_t)4096)
#define BURST_SILENCE_MS   1000

_Static_assert(LOOP_BUF_BYTES >= RECORD_MAX_BYTES, "a record is gathered in one loop buffer");

enum phase { SHAKING, OPEN, BROKEN };

struct conn_tls {
    struct conn base; /* first: conn_close frees the whole */
    SSL *ssl;         /* NULL: a server that has heard nothing yet, or BROKEN from the start */
    struct tls_server *server; /* one of these two */
    struct tls_client *client;
    struct handshake step; /* a server's */
    enum phase phase;
    int error, handshake_error;
    char *error_text;    /* NULL: none */
    size_t sealed_bytes; /* offered, sealed, not yet taken by the socket */
    size_t burst_bytes;  /* sent since the last silence, as far as it matters */
    msec_t sent_at;
    bool does_read_wait_to_write, does_write_wait_to_read;
    bool is_more; /* for the BIO: another record follows at once */
    bool has_said_goodbye;
};

static struct conn_tls *tls_of(struct conn *c)
{
    return CONTAINER_OF(c, struct conn_tls, base);
}

/* Before a call whose result SSL_get_error is to explain: it goes by what it finds there. Clearing
 * what is empty would be a twentieth of a small answer. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

/* ---- below OpenSSL ---- */

static int bio_read(BIO *b, char *dst, int room)
{
    struct conn *c = BIO_get_app_data(b);
    BIO_clear_retry_flags(b);
    if (BIO_get_ktls_recv(b)) {
        int n = BIO_meth_get_read(BIO_s_socket())(b, dst, room);
        if (n < 0 && BIO_should_retry(b))
            c->can_recv = false;
        return n;
    }
    ssize_t n = conn_socket_recv(c, dst, (size_t)room);
    if (n == ERR_AGAIN)
        BIO_set_retry_read(b);
    else if (n == 0)
        BIO_set_flags(b, BIO_FLAGS_IN_EOF);
    return n < 0 ? -1 : (int)n;
}

static int bio_write(BIO *b, const char *p, int bytes)
{
    struct conn *c = BIO_get_app_data(b);
    struct iovec v = {.iov_base = (void *)(uintptr_t)p, .iov_len = (size_t)bytes};
    BIO_clear_retry_flags(b);
    if (BIO_get_ktls_send(b)) {
        int n = BIO_meth_get_write(BIO_s_socket())(b, p, bytes);
        if (n < 0 && BIO_should_retry(b))
            c->can_send = false;
        return n;
    }
    ssize_t n = conn_socket_sendv(c, &v, 1, tls_of(c)->is_more);
    if (n == ERR_AGAIN)
        BIO_set_retry_write(b);
    return n < 0 ? -1 : (int)n;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
    const BIO_METHOD *like = BIO_s_socket();
    bio_method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "conn");
    CHECK(bio_method != NULL);
    BIO_meth_set_create(bio_method, BIO_meth_get_create(like));
    BIO_meth_set_destroy(bio_method, BIO_meth_get_destroy(like));
    BIO_meth_set_ctrl(bio_method, BIO_meth_get_ctrl(like));
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
}

/* Takes ssl; NULL is a failure like others. */
static bool put_on_socket(struct conn *c, SSL *ssl)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_bio_method);
    BIO *b = ssl != NULL ? BIO_new(bio_method) : NULL;
    tls_of(c)->ssl = ssl;
    if (b == NULL)
        return false;
    BIO_set_fd(b, c->fd, BIO_NOCLOSE);
    BIO_set_app_data(b, c);
    SSL_set_bio(ssl, b, b);
    return true;
}

/* ---- results ---- */

static int break_off(struct conn_tls *t, int error, char *text)
{
    if (t->phase == SHAKING)
        t->handshake_error = error;
    t->phase = BROKEN;
    t->error = error;
    mem_free(t->error_text);
    t->error_text = text;
    return error;
}

/* Why an OpenSSL call on an open stream gave ret <= 0: 0 (close_notify), ERR_AGAIN with
 * *wants_write set, or the error that breaks the stream. */
static int result_of(struct conn *c, int ret, bool *wants_write)
{
    struct conn_tls *t = tls_of(c);
    unsigned long code = ERR_peek_error();
    *wants_write = false;
    switch (SSL_get_error(t->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        return ERR_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *wants_write = true;
        return ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SSL:
        if (ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
            return break_off(t, ERR_TLS, tls_error_text("TLS failed"));
        ERR_clear_error();
        return break_off(t, ERR_CLOSED, mem_strdup("connection ended without close_notify"));
    default:
        ERR_clear_error();
        return break_off(t, ERR_CLOSED, mem_strdup("connection broken"));
    }
}

static int handshake_failed(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    long verdict = SSL_get_verify_result(t->ssl);
    if (verdict != X509_V_OK && !SSL_is_server(t->ssl)) {
        ERR_clear_error();
        return break_off(t, ERR_CERTIFICATE, mem_strdup(X509_verify_cert_error_string(verdict)));
    }
    return break_off(t, ERR_TLS,
                     tls_error_text("the peer closed the connection during the handshake"));
}

/* True: over, well or not. */
static bool shake(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    ERR_clear_error();
    if (t->ssl == NULL && !put_on_socket(c, tls_server_ssl(t->server))) {
        break_off(t, ERR_TLS, tls_error_text("no memory"));
        return true;
    }
    int ret = SSL_do_handshake(t->ssl);
    int why = SSL_get_error(t->ssl, ret);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return false;
    if (ret == 1) {
        t->phase = OPEN;
        c->has_sendfile = BIO_get_ktls_send(SSL_get_wbio(t->ssl));
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
    if (t->phase == SHAKING && t->server != NULL) {
        handshake_queue(c->loop, &t->step);
        return 0;
    }
    if (t->phase == SHAKING)
        return shake_on(c);
    if (t->phase == BROKEN) {
        c->may_read = c->may_write = true;
        return ready;
    }
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
    if (t->phase == BROKEN)
        return t->error;
    if (!c->may_read || t->phase == SHAKING)
        return ERR_AGAIN;
    forget_errors();
    int n = SSL_read(t->ssl, dst, room < INT_MAX ? (int)room : INT_MAX);
    if (n > 0) { /* nothing is left, above or below: no second read only to hear so */
        c->may_read = c->can_recv || SSL_has_pending(t->ssl);
        return n;
    }
    int e = result_of(c, n, &t->does_read_wait_to_write);
    if (e == ERR_AGAIN)
        c->may_read = false;
    return e;
}

/* What of v is left to write: from byte `at` of piece i. */
struct rest {
    const struct iovec *v;
    int count, i;
    size_t at;
};

static void rest_skip(struct rest *r, size_t n)
{
    while (n > 0) {
        size_t here = r->v[r->i].iov_len - r->at;
        size_t k = n < here ? n : here;
        r->at += k;
        n -= k;
        if (r->at == r->v[r->i].iov_len && r->i + 1 < r->count) {
            r->i++;
            r->at = 0;
        }
    }
}

/* The next record's bytes, at_least as many as are sealed, at most limit: a large piece where it
 * stands, small ones gathered into room. */
static struct span rest_record(const struct rest *r, size_t at_least, size_t limit, char *room)
{
    size_t here = r->v[r->i].iov_len - r->at, n = 0;
    const char *p = (const char *)r->v[r->i].iov_base + r->at;
    bool is_last = r->i + 1 == r->count;
    if (is_last || (here >= DIRECT_MIN_BYTES && here >= at_least))
        return span_make(p, here < limit ? here : limit);
    struct rest from = *r;
    while (n < limit) {
        size_t k = from.v[from.i].iov_len - from.at;
        k = k < limit - n ? k : limit - n;
        if (k > 0)
            memcpy(room + n, (const char *)from.v[from.i].iov_base + from.at, k);
        n += k;
        from.at = 0;
        if (++from.i == from.count)
            break;
    }
    return span_make(room, n);
}

/* Bytes of the record that were taken, ERR_AGAIN or the error that breaks the stream. */
static ssize_t seal(struct conn *c, struct span record, bool is_more)
{
    struct conn_tls *t = tls_of(c);
    if (record.n < t->sealed_bytes) { /* costs this connection, not the program */
        LOG_ERROR("tls-write-taken-back", "sealed=%zu offered=%zu", t->sealed_bytes, record.n);
        return break_off(t, ERR_TLS, mem_strdup("sealed bytes were taken back"));
    }
    t->is_more = is_more;
    forget_errors();
    int n = SSL_write(t->ssl, record.p, (int)record.n);
    t->is_more = false;
    if (n > 0) {
        t->sealed_bytes = 0;
        return n;
    }
    bool wants_write;
    int e = result_of(c, n, &wants_write);
    if (e == ERR_AGAIN) {
        if (t->sealed_bytes == 0)
            t->sealed_bytes = record.n;
        t->does_write_wait_to_read = !wants_write;
        c->may_write = false;
    }
    return e == 0 ? ERR_CLOSED : e;
}

/* How long the next record may be; never less than what is sealed and must come again. */
static size_t record_limit(struct conn_tls *t)
{
    if (t->burst_bytes >= BURST_BYTES || t->sealed_bytes > BURST_RECORD_BYTES)
        return RECORD_MAX_BYTES;
    return BURST_RECORD_BYTES;
}

static void note_sent(struct conn_tls *t, size_t n)
{
    if (t->burst_bytes < BURST_BYTES)
        t->burst_bytes += n;
}

static ssize_t write_records(struct conn *c, const struct iovec *v, int count, bool more)
{
    struct conn_tls *t = tls_of(c);
    struct rest rest = {.v = v, .count = count};
    size_t all = 0, done = 0;
    ssize_t n = 0;
    char *room = loop_buf_get(c->loop);
    msec_t now = loop_now(c->loop);
    if (now - t->sent_at >= BURST_SILENCE_MS)
        t->burst_bytes = 0;
    t->sent_at = now;
    for (int i = 0; i < count; i++)
        all += v[i].iov_len;
    while (done < all && n >= 0) {
        struct span record = rest_record(&rest, t->sealed_bytes, record_limit(t), room);
        n = seal(c, record, more || done + record.n < all);
        if (n > 0) {
            done += (size_t)n;
            note_sent(t, (size_t)n);
            rest_skip(&rest, (size_t)n);
        }
    }
    loop_buf_put(c->loop, room);
    return done > 0 ? (ssize_t)done : n;
}

static ssize_t tls_writev(struct conn *c, const struct iovec *v, int count, bool more)
{
    struct conn_tls *t = tls_of(c);
    if (t->phase == BROKEN)
        return t->error;
    if (!c->may_write || t->phase == SHAKING)
        return ERR_AGAIN;
    if (!c->has_sendfile)
        return write_records(c, v, count, more);
    ssize_t n = conn_socket_sendv(c, v, count, more); /* the kernel seals */
    c->may_write = c->can_send;
    return n;
}

static int tls_end_write(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    if (t->phase == BROKEN)
        return t->error;
    if (t->has_said_goodbye)
        return 0;
    if (t->phase == SHAKING || t->sealed_bytes > 0)
        return ERR_AGAIN;
    ERR_clear_error();
    int ret = SSL_shutdown(t->ssl);
    bool wants_write;
    int e = ret >= 0 ? 0 : result_of(c, ret, &wants_write);
    t->has_said_goodbye = e == 0;
    if (e == ERR_AGAIN)
        c->may_write = false;
    return e;
}

static void tls_finish(struct conn *c, bool is_reset)
{
    struct conn_tls *t = tls_of(c);
    if (!is_reset && t->phase == OPEN)
        (void)tls_end_write(c); /* tried once: nobody waits for a peer that does not read */
    handshake_unqueue(&t->step);
    SSL_free(t->ssl);
    ERR_clear_error();
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
    if (!put_on_socket(&t->base, tls_client_ssl(client, name)))
        break_off(t, ERR_TLS, tls_error_text("not a name that a certificate can bear"));
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

bool conn_is_ready(const struct conn *c)
{
    const struct conn_tls *t = tls_in(c);
    return t == NULL || t->phase == OPEN;
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
