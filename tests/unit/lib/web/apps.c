/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/web/apps.h"

#include "lib/base/err.h"

void app_reply_hello(struct wire *unused, struct exchange *x)
{
    (void)unused;
    exchange_reply(x, 200, SPAN_NONE, SPAN("hello"));
}

void app_reply_later(struct wire *unused, struct exchange *x)
{
    (void)unused;
    (void)x;
}

void app_respond(struct exchange *x, int status, int64_t length, struct body *body)
{
    struct response_head head = {.status = status, .content_length = length};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_DATE, SPAN("Thu, 01 Jan 2026 00:00:00 GMT"));
    exchange_respond(x, &head, body);
}

void app_reply_as_asked(struct wire *unused, struct exchange *x)
{
    (void)unused;
    struct span rest = span_skip(x->request.path, 1);
    uint64_t status = 0, length = 0;
    assert_true(span_u64(span_cut(rest, '/', &rest), &status));
    bool is_known = span_u64(span_cut(rest, '/', &rest), &length);
    struct body *body = rest.n > 0 ? body_of_bytes(rest) : NULL;
    app_respond(x, (int)status, is_known ? (int64_t)length : LENGTH_UNKNOWN, body);
}

static void on_collected(void *owner, struct exchange *x, int err, struct span bytes)
{
    (void)owner;
    if (err != 0)
        exchange_reply(x, err == ERR_TOO_BIG ? 413 : 400, SPAN_NONE, span_of(err_name(err)));
    else
        exchange_reply(x, 200, SPAN_NONE, bytes);
}

void app_echo(struct wire *unused, struct exchange *x)
{
    (void)unused;
    exchange_collect(x, 100000, on_collected);
}

static int slow_peek(struct body *b, struct body_piece *out)
{
    struct slow_body *s = CONTAINER_OF(b, struct slow_body, body);
    if (s->left == 0)
        return s->end;
    *out = (struct body_piece){.mem = (const uint8_t *)s->text, .fd = -1, .len = s->left};
    return 1;
}

static void slow_advance(struct body *b, size_t n)
{
    struct slow_body *s = CONTAINER_OF(b, struct slow_body, body);
    s->text += n;
    s->left -= n;
}

static void slow_close(struct body *b)
{
    struct slow_body *s = CONTAINER_OF(b, struct slow_body, body);
    assert_false(s->is_closed);
    s->is_closed = true;
}

static const struct body_ops slow_ops = {"slow", slow_peek, slow_advance, slow_close};
struct slow_body slow;

void app_slow_begin(const char *text, int end)
{
    slow = (struct slow_body){.body = {.ops = &slow_ops}, .text = text, .left = strlen(text)};
    slow.end = end;
}

void app_slow_more(const char *text, int end)
{
    slow.text = text;
    slow.left = strlen(text);
    slow.end = end;
    body_ready(&slow.body);
}
