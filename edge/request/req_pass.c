/* SPDX-License-Identifier: MIT
 *
 * Requests that are not for the cache: passed upstream for this client alone, both bodies streamed
 * at the pace of whoever is slower. */
#include "edge/request/req.h"

#include "edge/policy/interim.h"
#include "edge/policy/tags.h"
#include "edge/upstream/answer.h"
#include "lib/base/err.h"

static void on_info(void *ctx, struct fetch *f, const struct response_head *head)
{
    struct req *r = ctx;
    struct response_head told;
    (void)f;
    if (interim_told(r->site, head, &told, &r->x->mem))
        (void)exchange_inform(r->x, &told); /* an HTTP/1.0 client does without */
}

static void cover(struct req *r, int err, int status)
{
    r->upstream = arena_dup(&r->x->mem, fetch_origin_name(r->fetch));
    r->cache.forward_status = status;
    fetch_end(&r->fetch);
    if (req_cover(r, err, status) == NEXT_STEP)
        req_run(r);
}

static void on_head(void *ctx, struct fetch *f, const struct response_head *head)
{
    struct req *r = ctx;
    (void)f;
    if (answer_is_fault(head->status) && req_may_cover(r)) {
        cover(r, 0, head->status);
        return;
    }
    req_refresh(r, head);
    if (!method_is_safe(r->x->request.method) && head->status >= 200 && head->status < 400)
        req_invalidate(r, head);
    r->step = STEP_DIRECT;
    req_run(r);
}

static void on_readable(void *ctx, struct fetch *f)
{
    (void)ctx;
    (void)f; /* the body that DIRECT makes reads */
}

static void on_failed(void *ctx, struct fetch *f, int err)
{
    (void)f;
    cover(ctx, err, 0);
}

static const struct fetch_events events = {on_info, on_head, on_readable, on_failed};

enum next req_pass(struct req *r)
{
    source_unref(&r->source); /* one made for the cache leaves out what this one sends */
    struct source *source = req_source(r, true);
    if (source == NULL)
        return req_refuse_with(r, 431, "The request's fields are too large to be sent on.", NULL);
    struct fetch_ask ask = fetch_ask_plain;
    ask.body_bytes = r->x->request.content_length;
    if (ask.body_bytes != 0)
        ask.body = exchange_request_body(r->x);
    counter_add(&r->worker->count.passed, 1);
    r->fetch_at = -1;
    r->is_flights = false;
    r->moment = store_moment(r->worker->store);
    r->fetch = fetch_start(r->worker->fetcher, source, &ask, &events, r);
    return NEXT_WAIT;
}

static void invalidate_one(struct req *r, struct span path, struct span query)
{
    struct cache_target target = {r->host, path, query, r->x->request.scheme};
    struct cache_key key = cache_key_make(r->site, &target, &r->x->mem);
    struct store_key store_key = {key.text, key.hash};
    counter_add(&r->worker->count.invalidated, store_purge(r->worker->store, &store_key, false));
}

/* RFC 9875 s.3: groups of the same origin. */
static void invalidate_groups(struct req *r, const struct response_head *answer)
{
    struct span *names;
    struct purge_scope scope = {.kind = PURGE_GROUP,
                                .site = span_of(r->site->name),
                                .host = cache_key_host(r->site, r->host, &r->x->mem)};
    int count = tags_invalidated(&answer->fields, &names, &r->x->mem);
    for (int i = 0; i < count && !arena_overflowed(&r->x->mem); i++) {
        scope.value = names[i];
        store_purge_many(r->worker->store, &scope, false);
        counter_add(&r->worker->count.invalidated_groups, 1);
    }
}

/* The port is no part of the key, and upstream is told the scheme's own. */
static bool is_of_origin(const struct url *other, const struct url *base)
{
    return span_ieq(other->host, base->host) && other->scheme == base->scheme &&
           (other->port == base->port || other->port == scheme_port(base->scheme));
}

/* RFC 9111 s.4.4: Location and Content-Location too, where they are of the same origin. */
void req_invalidate(struct req *r, const struct response_head *answer)
{
    static const enum field_id ids[] = {FIELD_LOCATION, FIELD_CONTENT_LOCATION};
    const struct request_head *q = &r->x->request;
    struct url base = {q->scheme, r->host, q->port, r->path, r->query};
    struct url other;
    invalidate_one(r, r->path, r->query);
    invalidate_groups(r, answer);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct span reference = fields_value(&answer->fields, ids[i]);
        if (reference.n > 0 && url_resolve(&base, reference, &r->x->mem, &other) == 0 &&
            is_of_origin(&other, &base))
            invalidate_one(r, other.path, other.query);
    }
}
