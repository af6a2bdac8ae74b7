/* SPDX-License-Identifier: MIT
 * A message's bytes in order, how far they went, and the system calls that carry them. Decides
 * neither when to write nor what follows. Runs on the connection's loop. */
#include "lib/web/h1_out.h"

#include "lib/base/err.h"

#include <unistd.h>

/* From this size on sendfile is cheaper than writing from a mapped file: below it, the second
 * system call costs more than the copy. Measured on loopback; see README.md. */
#define SENDFILE_BYTES 32768
/* A piece is cut here and nowhere else: what a turn's budget left of a block would be a small write
 * of its own, block after block. What the kernel sends from a file is not copied: there a large
 * piece saves more than those lose who wait for their turn. */
#define PIECE_BYTES      (256u << 10)
#define FILE_PIECE_BYTES (1u << 20)
/* One chunk of the chunked coding carries at most this much of a piece. */
#define CHUNK_BYTES (1u << 20)

void h1_out_add(struct h1_out *o, struct arena *mem, struct span bytes)
{
    if (o->bytes.n == 0) {
        o->bytes = bytes;
        return;
    }
    struct span parts[] = {o->bytes, bytes};
    o->bytes = arena_join(mem, parts, 2);
}

void h1_out_begin(struct h1_out *o, enum h1_framing framing, int64_t length, struct body *body)
{
    o->has_head = true;
    o->framing = framing;
    o->body = body;
    if (framing == H1_LENGTH)
        o->left = (uint64_t)length;
    o->is_body_whole = framing == H1_NO_BODY || (framing == H1_LENGTH && o->left == 0);
}

void h1_gather_init(struct h1_gather *g, const struct conn *c, size_t budget)
{
    g->count = 0;
    g->bytes = 0;
    g->budget = budget;
    g->may_sendfile = conn_has_sendfile(c);
    g->is_end_near = false;
    g->file.len = 0;
}

static void gather_add(struct h1_gather *g, const void *p, size_t n)
{
    if (n == 0)
        return;
    g->v[g->count].iov_base = (void *)(uintptr_t)p;
    g->v[g->count++].iov_len = n;
    g->bytes += n;
}

/* The next chunk's head, or the last one, into o->line. */
static void begin_chunk(struct h1_out *o, uint64_t n)
{
    char *at = o->line;
    if (o->has_chunk)
        at = mempcpy(at, "\r\n", 2);
    at += chunked_write_head(at, n);
    if (n == 0) {
        at = mempcpy(at, "\r\n", 2);
        o->is_body_whole = true;
    }
    o->has_chunk = true;
    o->left = n;
    o->line_at = 0;
    o->line_n = (uint8_t)(at - o->line);
}

/* What the body offers next, cut to what the framing takes. Results as body_peek. */
static int next_piece(struct h1_out *o, struct body_piece *piece)
{
    if (o->body == NULL)
        return ERR_TRUNCATED;
    int r = body_peek(o->body, piece);
    if (r < 0)
        return r;
    if (r == 0 && (o->framing == H1_LENGTH || o->left > 0))
        return ERR_TRUNCATED;
    if (r == 0 && o->framing == H1_UNTIL_CLOSE)
        o->is_body_whole = true;
    if (o->framing == H1_CHUNKS && o->left == 0) {
        uint64_t n = r == 0 ? 0 : piece->len;
        begin_chunk(o, n < CHUNK_BYTES ? n : CHUNK_BYTES);
    }
    if (r == 1 && o->framing != H1_UNTIL_CLOSE && piece->len > o->left) {
        o->is_too_long = o->framing == H1_LENGTH;
        piece->len = (size_t)o->left;
    }
    return r;
}

static bool goes_by_file(const struct h1_gather *g, const struct body_piece *piece)
{
    if (piece->mem == NULL)
        return true;
    return g->may_sendfile && piece->fd >= 0 && piece->len >= SENDFILE_BYTES;
}

