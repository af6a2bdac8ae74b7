/* SPDX-License-Identifier: MIT
 *
 * Bytes from an origin to one client, past the store. One buffer between two sockets: it is taken
 * when the client has room and the origin has bytes, and given back empty. */
#include "edge/upstream/fetch_body.h"

#include "edge/upstream/answer.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

struct fetch_body {
    struct body body; /* first */
    struct fetch *fetch;
    struct fetcher *fetcher; /* of a rest */
    struct loop *loop;
    char *buf; /* NULL while it would be empty */
    size_t at, filled;
    int64_t skip, left; /* left: LENGTH_UNKNOWN: until the origin's end */
    int err;
    bool awaits_head;
    struct answer_expected expected; /* while the head is awaited */
    struct validators validators;
    struct source *source; /* of a rest: for asking once more; else NULL */
};

static void ask_rest(struct fetch_body *b);

static void buf_give_back(struct fetch_body *b)
{
    if (b->buf != NULL)
        loop_buf_put(b->loop, b->buf);
    b->buf = NULL;
    b->at = b->filled = 0;
}

static int give_piece(struct fetch_body *b, struct body_piece *out)
{
    *out = (struct body_piece){
        .mem = (const uint8_t *)b->buf + b->at, .fd = -1, .len = b->filled - b->at};
    return 1;
}

static size_t room_for(const struct fetch_body *b)
{
    if (b->left == LENGTH_UNKNOWN || b->skip + b->left >= LOOP_BUF_BYTES)
        return LOOP_BUF_BYTES;
    return (size_t)(b->skip + b->left);
}

/* Of n bytes that came, the first b->skip are not for the client. */
static void leave_out(struct fetch_body *b, size_t n)
{
    size_t dropped = b->skip < (int64_t)n ? (size_t)b->skip : n;
    b->skip -= (int64_t)dropped;
    b->at = dropped;
    b->filled = n;
}

/* > 0: bytes are in the buffer; else as peek. */
static int read_more(struct fetch_body *b)
{
    if (b->buf == NULL)
        b->buf = loop_buf_get(b->loop);
    do {
        ssize_t n = fetch_read(b->fetch, b->buf, room_for(b));
        if (n > 0) {
            leave_out(b, (size_t)n);
            continue;
        }
        buf_give_back(b);
        if (n == 0 && (b->left > 0 || b->skip > 0))
            n = ERR_TRUNCATED;
        return (int)n;
    } while (b->at == b->filled);
    return 1;
}

/* What another edge did not give, the origins may. True: they are being asked. */
static bool turn_to_origins(struct fetch_body *b)
{
    if (b->source == NULL || !fetch_is_of_peer(b->fetch) || b->skip > 0)
        return false;
    b->source->passed_tiers |= 1U << fetch_tier(b->fetch);
    b->expected.first = b->expected.last - b->left + 1;
    fetch_end(&b->fetch);
    ask_rest(b);
    return true;
}

static int peek(struct body *body, struct body_piece *out)
{
    struct fetch_body *b = (struct fetch_body *)body;
    if (b->err != 0)
        return b->err;
    if (b->filled > b->at)
        return give_piece(b, out);
    if (b->awaits_head)
        return ERR_AGAIN;
    if (b->left == 0)
        return 0;
    int n = read_more(b);
    if (n > 0)
        return give_piece(b, out);
    if (n != ERR_AGAIN && turn_to_origins(b))
        n = ERR_AGAIN;
    if (n != ERR_AGAIN)
        b->err = n;
    return n;
}

static void advance(struct body *body, size_t n)
{
    struct fetch_body *b = (struct fetch_body *)body;
    CHECK(n <= b->filled - b->at);
    b->at += n;
    if (b->left != LENGTH_UNKNOWN)
        b->left -= (int64_t)n;
    if (b->at == b->filled)
        buf_give_back(b);
}

static void close_body(struct body *body)
{
    struct fetch_body *b = (struct fetch_body *)body;
    char last;
    buf_give_back(b);
    /* Let a message that is complete say so: its connection can then be used again. */
    if (b->left == 0 && b->err == 0 && !b->awaits_head)
        (void)fetch_read(b->fetch, &last, 1);
    fetch_end(&b->fetch);
    source_unref(&b->source);
    mem_free(b);
}

static const struct body_ops ops = {"fetch", peek, advance, close_body};

static void on_head(void *ctx, struct fetch *f, const struct response_head *head)
{
    struct fetch_body *b = ctx;
    struct answer_body answer;
    b->awaits_head = false;
    b->err = answer_judge(head, &b->expected, fetch_answered_wall(f) / MSEC_PER_SEC, &answer);
    if (b->err != 0 && turn_to_origins(b))
        return;
    if (b->err == 0)
        b->skip = b->expected.first - answer.at;
    body_ready(&b->body);
}

static void on_readable(void *ctx, struct fetch *f)
{
    struct fetch_body *b = ctx;
    (void)f;
    body_ready(&b->body);
}

static void on_failed(void *ctx, struct fetch *f, int err)
{
    struct fetch_body *b = ctx;
    (void)f;
    b->awaits_head = false;
    b->err = err;
    body_ready(&b->body);
}

static const struct fetch_events events = {NULL, on_head, on_readable, on_failed};

static void ask_rest(struct fetch_body *b)
{
    struct fetch_ask ask = fetch_ask_plain;
    ask.first = b->expected.first;
    ask.last = b->expected.last;
    ask.if_range = &b->validators;
    b->err = 0;
    b->awaits_head = true;
    b->fetch = fetch_start(b->fetcher, b->source, &ask, &events, b);
}

struct body *fetch_body(struct fetch **f, int64_t skip, int64_t limit)
{
    struct fetch_body *b = mem_zalloc(sizeof(*b));
    b->body.ops = &ops;
    b->fetch = *f;
    *f = NULL;
    b->loop = fetch_fetcher(b->fetch)->loop;
    b->skip = skip;
    b->left = limit;
    fetch_hand_over(b->fetch, &events, b);
    return &b->body;
}

struct body *fetch_body_rest(struct fetcher *fr, const struct fetch_rest *rest)
{
    struct fetch_body *b = mem_zalloc(sizeof(*b));
    b->body.ops = &ops;
    b->loop = fr->loop;
    enum version_by by = (enum version_by)source_site(rest->source)->version_by;
    b->validators = source_version(rest->source, &rest->validators);
    b->expected = (struct answer_expected){.validators = &b->validators,
                                           .version_by = by,
                                           .size = rest->size,
                                           .first = rest->first,
                                           .last = rest->last};
    b->left = rest->last - rest->first + 1;
    b->fetcher = fr;
    source_ref(rest->source);
    b->source = rest->source;
    ask_rest(b);
    return &b->body;
}

enum tier fetch_body_tier(const struct body *b)
{
    return fetch_tier(((const struct fetch_body *)b)->fetch);
}
