/* SPDX-License-Identifier: MIT
 * How answers of the API look. */
#include "control/api/answer.h"

#include "lib/base/err.h"

#define SHORT_BYTES 1024 /* an exchange's memory has them at hand */

/* What answers say of themselves, and the same as the lines that it is in HTTP/1. */
struct kind {
    struct span type, lines;
};
#define KIND(type)                                                                                 \
    {                                                                                              \
        SPAN(type), SPAN("Content-Type: " type "\r\nCache-Control: no-store\r\n")                  \
    }
static const struct kind json = KIND("application/json");
static const struct kind problem_json = KIND("application/problem+json");

static void respond(struct exchange *x, int status, const struct kind *kind, struct span text)
{
    struct response_head head = {.status = status, .content_length = (int64_t)text.n};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_CONTENT_TYPE, kind->type);
    fields_add(&head.fields, FIELD_CACHE_CONTROL, SPAN("no-store"));
    head.fields.lines = kind->lines;
    head.fields.lines_count = head.fields.count;
    if (status == 401)
        fields_add(&head.fields, FIELD_WWW_AUTHENTICATE, SPAN("Bearer"));
    if (status == 503 || status == 429)
        fields_add(&head.fields, FIELD_RETRY_AFTER, SPAN("1"));
    exchange_respond(x, &head,
                     text.n <= SHORT_BYTES ? body_in_arena(text, &x->mem) : body_of_bytes(text));
}

void answer_json(struct exchange *x, int status, const struct buf *text)
{
    if (buf_overflowed(text))
        answer_problem(x, 500, "The answer is larger than its bound.");
    else
        respond(x, status, &json, buf_span(text));
}

struct json_out *answer_open(struct answer *a)
{
    buf_init(&a->text, ANSWER_MAX_BYTES);
    json_out_begin(&a->json, &a->text);
    json_out_object(&a->json, NULL);
    return &a->json;
}

void answer_close(struct answer *a, struct exchange *x, int status)
{
    json_out_end_object(&a->json);
    answer_json(x, status, &a->text);
    answer_drop(a);
}

void answer_drop(struct answer *a)
{
    buf_finish(&a->text);
}

void answer_nothing(struct exchange *x)
{
    struct response_head head = {.status = 204};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_CACHE_CONTROL, SPAN("no-store"));
    exchange_respond(x, &head, NULL);
}

static void problem(struct exchange *x, int status, struct span detail)
{
    struct buf text;
    struct json_out o;
    buf_init(&text, 16384);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_text(&o, "type", SPAN("about:blank"));
    json_out_text(&o, "title", status_reason(status));
    json_out_int(&o, "status", status);
    json_out_text(&o, "detail", detail);
    json_out_end_object(&o);
    respond(x, status, &problem_json, buf_span(&text));
    buf_finish(&text);
}

void answer_problem(struct exchange *x, int status, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct span detail = arena_vprintf(&x->mem, format, ap);
    va_end(ap);
    problem(x, status, detail);
}

void answer_error(struct exchange *x, int err, struct span detail)
{
    static const struct {
        int err, status;
    } rows[] = {{ERR_SYNTAX, 400},
                {ERR_NOT_FOUND, 404},
                {ERR_DENIED, 403},
                {ERR_EXISTS, 409},
                {ERR_TOO_BIG, 413}};
    int status = 503;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].err == err)
            status = rows[i].status;
    problem(x, status, detail.n > 0 ? detail : span_of(err_text(err)));
}