int h1_out_gather(struct h1_out *o, struct h1_gather *g)
{
    if (g->count + 3 > H1_GATHER_PIECES || g->bytes >= g->budget)
        return 0;
    gather_add(g, o->bytes.p, o->bytes.n);
    if (!o->has_head)
        return 0;
    struct body_piece piece = {0};
    int r = o->is_body_whole ? 0 : next_piece(o, &piece);
    gather_add(g, o->line + o->line_at, (size_t)(o->line_n - o->line_at));
    if (r <= 0)
        return r == 0 ? 1 : r;
    bool is_by_file = goes_by_file(g, &piece);
    size_t most = is_by_file ? FILE_PIECE_BYTES : PIECE_BYTES;
    bool is_cut = piece.len > most;
    if (is_cut)
        piece.len = most;
    if (is_by_file) {
        g->file = piece;
        return 0;
    }
    gather_add(g, piece.mem, piece.len);
    return !is_cut && o->framing == H1_LENGTH && piece.len == o->left ? 1 : 0;
}

/* For files that cannot be sent by the kernel: through a buffer of the loop. */
static ssize_t write_loaded(struct h1_gather *g, struct conn *c)
{
    void *buf = loop_buf_get(conn_loop(c));
    size_t want = g->file.len < LOOP_BUF_BYTES ? g->file.len : LOOP_BUF_BYTES;
    ssize_t n = pread(g->file.fd, buf, want, g->file.from);
    if (n > 0) {
        g->v[g->count++] = (struct iovec){.iov_base = buf, .iov_len = (size_t)n};
        n = conn_writev(c, g->v, g->count, false);
    } else {
        n = n == 0 ? ERR_TRUNCATED : ERR_IO;
    }
    loop_buf_put(conn_loop(c), buf);
    return n;
}

ssize_t h1_gather_write(struct h1_gather *g, struct conn *c)
{
    if (g->file.len > 0 && !g->may_sendfile)
        return write_loaded(g, c);
    ssize_t n = 0;
    if (g->count > 0) {
        n = conn_writev(c, g->v, g->count, g->file.len > 0 || g->is_end_near);
        if (n < (ssize_t)g->bytes)
            return n;
    }
    if (g->file.len == 0)
        return n;
    ssize_t m = conn_sendfile(c, g->file.fd, g->file.from, g->file.len, false);
    if (m > 0)
        return n + m;
    return n > 0 ? n : m; /* what is wrong shows again at the next try */
}

static size_t at_most(size_t n, uint64_t bound)
{
    return n < bound ? n : (size_t)bound;
}

size_t h1_out_sent(struct h1_out *o, size_t n)
{
    size_t bytes = at_most(n, o->bytes.n), rest = n - bytes;
    o->bytes = span_skip(o->bytes, bytes);
    size_t line = at_most(rest, (uint64_t)(o->line_n - o->line_at));
    o->line_at = (uint8_t)(o->line_at + line);
    rest -= line;
    o->head_bytes += bytes + line;
    if (o->is_body_whole || rest == 0)
        return bytes + line;
    size_t body = o->framing == H1_UNTIL_CLOSE ? rest : at_most(rest, o->left);
    body_advance(o->body, body);
    o->body_bytes += body;
    if (o->framing != H1_UNTIL_CLOSE)
        o->left -= body;
    o->is_body_whole = o->framing == H1_LENGTH && o->left == 0;
    return bytes + line + body;
}

uint64_t h1_out_untaken(struct h1_out *o, uint64_t n)
{
    uint64_t body = at_most(o->body_bytes, n), head = at_most(o->head_bytes, n - body);
    o->body_bytes -= body;
    o->head_bytes -= head;
    return body + head;
}

bool h1_out_is_over(const struct h1_out *o)
{
    return o->has_head && o->is_body_whole && o->bytes.n == 0 && o->line_at == o->line_n;
}

bool h1_out_overran(const struct h1_out *o)
{
    struct body_piece piece;
    if (o->framing != H1_LENGTH || o->body == NULL)
        return false;
    return o->is_too_long || body_peek(o->body, &piece) == 1;
}

bool h1_out_is_at_hand(const struct h1_out *o, size_t max_bytes)
{
    if (!o->has_head)
        return false;
    if (o->is_body_whole)
        return true;
    struct body_piece piece;
    if (o->framing != H1_LENGTH || o->left > max_bytes || o->body == NULL)
        return false;
    return body_peek(o->body, &piece) == 1 && piece.mem != NULL && piece.len == o->left;
}
