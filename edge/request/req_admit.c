/* SPDX-License-Identifier: MIT
 *
 * Which site a request is for, and whether it is for the cache. A site's own host comes first; on
 * the node's own name the first path segment is the site's host: that is what redirects point to.
 * */
#include "edge/request/req.h"

#include "edge/policy/forwarded.h"
#include "edge/policy/signed_url.h"
#include "lib/http/hop.h"

#define HOPS_MAX 8 /* CDN nodes on the way to here */

static bool is_node_name(const struct req *r, struct span host)
{
    const struct req_config *c = &r->worker->config;
    struct addr literal;
    if (span_ieq(host, span_of(c->node)) || addr_parse_ip(host, &literal) == 0)
        return true;
    for (size_t i = 0; i < c->names.count; i++) {
        if (span_ieq(host, span_of(c->names.v[i])))
            return true;
    }
    return false;
}

/* "/dl.example.com/a/b" on the node's name: host "dl.example.com", path "/a/b". */
static const struct site *site_in_path(struct req *r)
{
    struct span rest, path = span_skip(r->path, 1);
    struct span host = span_cut(path, '/', &rest);
    const struct site *site = host.n > 0 ? site_find(r->view->set->sites, host) : NULL;
    if (site == NULL)
        return NULL;
    r->host = host;
    r->path = rest.p != NULL ? span_make(rest.p - 1, rest.n + 1) : SPAN("/");
    return site;
}

static const struct site *find_site(struct req *r)
{
    const struct request_head *q = &r->x->request;
    r->host = q->host;
    r->path = q->path;
    r->query = q->query;
    const struct site *site = site_find(r->view->set->sites, q->host);
    if (site == NULL && is_node_name(r, q->host))
        site = site_in_path(r);
    return site;
}

/* RFC 8586: whether it has been here, or nearly everywhere. */
static bool goes_in_circles(const struct req *r)
{
    const struct fields *fs = &r->x->request.fields;
    return cdn_loop_has(fs, span_of(r->worker->config.node)) || cdn_loop_count(fs) > HOPS_MAX;
}

/* Whether a site whose URLs are signed may be asked this one; takes the signature off. */
static bool is_let_in(struct req *r, const char **why)
{
    static const char *const whys[] = {[SIGNED_NOT] = "This URL must be signed.",
                                       [SIGNED_WRONG] = "The signature is not of this URL.",
                                       [SIGNED_EXPIRED] = "The URL has expired."};
    struct signed_target target = {r->host, r->path, r->query};
    struct span rest;
    if (r->site->signing == NULL)
        return true;
    enum signed_verdict verdict =
        signed_url_open(r->site->signing, &target, loop_wall(r->x->loop) / MSEC_PER_SEC, &rest);
    if (verdict == SIGNED_GOOD) {
        r->query = rest;
        return true;
    }
    *why = whys[verdict];
    counter_add(&r->worker->count.unsigned_urls, 1);
    return false;
}

/* By certificate or by address. */
static bool is_known_tier(const struct req *r)
{
    char ip[ADDR_TEXT_ROOM];
    if (conn_has_certificate(r->x->conn))
        return true;
    return forwarded_trusts(r->site, span_make(ip, addr_ip_text(conn_peer(r->x->conn), ip)));
}

static void read_hop(struct req *r)
{
    r->is_from_peer = hop_ask_read(&r->x->request.fields, &r->hop, &r->x->mem);
    if (!r->is_from_peer)
        return;
    r->is_tier = is_known_tier(r);
    counter_add(&r->worker->count.from_peers, 1);
    r->is_behind = !purge_clock_covers(r->worker->fetcher->purges, &r->hop.purges);
    if (r->is_behind)
        counter_add(&r->worker->count.behind, 1);
}

enum next req_admit(struct req *r)
{
    const struct request_head *q = &r->x->request;
    r->site = find_site(r);
    if (r->site == NULL)
        return req_refuse_with(r, 421, "This node serves no site of that name.", NULL);
    r->row = r->view->rows[r->site->index];
    if (q->method == METHOD_TRACE || q->method == METHOD_CONNECT)
        return req_refuse_with(r, 405, "TRACE and CONNECT are not served here.", NULL);
    if (goes_in_circles(r))
        return req_refuse_with(r, 508, "The request has been at this node before.", NULL);
    if (req_ends_here(r)) {
        r->step = STEP_OPTIONS;
        return NEXT_STEP;
    }
    const char *why;
    if (!is_let_in(r, &why))
        return req_refuse_with(r, 403, why, NULL);
    bool is_get = q->method == METHOD_GET || q->method == METHOD_HEAD;
    if (!is_get || q->content_length != 0) {
        r->cache.forward = is_get ? CACHE_FORWARD_BYPASS : CACHE_FORWARD_METHOD;
        r->step = STEP_PASS;
        return NEXT_STEP;
    }
    read_hop(r);
    struct cache_target target = {r->host, r->path, r->query, q->scheme};
    r->key = cache_key_make(r->site, &target, &r->x->mem);
    if (r->site->tells_key)
        r->cache.key = r->key.text;
    r->step = STEP_LOOKUP;
    return NEXT_STEP;
}
