/* SPDX-License-Identifier: MIT
 * What a record is made of, and how records go: sealed by us several at a time, or by OpenSSL one
 * by one (TLS 1.2, and where it does not give its keys away). On the loop's thread. */
#include "lib/net/tls_write.h"

#include "lib/base/err.h"

#define DIRECT_MIN_BYTES ((size_t)4096) /* a piece of that size is a record of its own */
/* A record can be read when it is there whole. While the peer's window is still small (at the start
 * and after a silence, RFC 5681 s.4.1) large ones would each wait for another round trip. */
#define BURST_BYTES        ((size_t)65536)
#define BURST_RECORD_BYTES ((size_t)4096)
#define BURST_SILENCE_MS   1000

_Static_assert(LOOP_BUF_BYTES >= TLS_PLAIN_MAX, "a record is gathered in one loop buffer");

/* What of v is left to write: from byte `at` of piece i. */
struct plain {
    const struct iovec *v;
    int count, i;
    size_t at;
};

static void plain_skip(struct plain *r, size_t n)
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

/* How long the next record may be. */
static size_t record_limit(const struct conn_tls *t)
{
    return t->burst_bytes >= BURST_BYTES ? TLS_PLAIN_MAX : BURST_RECORD_BYTES;
}

static void note_sealed(struct conn_tls *t, size_t n)
{
    if (t->burst_bytes < BURST_BYTES)
        t->burst_bytes += (uint32_t)n;
    t->records++;
}

/* AES-GCM tells something of what it hides after 2^24.5 records with one key (RFC 8446 s.5.5). Of
 * TLS 1.2, which has no such limit in its RFC, the key lasts as long as the connection. */
