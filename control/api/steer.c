/* SPDX-License-Identifier: MIT
 * From a request to a decision: who asks, from where, and what the rules say. */
#include "control/api/steer.h"

#define MAX_HOPS 32

static bool is_trusted(const struct api_config *c, const struct addr *a)
{
    return override_find(c->proxies, &a->any, NULL) != NULL;
}

/* RFC 7239 s.5.2 in its older spelling: nearest hop last. Only hops that a trusted one reported
 * count, so the walk is from the end; the nearest is one. */
static struct addr forwarded_client(const struct api_config *c, const struct exchange *x,
                                    struct addr nearest)
{
    struct span hops[MAX_HOPS];
    size_t count = 0;
    const struct fields *fs = &x->request.fields;
    const struct field *f = fields_find(fs, FIELD_X_FORWARDED_FOR, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_X_FORWARDED_FOR, (uint32_t)(f - fs->v + 1)))
        for (struct span rest = f->value, hop; list_next_element(&rest, &hop);)
            if (count < MAX_HOPS)
                hops[count++] = hop;
    struct addr client = nearest, next;
    while (count > 0 && addr_parse_ip(hops[--count], &next) == 0) {
        client = next;
        if (count > 0 && !is_trusted(c, &client))
            break;
    }
    return client;
}

struct addr steer_client(const struct api_config *c, const struct exchange *x)
{
    const struct addr *peer = conn_peer(x->conn);
    return c->proxies != NULL && is_trusted(c, peer) ? forwarded_client(c, x, *peer) : *peer;
}

static void put_lower8(char *to, const char *from)
{
    uint64_t eight;
    memcpy(&eight, from, sizeof eight);
    eight = span_lower8(eight);
    memcpy(to, &eight, sizeof eight);
}

struct span steer_host(struct span host, struct arena *mem)
{
    char *lower = arena_bytes(mem, host.n);
    size_t at = 0;
    for (; at + 8 <= host.n; at += 8)
        put_lower8(lower + at, host.p + at);
    if (at < host.n && host.n >= 8)
        put_lower8(lower + host.n - 8, host.p + host.n - 8);
    else
        for (; at < host.n; at++)
            lower[at] = (char)span_lower8((uint8_t)host.p[at]);
    return span_make(lower, host.n);
}

struct span steer_edge_url(const struct picture_node *n, bool is_https)
{
    bool takes_https = is_https || n->spec.http_url.n == 0;
    return takes_https ? n->spec.https_url : n->spec.http_url;
}

static void count(struct api_counters *counters, const struct decide_verdict *v)
{
    counter_t *const by_rule[] = {[DECIDE_OVERRIDE] = &counters->routes_by_override,
                                  [DECIDE_ASN] = &counters->routes_by_asn,
                                  [DECIDE_CITY] = &counters->routes_by_city,
                                  [DECIDE_COUNTRY] = &counters->routes_by_country,
                                  [DECIDE_CONTINENT] = &counters->routes_by_continent,
                                  [DECIDE_DEFAULT] = &counters->routes_by_default};
    if (v->count == 0) {
        counter_add(&counters->routes_without_edge, 1);
        return;
    }
    counter_add(by_rule[v->rule], 1);
    if (v->v[0].standing > STANDING_FULL)
        counter_add(&counters->routes_degraded, 1);
}

void steer_begin(struct api_worker *w, struct steer *s)
{
    s->picture = api_worker_picture(w);
    s->config = api_worker_config(w);
}

bool steer_site(struct steer *s, struct span host)
{
    s->site = picture_site_of(s->picture, host);
    return s->site != NULL;
}

void steer_ask(struct steer *s, struct span host, struct span path)
{
    s->question.client = &s->client.any;
    s->question.place = &s->place;
    s->question.key_hash = decide_key(host, path);
    s->question.family = NODE_ANY_FAMILY;
    s->question.price_class = s->site->price_class;
    s->question.has_one_standing = false;
}

void steer_decide(struct api_worker *w, struct steer *s)
{
    s->question.heat = w->heat;
    decide(s->picture, &s->config->rules, &s->question, &s->verdict);
    if (s->verdict.area != 0)
        heat_note(w->heat, &s->verdict.spot, loop_now(w->loop));
    count(&w->counters, &s->verdict);
}

void steer_run(struct api_worker *w, struct steer *s, struct span host, struct span path)
{
    steer_ask(s, host, path);
    geo_set_find(geo_view_now(&w->geo), &s->client.any, s->tells_place, &s->place);
    steer_decide(w, s);
}
