/* SPDX-License-Identifier: MIT
 *
 * Redirects that are followed inside (RFC 9110 s.15.4): of a GET, within the origin or to listed
 * hosts, so many and no more, never from https to http. What leaves the origin takes no credentials
 * along. */
#include "edge/upstream/fetch_inner.h"

#include "lib/base/err.h"

static bool leads_on(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool is_at(const struct url *url, enum scheme scheme, struct span host, int port)
{
    return url->scheme == scheme && span_ieq(url->host, host) && url->port == port;
}

/* The origin by the name that it is asked under, or by its own. */
static bool is_same_origin(const struct fetch *f, const struct url *to)
{
    const struct client_target *t = &f->origin->target;
    struct request_head asked = {0};
    fetch_origin_target_of(f, &asked);
    return is_at(to, asked.scheme, asked.host, asked.port) ||
           is_at(to, t->scheme, span_of(t->host), t->port);
}

static void go_to(struct fetch *f, const struct url *to, bool is_foreign)
{
    struct fetch_hop *hop = &f->hop;
    counter_add(&f->fetcher->count.redirects, 1);
    hop->count++;
    hop->is_foreign = is_foreign;
    hop->host = arena_dup(&f->mem, to->host);
    hop->path = arena_dup(&f->mem, to->path);
    hop->query = to->query.p != NULL ? arena_dup(&f->mem, to->query) : SPAN_NONE;
    hop->port = to->port;
    hop->target = f->origin->target;
    if (is_foreign)
        hop->target = (struct client_target){.scheme = to->scheme,
                                             .host = arena_cstr(&f->mem, to->host),
                                             .port = to->port,
                                             .tls = source_tls(f->source)};
}

int fetch_redirect(struct fetch *f, const struct response_head *head)
{
    const struct site *site = source_site(f->source);
    const struct field *location = fields_find(&head->fields, FIELD_LOCATION, 0);
    struct request_head asked = {0};
    struct url to;
    if (!leads_on(head->status) || site->redirects_max == 0 || location == NULL ||
        f->source->method != METHOD_GET || fields_count(&head->fields, FIELD_LOCATION) != 1)
        return 0;
    fetch_target_of(f, &asked);
    struct url base = {.scheme = asked.scheme,
                       .host = asked.host,
                       .port = asked.port,
                       .path = asked.path,
                       .query = asked.query};
    if (url_resolve(&base, location->value, &f->mem, &to) != 0 ||
        (asked.scheme == SCHEME_HTTPS && to.scheme != SCHEME_HTTPS))
        return 0;
    bool is_foreign = !is_same_origin(f, &to);
    if (is_foreign && !site_host_is_listed(&site->redirect_hosts, &to))
        return 0;
    if (f->hop.count >= site->redirects_max)
        return ERR_PROTOCOL;
    go_to(f, &to, is_foreign);
    return arena_overflowed(&f->mem) ? ERR_TOO_BIG : 1;
}
