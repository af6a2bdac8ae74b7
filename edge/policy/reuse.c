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

/* s.5.2.1.1, s.5.2.1.3, s.5.2.1.4: younger than the client accepts, and for long enough. */
static bool is_acceptable(const struct freshness *f, const struct cache_control *cc, msec_t now)
{
    if (cc->no_cache || cc->max_age == 0)
        return false;
    if (cc->max_age != DELTA_NONE && freshness_age_ms(f, now) > cc->max_age * MSEC_PER_SEC)
        return false;
    return cc->min_fresh == DELTA_NONE || freshness_left_ms(f, now) >= cc->min_fresh * MSEC_PER_SEC;
}

/* s.4.2.4: stale by this much, with leave of the origin, the configuration or the client. A client
 * that says max-age and no max-stale does not wish for stale ones (s.5.2.1.1). */
static enum reuse reuse_stale(const struct freshness *f, const struct cache_control *cc,
                              msec_t stale_ms)
{
    if (f->must_revalidate || (cc->max_age != DELTA_NONE && cc->max_stale == DELTA_NONE))
        return REUSE_VALIDATE;
    if (stale_ms < f->stale_while_revalidate_ms)
        return REUSE_REFRESH;
    bool is_allowed = cc->max_stale == DELTA_MAX ||
                      (cc->max_stale != DELTA_NONE && stale_ms <= cc->max_stale * MSEC_PER_SEC);
    return is_allowed ? REUSE_STALE : REUSE_VALIDATE;
}

enum reuse reuse_of(const struct freshness *f, const struct reuse_request *r)
{
    struct cache_control cc = directives_of(r);
    msec_t left = freshness_left_ms(f, r->now_wall);
    enum reuse reuse = REUSE_VALIDATE;
    if (!f->always_validates && is_acceptable(f, &cc, r->now_wall))
        reuse = left > 0 ? REUSE_FRESH : reuse_stale(f, &cc, -left);
    if (reuse == REUSE_VALIDATE && cc.only_if_cached)
        return REUSE_FORBIDDEN;
    return reuse;
}
