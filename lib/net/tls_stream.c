/* SPDX-License-Identifier: MIT
 * Between OpenSSL and the socket. The BIO is OpenSSL's socket BIO with three things of its own:
 *
 *   - reading and writing know from conn.c whether the socket has something to give, so no system
 *     call is made only to hear EAGAIN, and announce with MSG_MORE that more records follow;
 *   - keys that OpenSSL offers to a kernel which would seal (kTLS) and that no kernel takes, are
 *     taken by us (tls_seal.h). From then on what OpenSSL has to say by itself (tickets, alerts)
 *     comes here unsealed, as it would for a kernel, and gets its turn among the records of data;
 *   - once a new key has been announced (KeyUpdate, RFC 8446 s.4.6.3) OpenSSL seals again: it
 *     alone knows that key. A peer asks for that after so many gigabytes, if ever.
 *
 * On the loop's thread. */
#include "lib/net/tls_stream.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>

/* As reserved by openssl/bio.h, which names them in a comment. */
#define CTRL_SET_KTLS          72
#define CTRL_SET_KTLS_CTRL_MSG 74

#define KEY_UPDATE       24 /* RFC 8446 s.4 */
#define KEY_UPDATE_BYTES 5  /* type, length of three bytes, what it asks for */
/* A read that goes on so long without data is somebody's who sends messages of the handshake
 * (KeyUpdate) without end: OpenSSL would take them all before it comes back. Data needs two. */
#define READS_MOST 4

/* ---- sealed bytes ---- */

/* The peer may be slow to make room for a record: what it takes of one is progress of its own, and
 * counted before the record is told as written. */
static ssize_t to_socket(struct conn *c, const void *p, size_t bytes, bool more)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)p, .iov_len = bytes};
    ssize_t n = conn_socket_sendv(c, &v, 1, more);
    if (n > 0)
        tls_of(c)->untold_bytes += (uint32_t)n;
    return n;
}

static int broken(struct conn *c)
{
    return tls_stream_break(tls_of(c), ERR_CLOSED, mem_strdup("connection broken"));
}

int tls_stream_flush(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    while (t->rest != NULL) {
        struct tls_rest *r = t->rest;
        ssize_t n = to_socket(c, r->bytes + r->at, r->end - r->at, false);
        if (n < 0)
            return n == ERR_AGAIN ? ERR_AGAIN : broken(c);
        r->at += (size_t)n;
        if (r->at == r->end) {
            t->rest = NULL;
            mem_free(r);
        }
    }
    return 0;
}

static void keep(struct conn_tls *t, const unsigned char *p, size_t n)
{
    struct tls_rest *old = t->rest;
    size_t before = old != NULL ? old->end - old->at : 0;
    t->rest = mem_alloc(sizeof(*t->rest) + before + n);
    t->rest->at = 0;
    t->rest->end = before + n;
    if (before > 0)
        memcpy(t->rest->bytes, old->bytes + old->at, before);
    memcpy(t->rest->bytes + before, p, n);
    mem_free(old);
}

int tls_stream_send(struct conn *c, const unsigned char *p, size_t n, bool more)
{
    int e = tls_stream_flush(c);
    if (e != 0 && e != ERR_AGAIN)
        return e;
    ssize_t sent = e == 0 ? to_socket(c, p, n, more) : 0;
    if (sent < 0 && sent != ERR_AGAIN)
        return broken(c);
    size_t taken = sent > 0 ? (size_t)sent : 0;
    if (taken == n)
        return 0;
    keep(tls_of(c), p + taken, n - taken);
    return ERR_AGAIN;
}

/* ---- the BIO ---- */

static bool is_flood(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    if (t->phase == TLS_SHAKING || t->reads < READS_MOST)
        return false;
    tls_stream_break(t, ERR_TLS, mem_strdup("too much that is no data"));
    return true;
}

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
    if (is_flood(c))
        return -1;
    ssize_t n = conn_socket_recv(c, dst, (size_t)room);
    if (n == ERR_AGAIN)
        BIO_set_retry_read(b);
    else if (n == 0)
        BIO_set_flags(b, BIO_FLAGS_IN_EOF);
    else if (n > 0)
        tls_of(c)->reads++;
    return n < 0 ? -1 : (int)n;
}

/* A new key follows this message, and OpenSSL has it. Nothing else may pass for one: OpenSSL would
 * go on with the key that we have used, and with numbers that we have used. */
static bool is_key_update(const struct conn_tls *t, const char *p, int bytes)
{
    static const char head[] = {KEY_UPDATE, 0, 0, 1};
    return t->control == TLS_RECORD_HANDSHAKE && bytes == KEY_UPDATE_BYTES &&
           memcmp(p, head, sizeof(head)) == 0;
}

