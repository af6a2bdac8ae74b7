/* SPDX-License-Identifier: MIT
 *
 * Errors of our own: one line of text, the right status, and Proxy-Status (RFC 9209) where upstream
 * is to blame. */
#include "edge/request/req.h"

#include "lib/base/err.h"

struct refusal {
    int err, status;
    const char *why, *fault;
};
/* RFC 9209 s.2.3. The last row stands for all other errors. */
static const struct refusal refusals[] = {
    {ERR_BODY, 400, "The request's body is broken.", NULL},
    {ERR_TIMEOUT, 504, "The origin took too long to answer.", "connection_timeout"},
    {ERR_BUSY, 503, "The origin is known to be down.", "destination_unavailable"},
    {ERR_REFUSED, 502, "The origin cannot be reached.", "connection_refused"},
    {ERR_DNS, 502, "The origin's name was not resolved.", "dns_error"},
    {ERR_TLS, 502, "The origin's TLS failed.", "tls_protocol_error"},
    {ERR_CERTIFICATE, 502, "The origin's certificate was not accepted.", "tls_certificate_error"},
    {ERR_CLOSED, 502, "The origin closed the connection before it answered.",
     "connection_terminated"},
    {ERR_TRUNCATED, 502, "The origin ended its answer too early.", "http_response_incomplete"},
    {0, 502, "The origin's answer was not understood.", "http_protocol_error"},
};

enum next req_failed_with(struct req *r, int err)
{
    size_t i = 0;
    while (refusals[i].err != err && refusals[i].err != 0)
        i++;
    return req_refuse_with(r, refusals[i].status, refusals[i].why, refusals[i].fault);
}

enum next req_failed_as(struct req *r, int status)
{
    r->received = status;
    return req_refuse_with(r, status, "The origin answered with an error.", "http_response_status");
}

static void add_proxy_status(struct req *r, struct fields *fs)
{
    struct arena *mem = &r->x->mem;
    struct span text = arena_printf(mem, "%s; error=%s", r->worker->config.node, r->fault);
    if (r->received != 0)
        text = arena_printf(mem, "%s; received-status=%d", r->worker->config.node, r->received);
    if (r->upstream.n > 0)
        text = arena_printf(mem, "%.*s; next-hop=\"%.*s\"", SPAN_FMT(text), SPAN_FMT(r->upstream));
    fields_add(fs, FIELD_PROXY_STATUS, text);
}

enum next req_refuse(struct req *r)
{
    struct response_head head = {.status = r->refusal};
    struct span text = arena_printf(&r->x->mem, "%s\n", r->why);
    counter_add(&r->worker->count.refused, 1);
    r->cache.is_hit = r->cache.is_stored = false;
    fields_init(&head.fields, &r->x->mem);
    fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("text/plain; charset=utf-8"));
    fields_add(&head.fields, FIELD_CACHE_CONTROL, SPAN("no-store"));
    if (r->refusal == 405)
        fields_add(&head.fields, FIELD_ALLOW, SPAN(REQ_METHODS));
    if (r->refusal == 503 && r->fault != NULL)
        fields_add(&head.fields, FIELD_RETRY_AFTER, SPAN("1"));
    if (r->fault != NULL)
        add_proxy_status(r, &head.fields);
    req_add_ours(r, &head.fields);
    head.content_length = (int64_t)text.n;
    exchange_respond(r->x, &head, req_is_head(r) ? NULL : body_of_bytes(text));
    return NEXT_DONE;
}
