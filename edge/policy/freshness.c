/* SPDX-License-Identifier: MIT */

/* How long a response is fresh and how old it is (RFC 9111 s.4.2), for a shared cache.
 *
 * Clocks: ages are counted as s.4.2.3 says, the greater of what Date and what Age tell; nothing is
 * trusted more for being nearer. Only our own clock is protected from itself: a moment that lies
 * before the one it follows counts as no time passed. */
#include "edge/policy/freshness_inner.h"

#include "lib/base/err.h"
#include "lib/http/date.h"
#include "lib/http/structured.h"

#define HEURISTIC_SHARE  10 /* s.4.2.2: a tenth of the time since it was last modified */
#define HEURISTIC_MAX_MS (24LL * 3600 * MSEC_PER_SEC)
#define TARGETED_BYTES   16384 /* of one answer's CDN-Cache-Control */
#define TARGETED_MAX     32    /* members */

const char *freshness_source_text(enum freshness_source s)
{
    static const char *const texts[] = {
        [FRESHNESS_NONE] = "none",
        [FRESHNESS_CDN_CACHE_CONTROL] = "CDN-Cache-Control",
        [FRESHNESS_S_MAXAGE] = "Cache-Control: s-maxage",
        [FRESHNESS_MAX_AGE] = "Cache-Control: max-age",
        [FRESHNESS_EXPIRES] = "Expires",
        [FRESHNESS_HEURISTIC] = "a tenth of the time since Last-Modified",
        [FRESHNESS_SITE_DEFAULT] = "the site's default_ttl",
    };
    return (size_t)s < ARRAY_LEN(texts) ? texts[s] : "unknown";
}

static sec_t delta_of(const struct structured_item *item)
{
    if (item->type != STRUCTURED_INTEGER || item->integer < 0)
        return 0; /* said, and not understood: stale rather than fresh by another field */
    return item->integer < DELTA_MAX ? item->integer : DELTA_MAX;
}

/* Bare directives are true; "no-store=?0" says the opposite; any other value holds as the name. */
static bool holds(const struct structured_item *item)
{
    return item->type != STRUCTURED_BOOLEAN || item->integer != 0;
}

static void say_targeted(struct cache_control *cc, const struct structured_item *item)
{
#define AT(member) offsetof(struct cache_control, member)
    static const struct {
        struct span name;
        size_t at;
        bool is_delta;
    } directives[] = {
        {{"max-age", 7}, AT(max_age), true},
        {{"s-maxage", 8}, AT(s_maxage), true},
        {{"stale-while-revalidate", 22}, AT(stale_while_revalidate), true},
        {{"stale-if-error", 14}, AT(stale_if_error), true},
        {{"no-store", 8}, AT(no_store), false},
        {{"no-cache", 8}, AT(no_cache), false},
        {{"private", 7}, AT(is_private), false},
        {{"public", 6}, AT(is_public), false},
        {{"must-revalidate", 15}, AT(must_revalidate), false},
        {{"proxy-revalidate", 16}, AT(proxy_revalidate), false},
        {{"must-understand", 15}, AT(must_understand), false},
        {{"immutable", 9}, AT(is_immutable), false},
    };
#undef AT
    for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
        void *at = (char *)cc + directives[i].at;
        if (!span_eq(item->key, directives[i].name))
            continue;
        if (directives[i].is_delta)
            *(sec_t *)at = delta_of(item);
        else
            *(bool *)at = holds(item);
    }
}

/* RFC 9213 s.2.2: valid and not empty, it stands in place of Cache-Control and Expires; empty or
 * broken, it is as if it were not there. */
static bool read_targeted(struct cache_control *cc, const struct fields *fs)
{
    if (fields_find(fs, FIELD_CDN_CACHE_CONTROL, 0) == NULL)
        return false;
    struct structured_item items[TARGETED_MAX];
    struct arena mem;
    arena_init(&mem, TARGETED_BYTES);
    struct span text = fields_joined(fs, field_spelling(FIELD_CDN_CACHE_CONTROL), &mem);
    int count = structured_dictionary(text, items, TARGETED_MAX, &mem);
    if (arena_overflowed(&mem))
        count = 0;
    for (int i = 0; i < count; i++)
        say_targeted(cc, &items[i]);
    arena_finish(&mem);
    return count > 0;
}

bool freshness_directives(const struct fields *fs, struct cache_control *cc)
{
    cache_control_init(cc);
    if (read_targeted(cc, fs))
        return true;
    cache_control_read(cc, fs, FIELD_CACHE_CONTROL);
    return false;
}

/* Date, or the moment of receipt where it is absent or unreadable (RFC 9110 s.6.6.1). */
static sec_t date_of(const struct response_seen *seen)
{
    sec_t now_s = seen->response_wall / MSEC_PER_SEC, date;
    struct span text = fields_value(&seen->response->fields, FIELD_DATE);
    return text.p != NULL && date_parse(text, now_s, &date) ? date : now_s;
}

/* Age: of a list or of several lines the first member; ignored where it is no number (s.5.1). */
static msec_t age_value_ms(const struct fields *fs)
{
    sec_t age = 0;
    struct span rest = fields_value(fs, FIELD_AGE), element;
    if (rest.p == NULL || !list_next_element(&rest, &element) || !delta_seconds(element, &age))
        return 0;
    return age * MSEC_PER_SEC;
}