/* What OpenSSL says by itself, in a record of ours. It is little, so it is taken whatever waits. */
static int write_control(struct conn *c, const char *p, int bytes)
{
    struct conn_tls *t = tls_of(c);
    unsigned char *room = tls_seal_room(t->seal);
    int done = bytes < (int)TLS_PLAIN_MAX ? bytes : (int)TLS_PLAIN_MAX;
    struct iovec v = {.iov_base = (void *)(uintptr_t)p, .iov_len = (size_t)done};
    size_t n = tls_seal_record(t->seal, t->control, &v, 1, room);
    int e = tls_stream_send(c, room, n, t->is_more);
    if (is_key_update(t, p, bytes))
        tls_seal_destroy(&t->seal);
    return e == 0 || e == ERR_AGAIN ? done : -1;
}

/* A record is taken whole, always: OpenSSL with half of one on its way fails when its peer wants
 * another key meanwhile. What the socket leaves is known from `rest`. */
static int take_sealed(struct conn *c, const char *p, int bytes)
{
    int e = tls_stream_send(c, (const unsigned char *)p, (size_t)bytes, tls_of(c)->is_more);
    return e == 0 || e == ERR_AGAIN ? bytes : -1;
}

static int bio_write(BIO *b, const char *p, int bytes)
{
    struct conn *c = BIO_get_app_data(b);
    BIO_clear_retry_flags(b);
    if (tls_of(c)->seal != NULL)
        return write_control(c, p, bytes);
    if (BIO_get_ktls_send(b)) {
        int n = BIO_meth_get_write(BIO_s_socket())(b, p, bytes);
        if (n < 0 && BIO_should_retry(b))
            c->can_send = false;
        return n;
    }
    if (tls_of(c)->phase != TLS_SHAKING)
        return take_sealed(c, p, bytes);
    ssize_t n = to_socket(c, p, (size_t)bytes, false);
    if (n == ERR_AGAIN)
        BIO_set_retry_write(b);
    return n < 0 ? -1 : (int)n;
}

/* A direction's keys, for a kernel: whether anybody takes them. */
static long take_keys(BIO *b, bool is_send, void *keys)
{
    struct conn *c = BIO_get_app_data(b);
    struct conn_tls *t = tls_of(c);
    if (tls_has_kernel() && BIO_meth_get_ctrl(BIO_s_socket())(b, CTRL_SET_KTLS, is_send, keys) > 0)
        return 1;
    if (!is_send)
        return 0;
    if (t->seal != NULL) { /* its numbers would begin anew */
        tls_stream_break(t, ERR_TLS, mem_strdup("keys offered twice"));
        return 0;
    }
    t->seal = tls_seal_create(c->loop, keys);
    t->control = TLS_RECORD_HANDSHAKE;
    return t->seal != NULL;
}

static long bio_ctrl(BIO *b, int what, long n, void *p)
{
    struct conn *c = BIO_get_app_data(b);
    if (what == CTRL_SET_KTLS)
        return take_keys(b, n != 0, p);
    if (c == NULL || tls_of(c)->seal == NULL)
        return BIO_meth_get_ctrl(BIO_s_socket())(b, what, n, p);
    switch (what) {
    case BIO_CTRL_GET_KTLS_SEND:
        return 1;
    case CTRL_SET_KTLS_CTRL_MSG:
        tls_of(c)->control = (uint8_t)n;
        return 0;
    default:
        return BIO_meth_get_ctrl(BIO_s_socket())(b, what, n, p);
    }
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
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
}

bool tls_stream_open(struct conn *c, SSL *ssl)
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

/* Clearing what is empty would be a twentieth of a small answer. */
void tls_stream_forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

int tls_stream_break(struct conn_tls *t, int error, char *text)
{
    if (t->phase == TLS_SHAKING)
        t->handshake_error = error;
    t->phase = TLS_BROKEN;
    t->error = error;
    mem_free(t->error_text);
    t->error_text = text;
    return error;
}

int tls_stream_result(struct conn *c, int ret, bool *wants_write)
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
            return tls_stream_break(t, ERR_TLS, tls_error_text("TLS failed"));
        ERR_clear_error();
        return tls_stream_break(t, ERR_CLOSED, mem_strdup("connection ended without close_notify"));
    default:
        ERR_clear_error();
        if (t->phase == TLS_BROKEN) /* the BIO has said why */
            return t->error;
        return tls_stream_break(t, ERR_CLOSED, mem_strdup("connection broken"));
    }
}
