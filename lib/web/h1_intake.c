/* SPDX-License-Identifier: MIT
 * Reading for HTTP/1 sessions: one read brings as many heads and body bytes as the socket has.
 * What the bytes mean is lib/http's. Runs on the connection's loop. */
#include "lib/web/h1_intake.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* So few bytes that wait for the rest of a head are kept in a block of their size: who sends a byte
 * now and then holds no buffer. */
#define KEPT_BYTES 1024

void h1_intake_init(struct h1_intake *in, struct conn *c, counter_t *received)
{
    *in = (struct h1_intake){.conn = c, .received = received};
}

static void drop_buf(struct h1_intake *in)
{
    if (in->is_kept)
        mem_free(in->buf);
    else if (in->buf != NULL)
        loop_buf_put(conn_loop(in->conn), in->buf);
    in->buf = NULL;
    in->is_kept = false;
}

/* What waits is all that is in the new buffer. */
static void move_to(struct h1_intake *in, char *buf, bool is_kept)
{
    uint32_t waiting = h1_intake_waiting(in);
    memcpy(buf, in->buf + in->at, waiting);
    drop_buf(in);
    in->buf = buf;
    in->is_kept = is_kept;
    in->at = 0;
    in->filled = waiting;
}

void h1_intake_release(struct h1_intake *in)
{
    drop_buf(in);
    in->at = in->filled = 0;
    in->piece = SPAN_NONE;
}

/* What waits was looked at and is no whole head: no piece can come of it without another read. */
static bool is_part_of_head(const struct h1_intake *in)
{
    return in->body == H1_BODY_NONE && in->scan.at > 0;
}

void h1_intake_rest(struct h1_intake *in)
{
    uint32_t waiting = h1_intake_waiting(in);
    if (in->piece.n > 0)
        return;
    if (waiting == 0)
        h1_intake_release(in);
    else if (is_part_of_head(in) && waiting <= KEPT_BYTES && !in->is_kept)
        move_to(in, mem_alloc(waiting), true);
}

bool h1_intake_has_room(const struct h1_intake *in)
{
    return in->piece.n == 0 ? h1_intake_waiting(in) < LOOP_BUF_BYTES : in->filled < LOOP_BUF_BYTES;
}

/* Room at the end: bytes that wait move to the front, but never a piece that somebody holds. */
static void make_room(struct h1_intake *in)
{
    if (in->buf == NULL)
        in->buf = loop_buf_get(conn_loop(in->conn));
    else if (in->is_kept)
        move_to(in, loop_buf_get(conn_loop(in->conn)), false);
    if (in->at == 0 || in->piece.n > 0)
        return;
    uint32_t waiting = h1_intake_waiting(in);
    if (waiting > 0 && in->filled < LOOP_BUF_BYTES)
        return;
    memmove(in->buf, in->buf + in->at, waiting);
    in->at = 0;
    in->filled = waiting;
}

ssize_t h1_intake_read(struct h1_intake *in)
{
    if (in->has_ended)
        return 0;
    if (!h1_intake_has_room(in))
        return ERR_NO_SPACE;
    make_room(in);
    ssize_t n = conn_read(in->conn, in->buf + in->filled, LOOP_BUF_BYTES - in->filled);
    if (n == 0)
        in->has_ended = true;
    if (n > 0) {
        in->filled += (uint32_t)n;
        counter_add(in->received, (uint64_t)n);
    }
    return n;
}

int h1_intake_head(struct h1_intake *in, uint32_t max_bytes)
{
    uint32_t waiting = h1_intake_waiting(in);
    if (waiting == 0)
        return 0;
    int n = h1_scan(&in->scan, in->buf + in->at, waiting);
    if (n < 0)
        return n;
    if ((uint32_t)n > max_bytes || (n == 0 && waiting >= max_bytes))
        return ERR_TOO_BIG;
    return n;
}

void h1_intake_take(struct h1_intake *in, uint32_t n)
{
    CHECK(n <= h1_intake_waiting(in));
    in->at += n;
    in->scan = (struct h1_scan){0};
}

void h1_intake_begin_body(struct h1_intake *in, int64_t content_length)
{
    CHECK(in->piece.n == 0);
    in->body = H1_BODY_NONE;
    if (content_length == LENGTH_UNKNOWN) {
        in->body = H1_BODY_CHUNKED;
        chunked_init(&in->chunked);
    } else if (content_length > 0) {
        in->body = H1_BODY_LENGTH;
        in->body_left = (uint64_t)content_length;
    }
}