static msec_t initial_age_ms(const struct response_seen *seen)
{
    msec_t delay = seen->response_wall - seen->request_wall;
    msec_t apparent = (seen->response_wall / MSEC_PER_SEC - date_of(seen)) * MSEC_PER_SEC;
    msec_t corrected = age_value_ms(&seen->response->fields) + (delay > 0 ? delay : 0);
    return apparent > corrected ? apparent : corrected;
}

/* Expires minus Date; 0 where it is unreadable (s.5.3) or said twice and differently (s.4.2.1). */
static msec_t expires_ms(const struct response_seen *seen)
{
    const struct fields *fs = &seen->response->fields;
    const struct field *first = fields_find(fs, FIELD_EXPIRES, 0), *f = first;
    sec_t expires;
    while (f != NULL && span_eq(f->value, first->value))
        f = fields_find(fs, FIELD_EXPIRES, (uint32_t)(f - fs->v) + 1);
    if (first == NULL || f != NULL ||
        !date_parse(first->value, seen->response_wall / MSEC_PER_SEC, &expires))
        return 0;
    sec_t date = date_of(seen);
    return expires > date ? (expires - date) * MSEC_PER_SEC : 0;
}

static msec_t heuristic_ms(const struct response_seen *seen)
{
    struct span text = fields_value(&seen->response->fields, FIELD_LAST_MODIFIED);
    sec_t modified, date = date_of(seen);
    if (text.p == NULL || !date_parse(text, seen->response_wall / MSEC_PER_SEC, &modified) ||
        modified >= date)
        return 0;
    msec_t share = (date - modified) * MSEC_PER_SEC / HEURISTIC_SHARE;
    return share < HEURISTIC_MAX_MS ? share : HEURISTIC_MAX_MS;
}

bool freshness_may_guess(const struct response_head *response, const struct cache_control *cc)
{
    return status_is_heuristic(response->status) || cc->is_public;
}

/* s.4.2.1, in its order. */
static void say_lifetime(struct freshness *f, const struct response_seen *seen,
                         const struct cache_control *cc, bool is_targeted)
{
    bool has_expires = fields_find(&seen->response->fields, FIELD_EXPIRES, 0) != NULL;
    f->source = FRESHNESS_NONE;
    f->lifetime_ms = 0;
    if (cc->s_maxage != DELTA_NONE || cc->max_age != DELTA_NONE) {
        bool is_shared = cc->s_maxage != DELTA_NONE;
        f->lifetime_ms = (is_shared ? cc->s_maxage : cc->max_age) * MSEC_PER_SEC;
        f->source = is_targeted ? FRESHNESS_CDN_CACHE_CONTROL
                    : is_shared ? FRESHNESS_S_MAXAGE
                                : FRESHNESS_MAX_AGE;
    } else if (has_expires && !is_targeted) {
        f->lifetime_ms = expires_ms(seen);
        f->source = FRESHNESS_EXPIRES;
    } else if (freshness_may_guess(seen->response, cc)) {
        bool has_default = seen->site->default_ttl_ms > 0;
        f->lifetime_ms = has_default ? seen->site->default_ttl_ms : heuristic_ms(seen);
        if (f->lifetime_ms > 0)
            f->source = has_default ? FRESHNESS_SITE_DEFAULT : FRESHNESS_HEURISTIC;
    }
    if (seen->site->max_ttl_ms > 0 && f->lifetime_ms > seen->site->max_ttl_ms)
        f->lifetime_ms = seen->site->max_ttl_ms;
}

static msec_t delta_or(sec_t delta, msec_t fallback_ms)
{
    return delta != DELTA_NONE ? delta * MSEC_PER_SEC : fallback_ms;
}

void freshness_of(const struct response_seen *seen, const struct cache_control *cc,
                  bool is_targeted, struct freshness *out)
{
    const struct site *site = seen->site;
    *out = (struct freshness){
        .response_wall = seen->response_wall,
        .initial_age_ms = initial_age_ms(seen),
        .stale_while_revalidate_ms =
            delta_or(cc->stale_while_revalidate, site->stale_while_revalidate_ms),
        .stale_if_error_ms = delta_or(cc->stale_if_error, site->stale_if_error_ms),
        /* s.5.2.2.10: s-maxage includes proxy-revalidate */
        .must_revalidate =
            cc->must_revalidate || cc->proxy_revalidate || cc->s_maxage != DELTA_NONE,
        .always_validates = cc->no_cache && cc->no_cache_fields.p == NULL,
        .is_immutable = cc->is_immutable};
    say_lifetime(out, seen, cc, is_targeted);
    out->is_heuristic = out->source == FRESHNESS_HEURISTIC || out->source == FRESHNESS_SITE_DEFAULT;
}

msec_t freshness_age_ms(const struct freshness *f, msec_t now_wall)
{
    msec_t resident = now_wall - f->response_wall;
    return f->initial_age_ms + (resident > 0 ? resident : 0);
}

msec_t freshness_left_ms(const struct freshness *f, msec_t now_wall)
{
    return f->lifetime_ms - freshness_age_ms(f, now_wall);
}

bool freshness_may_cover(const struct freshness *f, msec_t now_wall)
{
    msec_t left = freshness_left_ms(f, now_wall);
    if (left > 0)
        return true;
    return !f->must_revalidate && !f->always_validates && -left <= f->stale_if_error_ms;
}
