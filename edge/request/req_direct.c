/* SPDX-License-Identifier: MIT
 *
 * An answer of upstream given to one client as it comes, past the store. Where the question was
 * ours (a flight's, without the client's conditions and with a range of whole blocks), the answer
 * is cut to what the client asked. */
#include "edge/request/req.h"

#include "edge/upstream/fetch_body.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

/* Counts what passes by; the rest is the fetch's body. */
struct direct_body {
    struct body body; /* first */
    struct body *from;
    struct req *r;
};

static int peek(struct body *body, struct body_piece *out)
{
    return body_peek(((struct direct_body *)body)->from, out);
}

static void advance(struct body *body, size_t n)
{
    struct direct_body *b = (struct direct_body *)body;
    b->r->by_source[req_source_of_tier(fetch_body_tier(b->from))] += n;
    body_advance(b->from, n);
}

static void close_body(struct body *body)
{
    struct direct_body *b = (struct direct_body *)body;
    body_close(&b->from);
    mem_free(b);
}

static const struct body_ops ops = {"direct", peek, advance, close_body};

static void from_ready(void *ctx)
{
    struct direct_body *b = ctx;
    body_ready(&b->body);
}

static struct body *direct_body(struct req *r, int64_t skip, int64_t limit)
{
    struct direct_body *b = mem_zalloc(sizeof(*b));
    b->body.ops = &ops;
    b->r = r;
    b->from = fetch_body(&r->fetch, skip, limit);
    b->from->on_ready = from_ready;
    b->from->ctx = b;
    return &b->body;
}

/* The client's one range within the bytes [at, end) that come. False: it cannot be cut from them.
 * */
static bool range_within(struct req *r, const struct response_head *answer, struct byte_range *out,
                         struct content_range *cr)
{
    struct range_spec specs[RANGES_MAX];
    struct byte_range ranges[RANGES_MAX];
    sec_t now_s = loop_wall(r->worker->loop) / MSEC_PER_SEC;
    struct validators v = validators_of(&answer->fields, now_s);
    if (content_range_parse(fields_value(&answer->fields, FIELD_CONTENT_RANGE), cr) != 0)
        return false;
    int count = conditional_ranges(&r->x->request, &v, now_s, specs);
    if (count != 1 || range_resolve(specs, 1, cr->size, ranges) != 1)
        return false;
    *out = ranges[0];
    return out->first >= cr->first && out->last <= cr->last;
}

static enum next again_alone(struct req *r)
{
    fetch_end(&r->fetch);
    r->step = STEP_PASS;
    return NEXT_STEP;
}

static enum next answer_range(struct req *r)
{
    struct response_head head;
    struct byte_range range;
    struct content_range cr;
    if (!range_within(r, fetch_head(r->fetch), &range, &cr))
        return again_alone(r);
    req_head_of_fetch(r, &head);
    int64_t skip = range.first - cr.first;
    cr.first = range.first;
    cr.last = range.last;
    char *text = arena_bytes(&r->x->mem, CONTENT_RANGE_ROOM);
    fields_set(&head.fields, FIELD_CONTENT_RANGE, span_make(text, content_range_write(text, &cr)));
    head.content_length = range.last - range.first + 1;
    exchange_respond(r->x, &head, direct_body(r, skip, head.content_length));
    return NEXT_DONE;
}

/* What the client's conditions come to: 304, 412, or 0: they hold, or upstream has judged them. */
static int condition_status(struct req *r)
{
    const struct response_head *answer = fetch_head(r->fetch);
    sec_t now_s = loop_wall(r->worker->loop) / MSEC_PER_SEC;
    struct validators v = validators_of(&answer->fields, now_s);
    if (!r->is_flights)
        return 0;
    switch (conditional_of(&r->x->request, &v, answer->status, now_s)) {
    case CONDITIONAL_NOT_MODIFIED:
        return 304;
    case CONDITIONAL_FAILED:
        return 412;
    case CONDITIONAL_NORMAL:
        break;
    }
    return 0;
}

enum next req_direct(struct req *r)
{
    struct response_head head;
    counter_add(&r->worker->count.direct, 1);
    if (r->fetch == NULL)
        return again_alone(r);
    int status = condition_status(r);
    if (status != 0) {
        req_head_of_fetch(r, &head);
        return req_without_body(r, &head, status);
    }
    if (r->fetch_at >= 0)
        return answer_range(r);
    req_head_of_fetch(r, &head);
    struct body *body = NULL;
    if (!req_is_head(r) && status_has_body(head.status) && head.content_length != 0)
        body = direct_body(r, 0, head.content_length);
    exchange_respond(r->x, &head, body);
    return NEXT_DONE;
}
