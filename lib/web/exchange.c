/* SPDX-License-Identifier: MIT
 * What an exchange does the same way on every protocol; the rest is its session's (exchange_ops).
 * Runs on the exchange's loop. */
#include "lib/web/exchange.h"

#include "lib/base/err.h"

void exchange_respond(struct exchange *x, const struct response_head *head, struct body *body)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    CHECK(!x->is_answered);
    CHECK(head->status >= 200 && head->status <= 999);
    x->is_answered = true;
    x->status = head->status;
    x->ops->respond(x, head, body);
}

void exchange_reply(struct exchange *x, int status, struct span type, struct span text)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    struct response_head head = {
        .status = status, .reason = status_reason(status), .content_length = (int64_t)text.n};
    fields_init(&head.fields, &x->mem);
    if (type.p == NULL)
        type = SPAN("text/plain; charset=utf-8");
    if (text.n > 0)
        fields_add(&head.fields, FIELD_CONTENT_TYPE, type);
    struct body *body = text.n > 0 ? body_in_arena(text, &x->mem) : NULL;
    exchange_respond(x, &head, body);
}

int exchange_inform(struct exchange *x, const struct response_head *head)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    CHECK(!x->is_answered && head->status >= 102 && head->status <= 199);
    return x->ops->inform(x, head);
}

struct body *exchange_request_body(struct exchange *x)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    return x->ops->request_body(x);
}

void exchange_abort(struct exchange *x)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    x->ops->abort(x);
}

void exchange_done(struct exchange *x, int err)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    CHECK(x->events != NULL);
    x->magic = ~EXCHANGE_MAGIC; /* a call on a finished exchange dies at its first check */
    body_close(&x->collecting);
    if (x->events->on_done != NULL)
        x->events->on_done(x->owner, x, err);
}

/* exchange_collect */

#define COLLECT_SPARE_BYTES 16384

struct collect {
    struct exchange *x;
    exchange_collect_fn then;
    size_t max, n, room;
    char *p;
};

static void collect_end(struct collect *c, int err)
{
    struct exchange *x = c->x;
    body_close(&x->collecting);
    c->then(x->owner, x, err, err == 0 ? span_make(c->p, c->n) : SPAN_NONE);
}

/* What the arena can still give without overflowing: the answer will need some of it too. */
static size_t collect_bound(const struct exchange *x)
{
    size_t used = x->mem.used_bytes + COLLECT_SPARE_BYTES;
    return used < x->mem.limit_bytes ? x->mem.limit_bytes - used : 0;
}

/* Grows by doubling inside the arena, whose bound then bounds the body to half of it. */
static int collect_add(struct collect *c, struct body_piece piece)
{
    if (piece.len > c->max - c->n)
        return ERR_TOO_BIG;
    if (piece.len > c->room - c->n) {
        size_t room = c->room * 2 > c->n + piece.len ? c->room * 2 : c->n + piece.len;
        if (room > collect_bound(c->x))
            return ERR_TOO_BIG;
        char *p = arena_bytes(&c->x->mem, room);
        if (c->n > 0)
            memcpy(p, c->p, c->n);
        c->p = p;
        c->room = room;
    }
    memcpy(c->p + c->n, piece.mem, piece.len);
    c->n += piece.len;
    return 0;
}

static void collect_on_ready(void *ctx)
{
    struct collect *c = ctx;
    struct body_piece piece;
    int r;
    while ((r = body_peek(c->x->collecting, &piece)) == 1) {
        CHECK(piece.mem != NULL);
        int err = collect_add(c, piece);
        if (err != 0) {
            collect_end(c, err);
            return;
        }
        body_advance(c->x->collecting, piece.len);
    }
    if (r != ERR_AGAIN)
        collect_end(c, r);
}

void exchange_collect(struct exchange *x, size_t max_bytes, exchange_collect_fn then)
{
    CHECK_OBJ(x, EXCHANGE_MAGIC);
    int64_t length = x->request.content_length;
    if (length > 0 && (uint64_t)length > max_bytes) {
        then(x->owner, x, ERR_TOO_BIG, SPAN_NONE);
        return;
    }
    x->collecting = exchange_request_body(x);
    if (x->collecting == NULL) {
        then(x->owner, x, 0, SPAN(""));
        return;
    }
    struct collect *c = arena_alloc(&x->mem, sizeof *c);
    *c = (struct collect){.x = x, .then = then, .max = max_bytes};
    x->collecting->on_ready = collect_on_ready;
    x->collecting->ctx = c;
    if (length > 0 && (uint64_t)length <= collect_bound(x)) {
        c->room = (size_t)length;
        c->p = arena_bytes(&x->mem, c->room);
    }
    collect_on_ready(c);
}
