/* SPDX-License-Identifier: MIT
 * DATA frames. nghttp2 decides which stream is next and how much its windows allow, asks for the
 * payload (h2_frame_read prepares a frame), and then for the frame to be sent (h2_frame_send puts
 * it into the queue). Runs on the connection's loop. */
#include "lib/web/h2_frame.h"

#include "lib/base/err.h"

#include <unistd.h>

#define HEAD_BYTES 9
/* With its head a frame fills one buffer of the loop and one TLS record. */
#define PAYLOAD_BYTES (LOOP_BUF_BYTES - HEAD_BYTES)
/* Up to here copying is cheaper than another piece in the write. */
#define COPY_BYTES 2048

ssize_t h2_frame_length(nghttp2_session *ng, uint8_t type, int32_t id, int32_t conn_window,
                        int32_t stream_window, uint32_t max_frame,
                        void *session) /* limit: a callback of nghttp2 */
{
    (void)ng;
    (void)type;
    (void)id;
    (void)conn_window;
    (void)stream_window;
    (void)max_frame;
    (void)session;
    return PAYLOAD_BYTES; /* nghttp2 cuts it to what the windows allow */
}

/* nghttp2 resets the stream: the client must not take it for whole. */
static ssize_t broken(struct h2_stream *st, int err)
{
    st->err = err;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static ssize_t defer(struct h2_stream *st)
{
    st->is_deferred = true;
    st->session->deferred++;
    return NGHTTP2_ERR_DEFERRED;
}

static ssize_t stage_end(struct h2_stream *st)
{
    struct h2_frame *f = &st->session->frame;
    if (st->left > 0)
        return broken(st, ERR_TRUNCATED);
    char *room = h2_out_reserve(&st->session->out, HEAD_BYTES);
    if (room == NULL)
        return NGHTTP2_ERR_PAUSE;
    *f = (struct h2_frame){.room = room, .is_last = true};
    return 0;
}

static ssize_t stage_lent(struct h2_stream *st, const struct body_piece *piece)
{
    struct h2_frame *f = &st->session->frame;
    char *room = h2_out_reserve(&st->session->out, HEAD_BYTES);
    if (room == NULL)
        return NGHTTP2_ERR_PAUSE;
    if (st->left != LENGTH_UNKNOWN)
        st->left -= (int64_t)piece->len;
    *f = (struct h2_frame){.room = room,
                           .payload = span_make(piece->mem, piece->len),
                           .is_lent = true,
                           .is_last = st->left == 0};
    return (ssize_t)piece->len;
}

static ssize_t stage_copy(struct h2_stream *st, const struct body_piece *piece)
{
    struct h2_frame *f = &st->session->frame;
    struct body_piece next;
    char *room = h2_out_reserve(&st->session->out, HEAD_BYTES + piece->len);
    if (room == NULL)
        return NGHTTP2_ERR_PAUSE;
    ssize_t n = (ssize_t)piece->len;
    if (piece->mem != NULL)
        memcpy(room + HEAD_BYTES, piece->mem, piece->len);
    else
        n = pread(piece->fd, room + HEAD_BYTES, piece->len, piece->from);
    if (n <= 0)
        return broken(st, n == 0 ? ERR_TRUNCATED : ERR_IO);
    body_advance(st->body, (size_t)n);
    if (st->left != LENGTH_UNKNOWN)
        st->left -= n;
    bool is_last = st->left == 0;
    if (st->left <= 0) { /* at its announced end, or maybe at an unknown one */
        int r = body_peek(st->body, &next);
        if (r == 1 && is_last)
            return broken(st, ERR_TOO_BIG);
        is_last = is_last || r == 0;
    }
    *f = (struct h2_frame){
        .room = room, .payload = span_make(room + HEAD_BYTES, (size_t)n), .is_last = is_last};
    return n;
}

static ssize_t stage(struct h2_stream *st, size_t room)
{
    struct body_piece piece;
    if (!h2_out_has_room(&st->session->out))
        return NGHTTP2_ERR_PAUSE;
    int r = st->body != NULL ? body_peek(st->body, &piece) : ERR_TRUNCATED;
    if (r == ERR_AGAIN)
        return defer(st);
    if (r <= 0)
        return r == 0 ? stage_end(st) : broken(st, r);
    piece.len -= st->lent_bytes;
    if (piece.len == 0) /* it is all in the queue, and the next comes when it is written */
        return NGHTTP2_ERR_PAUSE;
    if (st->left != LENGTH_UNKNOWN && piece.len > (uint64_t)st->left)
        return broken(st, ERR_TOO_BIG);
    if (piece.mem != NULL)
        piece.mem += st->lent_bytes;
    piece.len = piece.len < room ? piece.len : room;
    bool is_copied = piece.mem == NULL || (piece.len <= COPY_BYTES && st->lent_bytes == 0);
    return is_copied ? stage_copy(st, &piece) : stage_lent(st, &piece);
}

ssize_t h2_frame_read(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t room, uint32_t *flags,
                      nghttp2_data_source *source, void *session) /* limit: a callback of nghttp2 */
{
    struct h2_stream *st = source->ptr;
    (void)ng;
    (void)id;
    (void)buf;
    (void)session;
    ssize_t n = stage(st, room);
    if (n < 0)
        return n;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (st->session->frame.is_last)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return n;
}

int h2_frame_send(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
                  nghttp2_data_source *source, void *session) /* limit: a callback of nghttp2 */
{
    struct h2_stream *st = source->ptr;
    struct h2_session *s = session;
    struct h2_frame *f = &s->frame;
    (void)ng;
    (void)frame;
    CHECK(f->payload.n == length);
    memcpy(f->room, head, HEAD_BYTES);
    if (f->is_lent) {
        h2_out_commit(&s->out, &st->sent, HEAD_BYTES, HEAD_BYTES);
        h2_out_lend(&s->out, &st->sent, f->payload, 0);
        st->lent_bytes += length;
    } else {
        h2_out_commit(&s->out, &st->sent, HEAD_BYTES + length, HEAD_BYTES);
    }
    if (f->is_last)
        h2_stream_whole(st);
    return 0;
}
