/* SPDX-License-Identifier: MIT
 *
 * What the store has for a request, and what RFC 9111 allows to be done with it. Decides; whoever
 * comes next acts. */
#include "edge/request/req.h"

#include "edge/policy/vary.h"
#include "lib/http/cache_control.h"

struct search {
    struct req *r;
    bool has_others;    /* objects under the key that do not match */
    struct span values; /* what the request has for the Vary of one of them */
};

/* Under the shard's lock: newest first. */
static bool matches(void *ctx, const struct object *o)
{
    struct search *s = ctx;
    struct exchange *x = s->r->x;
    if (generation_is_abandoned(o->generation))
        return false;
    if (vary_matches(object_vary_names(o), object_vary_values(o), &x->request.fields, &x->mem))
        return true;
    if (!s->has_others)
        s->values = vary_values(object_vary_names(o), &x->request.fields, &x->mem);
    s->has_others = true;
    return false;
}

static enum next miss(struct req *r, bool is_variant)
{
    struct cache_control cc;
    cache_control_init(&cc);
    cache_control_read(&cc, &r->x->request.fields, FIELD_CACHE_CONTROL);
    if (cc.only_if_cached)
        return req_refuse_with(r, 504, "Not in the cache, and only-if-cached was asked.", NULL);
    r->cache.forward = is_variant ? CACHE_FORWARD_VARY_MISS : CACHE_FORWARD_URI_MISS;
    r->step = req_is_head(r) ? STEP_PASS : STEP_OBTAIN;
    return NEXT_STEP;
}

/* Refreshes behind the client's back, unless somebody does already. */
static void refresh_behind(struct req *r)
{
    struct req_worker *w = r->worker;
    msec_t now = loop_now(w->loop);
    if (collapse_join(w->collapse, &r->flight_key, NULL, now) != COLLAPSE_LEAD)
        return;
    struct source *source = req_source(r, false);
    if (source == NULL) {
        struct collapse_landing nothing = {.outcome = COLLAPSE_AGAIN, .now = now};
        collapse_land(w->collapse, &r->flight_key, &nothing);
        return;
    }
    struct flight_spec spec = {.source = source,
                               .flight_key = r->flight_key,
                               .request = &r->x->request,
                               .key = {r->key.text, r->key.hash},
                               .stale = r->object,
                               .first = -1,
                               .last = -1};
    flight_start(w->fetcher, &spec, NULL, NULL);
}

static enum next hit(struct req *r, const char *detail)
{
    r->cache.is_hit = true;
    r->cache.detail = detail;
    r->step = STEP_DELIVER;
    return NEXT_STEP;
}

static enum reuse judge(const struct req *r)
{
    struct reuse_request ask = {.request = &r->x->request,
                                .site = r->site,
                                .now_wall = loop_wall(r->worker->loop),
                                .is_soft_purged = object_is(r->object, OBJECT_SOFT_PURGED)};
    struct freshness freshness;
    object_freshness(r->object, &freshness);
    return reuse_of(&freshness, &ask).reuse;
}

/* Every origin is known to be down: what is stale may answer at once. One request a second goes
 * behind, to see whether one is back. */
static bool covers_at_once(struct req *r)
{
    struct upstream *u = upstream_of(r->view->set, r->site);
    msec_t now = loop_now(r->worker->loop);
    if (!upstream_is_down(u, now) || generation_is_abandoned(r->object->generation) ||
        !object_may_cover(r->object, loop_wall(r->worker->loop)))
        return false;
    counter_add(&r->worker->count.covered, 1);
    if (upstream_is_due(u, now))
        refresh_behind(r);
    return true;
}

/* HEAD about what has no validator: GET would bring all of it for nothing (RFC 9111 s.4.3.5). */
static bool asks_by_head(const struct req *r)
{
    struct validators v = object_validators(r->stale);
    return req_is_head(r) && v.etag.p == NULL && v.last_modified < 0;
}

enum next req_lookup(struct req *r)
{
    struct search s = {.r = r, .values = SPAN_NONE};
    struct store_key key = {r->key.text, r->key.hash};
    if (!r->is_behind) /* else what is here may be what was purged elsewhere */
        r->object = (r->is_errand ? store_peek : store_select)(r->worker->store, &key, matches, &s);
    r->flight_key =
        collapse_key(&r->key.hash, r->object != NULL ? object_vary_values(r->object) : s.values);
    if (r->is_behind) /* nor is a flight of use that began before */
        r->flight_key = hash128(&r->hop.purges.seq, sizeof(r->hop.purges.seq),
                                r->flight_key.lo ^ r->flight_key.hi);
    if (r->object == NULL)
        return miss(r, s.has_others);
    switch (judge(r)) {
    case REUSE_FRESH:
        return hit(r, NULL);
    case REUSE_STALE:
        return hit(r, "max-stale");
    case REUSE_REFRESH:
        counter_add(&r->worker->count.hits_stale, 1);
        refresh_behind(r);
        return hit(r, "refreshing");
    case REUSE_FORBIDDEN:
        return req_refuse_with(r, 504, "Not usable from the cache, and only-if-cached was asked.",
                               NULL);
    case REUSE_VALIDATE:
        break;
    }
    if (covers_at_once(r))
        return hit(r, "upstream-down");
    bool is_stale = object_left_ms(r->object, loop_wall(r->worker->loop)) <= 0;
    r->cache.forward = is_stale ? CACHE_FORWARD_STALE : CACHE_FORWARD_REQUEST;
    r->stale = r->object;
    r->object = NULL;
    r->step = asks_by_head(r) ? STEP_PASS : STEP_OBTAIN;
    return NEXT_STEP;
}