static void limit_key(struct conn_tls *t)
{
    if (t->records >= TLS_KEY_RECORDS && SSL_version(t->ssl) == TLS1_3_VERSION &&
        SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
        t->records = 0;
}

/* ---- by OpenSSL ---- */

/* The next record's bytes, at most limit: a large piece where it stands, small ones gathered into
 * room. */
static struct span next_record(const struct plain *r, size_t limit, char *room)
{
    size_t here = r->v[r->i].iov_len - r->at, n = 0;
    const char *p = (const char *)r->v[r->i].iov_base + r->at;
    bool is_last = r->i + 1 == r->count;
    if (is_last || here >= DIRECT_MIN_BYTES)
        return span_make(p, here < limit ? here : limit);
    struct plain from = *r;
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
    bool wants_write;
    t->is_more = is_more;
    tls_stream_forget_errors();
    int n = SSL_write(t->ssl, record.p, (int)record.n);
    t->is_more = false;
    if (n <= 0) {
        int e = tls_stream_result(c, n, &wants_write);
        t->does_write_wait_to_read = e == ERR_AGAIN;
        return e == 0 ? ERR_CLOSED : e;
    }
    note_sealed(t, (size_t)n);
    if (t->rest != NULL) {
        t->rest_bytes = (size_t)n;
        return ERR_AGAIN;
    }
    t->untold_bytes = 0;
    return n;
}

static ssize_t write_one_by_one(struct conn *c, struct plain *r, size_t all, bool more)
{
    struct conn_tls *t = tls_of(c);
    size_t done = 0;
    ssize_t n = 0;
    char *room = loop_buf_get(c->loop);
    while (done < all && n >= 0) {
        limit_key(t);
        struct span record = next_record(r, record_limit(t), room);
        n = seal(c, record, more || done + record.n < all);
        if (n > 0) {
            done += (size_t)n;
            plain_skip(r, (size_t)n);
        }
    }
    loop_buf_put(c->loop, room);
    if (n == ERR_AGAIN)
        c->may_write = false;
    return done > 0 ? (ssize_t)done : n;
}

/* ---- by us ---- */

/* So much is sealed without asking whether there is room for it. */
#define UNASKED_BYTES (4 * TLS_SEALED_MAX)

/* The next record, of at most limit bytes, into out. Returns how many bytes are in it. */
static size_t seal_next(struct conn_tls *t, struct plain *r, size_t limit, unsigned char *out)
{
    struct iovec v[CONN_MAX_PIECES];
    struct plain from = *r;
    size_t n = 0;
    int count = 0;
    while (n < limit && from.i < from.count) {
        size_t k = from.v[from.i].iov_len - from.at;
        k = k < limit - n ? k : limit - n;
        v[count++] = (struct iovec){(char *)from.v[from.i].iov_base + from.at, k};
        n += k;
        from.at = 0;
        from.i++;
    }
    (void)tls_seal_record(t->seal, TLS_RECORD_DATA, v, count, out);
    note_sealed(t, n);
    plain_skip(r, n);
    return n;
}

/* The more go at once the less often the peer's kernel is woken, and we are; but what a slow peer's
 * socket does not take is sealed and kept for it. */
static size_t sealed_at_once(const struct conn *c, size_t left)
{
    size_t room = left <= UNASKED_BYTES ? UNASKED_BYTES : conn_socket_room(c);
    return room < TLS_SEAL_ROOM ? room : TLS_SEAL_ROOM;
}

static ssize_t write_several(struct conn *c, struct plain *r, size_t all, bool more)
{
    struct conn_tls *t = tls_of(c);
    unsigned char *room = tls_seal_room(t->seal);
    size_t done = 0;
    int e = 0;
    while (e == 0 && done < all) {
        size_t n = 0, sealed = 0;
        size_t most = sealed_at_once(c, all - done);
        do {
            size_t bytes = seal_next(t, r, record_limit(t), room + sealed);
            n += bytes;
            sealed += bytes + TLS_SEALED_ADD;
        } while (done + n < all && sealed + TLS_SEALED_MAX <= most);
        e = tls_stream_send(c, room, sealed, more || done + n < all);
        if (e != 0) {
            t->rest_bytes = n;
        } else {
            t->untold_bytes = 0;
            done += n;
        }
    }
    if (e == ERR_AGAIN)
        c->may_write = false;
    return done > 0 ? (ssize_t)done : e;
}

/* A peer that has changed its key may want ours changed too, before we say more: OpenSSL announces
 * the new one with what it writes next, if only nothing. From then on it seals. */
static int renew_key(struct conn *c)
{
    struct conn_tls *t = tls_of(c);
    size_t n;
    bool wants_write;
    limit_key(t);
    if (SSL_get_key_update_type(t->ssl) == SSL_KEY_UPDATE_NONE)
        return 0;
    tls_stream_forget_errors();
    int ret = SSL_write_ex(t->ssl, "", 0, &n);
    if (ret == 1)
        return 0;
    int e = tls_stream_result(c, ret, &wants_write);
    if (e == ERR_AGAIN) {
        t->does_write_wait_to_read = !wants_write;
        c->may_write = false;
    }
    return e == 0 ? ERR_CLOSED : e;
}

/* What waited is sent: so many of the caller's bytes are written. Results as tls_stream_flush. */
static int take_rest(struct conn *c, size_t all, size_t *done)
{
    struct conn_tls *t = tls_of(c);
    int e = tls_stream_flush(c);
    if (e != 0)
        return e;
    *done = t->rest_bytes < all ? t->rest_bytes : all;
    t->rest_bytes -= *done;
    t->untold_bytes = (uint32_t)t->rest_bytes;
    return 0;
}

ssize_t tls_write(struct conn *c, const struct iovec *v, int count, bool more)
{
    struct conn_tls *t = tls_of(c);
    struct plain plain = {.v = v, .count = count};
    msec_t now = loop_now(c->loop);
    size_t all = 0, before = 0;
    if (now - t->sent_at >= BURST_SILENCE_MS)
        t->burst_bytes = 0;
    t->sent_at = now;
    for (int i = 0; i < count; i++)
        all += v[i].iov_len;
    int e = take_rest(c, all, &before);
    if (e == ERR_AGAIN)
        c->may_write = false;
    if (e != 0 || before == all)
        return e != 0 ? e : (ssize_t)before;
    CHECK(t->rest_bytes == 0); /* what waits is sealed: never again, with another number */
    plain_skip(&plain, before);
    if (t->seal != NULL && (e = renew_key(c)) != 0)
        return before > 0 ? (ssize_t)before : e;
    ssize_t n = t->seal != NULL ? write_several(c, &plain, all - before, more)
                                : write_one_by_one(c, &plain, all - before, more);
    return n > 0 || before == 0 ? n + (ssize_t)before : (ssize_t)before;
}
