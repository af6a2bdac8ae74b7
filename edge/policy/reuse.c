/* SPDX-License-Identifier: MIT */

/* May a stored response answer this request, and how (RFC 9111 s.4, RFC 5861 s.3)? */
#include "edge/policy/freshness.h"

/* What the request says: Pragma counts only where there is no Cache-Control (s.5.4). A site that
 * passes over reloads hears nothing that makes a response less usable than it is. */
static struct cache_control directives_of(const struct reuse_request *r)
{
    const struct fields *fs = &r->request->fields;
    struct cache_control cc;
    cache_control_init(&cc);
    cache_control_read(&cc, fs, FIELD_CACHE_CONTROL);
    if (fields_find(fs, FIELD_CACHE_CONTROL, 0) == NULL) {
        const struct field *f = fields_find(fs, FIELD_PRAGMA, 0);
        for (; f != NULL; f = fields_find(fs, FIELD_PRAGMA, (uint32_t)(f - fs->v) + 1)) {
            struct span rest = f->value, element;
            while (list_next_element(&rest, &element))
                cc.no_cache |= span_ieq(element, SPAN("no-cache"));
        }
    }
    if (r->site->ignores_reload) {
        cc.no_cache = false;
        cc.max_age = cc.min_fresh = DELTA_NONE;
    }
    return cc;
}

/* s.5.2.1.1, s.5.2.1.3, s.5.2.1.4: younger than the client accepts, and for long enough. What it
 * does not accept it by, or NULL. */
static const char *unacceptable(const struct freshness *f, const struct cache_control *cc,
                                msec_t now)
{
    if (cc->no_cache)
        return "the request's no-cache";
    if (cc->max_age == 0 ||
        (cc->max_age != DELTA_NONE && freshness_age_ms(f, now) > cc->max_age * MSEC_PER_SEC))
        return "the request's max-age";
    if (cc->min_fresh != DELTA_NONE && freshness_left_ms(f, now) < cc->min_fresh * MSEC_PER_SEC)
        return "the request's min-fresh";
    return NULL;
}

/* s.4.2.4: stale by this much, with leave of the origin, the configuration or the client. A client
 * that says max-age and no max-stale does not wish for stale ones (s.5.2.1.1). */
static struct reuse_verdict of_stale(const struct freshness *f, const struct cache_control *cc,
                                     msec_t stale_ms)
{
    if (f->must_revalidate)
        return (struct reuse_verdict){REUSE_VALIDATE, "stale, and it must be revalidated then"};
    if (cc->max_age != DELTA_NONE && cc->max_stale == DELTA_NONE)
        return (struct reuse_verdict){REUSE_VALIDATE, "stale, and the request says max-age"};
    if (stale_ms < f->stale_while_revalidate_ms)
        return (struct reuse_verdict){REUSE_REFRESH, "stale within stale-while-revalidate"};
    bool is_allowed = cc->max_stale == DELTA_MAX ||
                      (cc->max_stale != DELTA_NONE && stale_ms <= cc->max_stale * MSEC_PER_SEC);
    if (is_allowed)
        return (struct reuse_verdict){REUSE_STALE, "stale within the request's max-stale"};
    return (struct reuse_verdict){REUSE_VALIDATE, "stale"};
}

static struct reuse_verdict judge(const struct freshness *f, const struct reuse_request *r,
                                  const struct cache_control *cc)
{
    msec_t left = freshness_left_ms(f, r->now_wall);
    const char *fault = unacceptable(f, cc, r->now_wall);
    if (r->is_soft_purged)
        return (struct reuse_verdict){REUSE_VALIDATE, "a soft purge"};
    if (f->always_validates)
        return (struct reuse_verdict){REUSE_VALIDATE, "the response's no-cache"};
    if (fault != NULL)
        return (struct reuse_verdict){REUSE_VALIDATE, fault};
    if (left > 0)
        return (struct reuse_verdict){REUSE_FRESH, "fresh"};
    return of_stale(f, cc, -left);
}

struct reuse_verdict reuse_of(const struct freshness *f, const struct reuse_request *r)
{
    struct cache_control cc = directives_of(r);
    struct reuse_verdict v = judge(f, r, &cc);
    if (v.reuse == REUSE_VALIDATE && cc.only_if_cached)
        v.reuse = REUSE_FORBIDDEN;
    return v;
}
