/* SPDX-License-Identifier: MIT
 * The HTTP/1 of a client's call: request out, head of the answer in, framing of its body (RFC 9112
 * s.6.3). Calls nobody back; what follows is client.c's. Runs on the client's loop. */
#include "lib/base/err.h"
#include "lib/web/client_call.h"

/* Sent in one go; then the loop goes on to others. */
#define TURN_BYTES (1u << 20)
/* Interim answers of one call; more is not a server but a flood. */
#define INTERIM_MAX 32

static enum h1_framing framing_of(const struct call *c)
{
    if (c->body == NULL)
        return H1_NO_BODY;
    return c->body_length == LENGTH_UNKNOWN ? H1_CHUNKS : H1_LENGTH;
}

void client_h1_begin(struct call *c)
{
    c->conn_in = conn_bytes_in(c->conn);
    c->conn_out = conn_bytes_out(c->conn);
    c->peer = *conn_peer(c->conn);
    c->has_peer = true;
    h1_intake_init(&c->in, c->conn, &c->client->received);
    c->out = (struct h1_out){0};
    c->is_send_blocked = c->is_send_stopped = false;
    h1_out_add(&c->out, &c->mem, c->request);
    h1_out_begin(&c->out, framing_of(c), c->body_length, c->body);
    c->body = NULL;
}

/* The peer reads no more. It may have answered already, so that is no failure yet. */
static void stop_sending(struct call *c)
{
    c->is_send_stopped = true;
    body_close(&c->out.body);
}

int client_h1_send(struct call *c)
{
    size_t left = TURN_BYTES;
    c->is_send_blocked = false;
    while (!c->is_send_stopped && !h1_out_is_over(&c->out)) {
        struct h1_gather g;
        h1_gather_init(&g, c->conn, left);
        int r = h1_out_gather(&c->out, &g);
        if (r < 0 && r != ERR_AGAIN)
            return r;
        bool is_empty = g.bytes == 0 && g.file.len == 0;
        if (is_empty && r == ERR_AGAIN)
            return 0;
        ssize_t n = is_empty ? 0 : h1_gather_write(&g, c->conn);
        if (n == ERR_TRUNCATED)
            return ERR_TRUNCATED;
        c->is_send_blocked = n == ERR_AGAIN;
        if (n == ERR_AGAIN)
            return 0;
        if (n < 0) {
            stop_sending(c);
            break;
        }
        h1_out_sent(&c->out, (size_t)n);
        left -= (size_t)n < left ? (size_t)n : left;
        if (left == 0) {
            loop_defer(c->client->loop, &c->turn);
            return 0;
        }
    }
    body_close(&c->out.body);
    return 0;
}

static int fault(struct call *c, int err, const char *text)
{
    c->err_text = text;
    return err;
}

/* RFC 9112 s.6.3 */
static void begin_body(struct call *c)
{
    const struct response_head *head = &c->head;
    h1_intake_begin_body(&c->in, head->is_chunked ? LENGTH_UNKNOWN : head->content_length);
    if (head->content_length == LENGTH_UNKNOWN && !head->is_chunked)
        c->in.body = H1_BODY_UNTIL_CLOSE;
}

static int understand(struct call *c, uint32_t head_bytes)
{
    const char *why = "malformed answer";
    struct span bytes = arena_dup(&c->mem, h1_intake_span(&c->in, head_bytes));
    h1_intake_take(&c->in, head_bytes);
    if (h1_parse_response(&c->head, bytes, c->method, &c->mem, &why) != 0)
        return fault(c, ERR_PROTOCOL, why);
    if (arena_overflowed(&c->mem))
        return fault(c, ERR_TOO_BIG, "answer's heads too large");
    if (c->head.status == 101)
        return fault(c, ERR_PROTOCOL, "upgraded without being asked");
    if (c->head.status < 200) {
        if (++c->interims > INTERIM_MAX)
            return fault(c, ERR_PROTOCOL, "too many interim answers");
        return c->head.status == 100 ? 0 : 2;
    }
    if (c->head.is_zstd && !c->takes_zstd)
        return fault(c, ERR_PROTOCOL, "transfer coding that was not asked for");
    if (c->head.is_zstd && (c->zstd = zstd_reader_create()) == NULL)
        return fault(c, ERR_NO_MEMORY, "no memory for a transfer coding");
    c->has_head = true;
    begin_body(c);
    return 1;
}

int client_h1_head(struct call *c)
{
    for (;;) {
        int n = h1_intake_head(&c->in, c->client->config.head_bytes);
        if (n < 0)
            return n == ERR_TOO_BIG ? fault(c, n, "answer's head too large")
                                    : fault(c, ERR_PROTOCOL, "malformed answer");
        if (n > 0) {
            int r = understand(c, (uint32_t)n);
            if (r != 0)
                return r;
            continue;
        }
        ssize_t got = h1_intake_read(&c->in);
        h1_intake_rest(&c->in);
        if (got == 0)
            return fault(c, ERR_CLOSED, "closed before it answered");
        if (got < 0)
            return got == ERR_AGAIN ? ERR_AGAIN : fault(c, (int)got, err_text((int)got));
    }
}

/* r: of the coded bytes, of which there are no more now. */
static ssize_t end_of_coded(const struct call *c, int r)
{
    int64_t length = c->head.content_length;
    bool is_whole = zstd_reader_is_over(c->zstd) &&
                    (length == LENGTH_UNKNOWN || c->decoded == (uint64_t)length);
    return r != 0 || is_whole ? r : ERR_TRUNCATED;
}

/* Never more than was said, however little was sent. */
static ssize_t read_coded(struct call *c, void *dst, size_t room)
{
    ptrdiff_t n = 0;
    while (n == 0) {
        struct span data = SPAN_NONE;
        int r = zstd_reader_holds(c->zstd) ? 1 : h1_intake_body(&c->in, &data);
        if (r != 1)
            return end_of_coded(c, r);
        size_t waiting = data.n;
        n = zstd_reader_read(c->zstd, &data, dst, room);
        h1_intake_take_body(&c->in, waiting - data.n);
    }
    h1_intake_rest(&c->in);
    c->decoded += n > 0 ? (uint64_t)n : 0;
    if (c->head.content_length != LENGTH_UNKNOWN && c->decoded > (uint64_t)c->head.content_length)
        return ERR_PROTOCOL;
    return n;
}

ssize_t client_h1_read(struct call *c, void *dst, size_t room)
{
    return c->zstd != NULL ? read_coded(c, dst, room) : h1_intake_copy_body(&c->in, dst, room);
}

bool client_h1_is_reusable(const struct call *c)
{
    return c->state == CALL_BODY && c->in.body == H1_BODY_NONE && !c->in.has_ended &&
           c->in.piece.n == 0 && h1_intake_waiting(&c->in) == 0 && c->head.keeps_alive &&
           !c->is_send_stopped && h1_out_is_over(&c->out);
}