/* Fewer sure bytes of a chunk than this are read together with the framing behind them. */
#define DIRECT_BYTES 4096

/* 1: a piece; 0: the body is over; ERR_AGAIN: all that waits is used; ERR_PROTOCOL. */
static int decode(struct h1_intake *in)
{
    struct span rest = h1_intake_span(in, h1_intake_waiting(in));
    if (in->body != H1_BODY_CHUNKED) {
        bool is_bounded = in->body == H1_BODY_LENGTH && rest.n > in->body_left;
        in->piece = span_make(rest.p, is_bounded ? (size_t)in->body_left : rest.n);
        in->at += (uint32_t)in->piece.n;
        return in->piece.n > 0 ? 1 : ERR_AGAIN;
    }
    enum chunked_event e = chunked_next(&in->chunked, &rest, &in->piece);
    in->at = in->filled - (uint32_t)rest.n;
    if (e != CHUNKED_DATA)
        in->piece = SPAN_NONE;
    if (e == CHUNKED_END)
        in->body = H1_BODY_NONE;
    if (e == CHUNKED_DATA)
        return 1;
    return e == CHUNKED_END ? 0 : e == CHUNKED_MORE ? ERR_AGAIN : ERR_PROTOCOL;
}

int h1_intake_body(struct h1_intake *in, struct span *data)
{
    while (in->piece.n == 0) {
        if (in->body == H1_BODY_NONE)
            return 0;
        int r = h1_intake_waiting(in) > 0 ? decode(in) : ERR_AGAIN;
        if (r == ERR_AGAIN) {
            ssize_t n = h1_intake_read(in);
            if (n <= 0) {
                h1_intake_rest(in);
                return n == 0 ? ERR_TRUNCATED : (int)n;
            }
        } else if (r != 1) {
            return r;
        }
    }
    *data = in->piece;
    return 1;
}

static void count_length(struct h1_intake *in, size_t n)
{
    in->body_left -= n;
    if (in->body_left == 0)
        in->body = H1_BODY_NONE;
}

void h1_intake_take_body(struct h1_intake *in, size_t n)
{
    CHECK(n <= in->piece.n);
    in->piece = span_skip(in->piece, n);
    if (in->body == H1_BODY_LENGTH)
        count_length(in, n);
}

/* Nothing waits: more from the socket. > 0: that many went to dst; 0: look again. */
static ssize_t read_body(struct h1_intake *in, void *dst, size_t room)
{
    uint64_t direct = UINT64_MAX;
    if (in->body == H1_BODY_LENGTH)
        direct = in->body_left;
    else if (in->body == H1_BODY_CHUNKED)
        direct = chunked_direct(&in->chunked);
    bool is_direct = in->body != H1_BODY_CHUNKED || direct >= DIRECT_BYTES;
    ssize_t n;
    if (is_direct) {
        n = conn_read(in->conn, dst, room < direct ? room : (size_t)direct);
        in->has_ended = n == 0;
    } else {
        n = h1_intake_read(in);
    }
    if (n == 0) {
        bool is_end = in->body == H1_BODY_UNTIL_CLOSE;
        in->body = is_end ? H1_BODY_NONE : in->body;
        return is_end ? 0 : ERR_TRUNCATED;
    }
    if (n > 0 && is_direct) {
        counter_add(in->received, (uint64_t)n);
        if (in->body == H1_BODY_CHUNKED)
            chunked_skip(&in->chunked, (uint64_t)n);
        else if (in->body == H1_BODY_LENGTH)
            count_length(in, (size_t)n);
        return n;
    }
    return n > 0 ? 0 : n;
}

ssize_t h1_intake_copy_body(struct h1_intake *in, void *dst, size_t room)
{
    ssize_t n = 0;
    CHECK(room > 0);
    while (in->piece.n == 0 && in->body != H1_BODY_NONE && n == 0) {
        int r = h1_intake_waiting(in) > 0 ? decode(in) : ERR_AGAIN;
        if (r == ERR_AGAIN)
            n = read_body(in, dst, room);
        else if (r < 0)
            n = r;
    }
    if (in->piece.n > 0) {
        n = (ssize_t)(room < in->piece.n ? room : in->piece.n);
        memcpy(dst, in->piece.p, (size_t)n);
        h1_intake_take_body(in, (size_t)n);
    }
    h1_intake_rest(in);
    return n;
}
