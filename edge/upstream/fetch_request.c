/* SPDX-License-Identifier: MIT
 *
 * What one origin is sent: the source's fields, and the range and conditions of this fetch. */
#include "edge/upstream/fetch_inner.h"

#include "edge/policy/signed_url.h"
#include "lib/http/date.h"

static void add_range(struct fields *fs, const struct fetch_ask *ask, struct arena *mem)
{
    struct span range;
    if (ask->first < 0 && ask->last < 0)
        return;
    if (ask->first < 0)
        range = arena_printf(mem, "bytes=-%lld", (long long)ask->last);
    else if (ask->last == INT64_MAX)
        range = arena_printf(mem, "bytes=%lld-", (long long)ask->first);
    else
        range = arena_printf(mem, "bytes=%lld-%lld", (long long)ask->first, (long long)ask->last);
    fields_add(fs, FIELD_RANGE, range);
}

static struct span date_span(sec_t s, struct arena *mem)
{
    char *text = arena_bytes(mem, DATE_BYTES);
    date_write(s, text);
    return span_make(text, DATE_BYTES);
}

/* RFC 9110 s.13.1.5: If-Range takes a strong entity tag, or a date that is strong. */
static void add_conditions(struct fields *fs, const struct fetch_ask *ask, struct arena *mem)
{
    const struct validators *v = ask->if_range;
    if (v != NULL && v->etag.p != NULL)
        fields_add(fs, FIELD_IF_RANGE, v->etag);
    else if (v != NULL && v->last_modified >= 0)
        fields_add(fs, FIELD_IF_RANGE, date_span(v->last_modified, mem));
    v = ask->if_none;
    if (v != NULL && v->etag.p != NULL)
        fields_add(fs, FIELD_IF_NONE_MATCH, v->etag);
    if (v != NULL && v->last_modified >= 0)
        fields_add(fs, FIELD_IF_MODIFIED_SINCE, date_span(v->last_modified, mem));
}

#define PEER_SIGNATURE_SEC 60 /* for the way to a peer, and clocks that differ */

/* A peer lets in signed URLs alone, as we do: it is asked by one that we sign. */
static struct span query_for_peer(const struct fetch *f, struct arena *mem)
{
    const struct source *s = f->source;
    const struct signing *k = source_site(s)->signing;
    struct signed_target target = {s->host, s->path, s->query};
    return k == NULL ? s->query
                     : signed_url_query(k, &target,
                                        clock_wall_ms() / MSEC_PER_SEC + PEER_SIGNATURE_SEC, mem);
}

void fetch_origin_target_of(const struct fetch *f, struct request_head *r)
{
    const struct source *s = f->source;
    const struct site *site = source_site(s);
    r->scheme = f->turn.peer != NULL ? f->turn.peer->target.scheme : f->origin->target.scheme;
    r->host = s->host;
    r->port = scheme_port(r->scheme);
    r->path = s->path;
    r->query = s->query;
    if (site->origin_host[0] != '\0' && f->turn.peer == NULL) {
        int port;
        if (url_authority(span_of(site->origin_host), &r->host, &port) == 0 && port >= 0)
            r->port = port;
    }
}

void fetch_target_of(const struct fetch *f, struct request_head *r)
{
    const struct fetch_hop *hop = &f->hop;
    if (hop->count == 0) {
        fetch_origin_target_of(f, r);
        return;
    }
    r->scheme = hop->target.scheme;
    r->host = hop->host;
    r->port = hop->port;
    r->path = hop->path;
    r->query = hop->query;
}

/* What is for the origin only, and not for where it sends us. */
static bool is_for_origin_only(enum field_id id)
{
    return id == FIELD_AUTHORIZATION || id == FIELD_COOKIE;
}

void fetch_request_of(const struct fetch *f, struct request_head *r, struct arena *mem)
{
    const struct source *s = f->source;
    *r = (struct request_head){.method = s->method,
                               .method_text = s->method_text,
                               .major_version = 1,
                               .minor_version = 1,
                               .keeps_alive = true};
    fetch_target_of(f, r);
    r->content_length = f->ask.body_bytes;
    fields_init(&r->fields, mem);
    for (uint32_t i = 0; i < s->fields.count; i++) {
        const struct field *one = &s->fields.v[i];
        if (f->hop.is_foreign && is_for_origin_only(one->id))
            continue;
        if (one->id == FIELD_OTHER)
            fields_add_named(&r->fields, one->name, one->value);
        else
            fields_add(&r->fields, one->id, one->value);
    }
    add_range(&r->fields, &f->ask, mem);
    add_conditions(&r->fields, &f->ask, mem);
    struct peer_ask peers = {s, f->fetcher->purges, f->turn.tier, f->ask.is_reload};
    if (f->turn.peer != NULL) {
        peer_turn_fields(&peers, &r->fields);
        r->query = query_for_peer(f, mem);
    }
}
