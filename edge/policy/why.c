/* SPDX-License-Identifier: MIT */

/* Why a stored response is as fresh as it is. What was not kept with it (Age, the moment of the
 * request) shows in the corrected initial age, which was. */
#include "edge/policy/why.h"

#include "edge/policy/freshness_inner.h"

struct telling {
    const struct why_question *q;
    struct why_line *lines;
    int count;
    struct arena *mem;
    struct cache_control cc;
    bool is_targeted;
};

#define SECONDS(ms) (double)(ms) / MSEC_PER_SEC

static PRINTF(3, 4) struct why_line *tell(struct telling *t, const char *what, const char *format,
                                          ...)
{
    va_list ap;
    CHECK(t->count < WHY_LINES_MAX);
    va_start(ap, format);
    t->lines[t->count++] = (struct why_line){what, arena_vprintf(t->mem, format, ap), NULL};
    va_end(ap);
    return &t->lines[t->count - 1];
}

/* From the fields as they are stored, as if it had come at once and without Age, and as if the site
 * had no bound. */
static struct freshness without_bound(const struct telling *t)
{
    struct site site = *t->q->site;
    struct response_head head = {.status = t->q->status, .fields = *t->q->fields};
    struct response_seen seen = {.response = &head,
                                 .request_wall = t->q->freshness->response_wall,
                                 .response_wall = t->q->freshness->response_wall,
                                 .site = &site};
    struct freshness f;
    site.max_ttl_ms = 0;
    freshness_of(&seen, &t->cc, t->is_targeted, &f);
    return f;
}

/* s.4.2.3, with its names. */
static void tell_age(struct telling *t)
{
    const struct freshness *f = t->q->freshness;
    struct span date = fields_value(t->q->fields, FIELD_DATE);
    msec_t age = freshness_age_ms(f, t->q->now_wall);
    msec_t apparent = without_bound(t).initial_age_ms;
    apparent = apparent > 0 ? apparent : 0;
    tell(t, "apparent_age", "%.3f s = response_time - date_value, not below 0 (Date: %.*s)",
         SECONDS(apparent), SPAN_FMT(date));
    tell(t, "corrected_initial_age", "%.3f s = the greater of apparent_age and Age + delay%s",
         SECONDS(f->initial_age_ms),
         f->initial_age_ms > apparent ? ": Age and the time it took to come" : ": Date");
    tell(t, "resident_time", "%.3f s = now - response_time", SECONDS(age - f->initial_age_ms));
    tell(t, "current_age", "%.3f s = corrected_initial_age + resident_time", SECONDS(age));
}

/* The field that the lifetime was taken from, as it stands in the response. */
static struct span source_field(const struct telling *t, struct span *name)
{
    switch ((enum freshness_source)t->q->freshness->source) {
    case FRESHNESS_CDN_CACHE_CONTROL:
        *name = field_spelling(FIELD_CDN_CACHE_CONTROL);
        break;
    case FRESHNESS_S_MAXAGE:
    case FRESHNESS_MAX_AGE:
        *name = field_spelling(FIELD_CACHE_CONTROL);
        break;
    case FRESHNESS_EXPIRES:
        *name = field_spelling(FIELD_EXPIRES);
        break;
    case FRESHNESS_HEURISTIC:
        *name = field_spelling(FIELD_LAST_MODIFIED);
        break;
    case FRESHNESS_NONE:
    case FRESHNESS_SITE_DEFAULT:
        *name = SPAN_NONE;
        return SPAN_NONE;
    }
    return fields_joined(t->q->fields, *name, t->mem);
}

/* s.4.2.1. Bounded: without the site's bound it would be more. */
static void tell_lifetime(struct telling *t)
{
    const struct freshness *f = t->q->freshness;
    struct span name, value = source_field(t, &name);
    const char *source = freshness_source_text((enum freshness_source)f->source);
    struct freshness full = without_bound(t);
    if (f->source == FRESHNESS_NONE)
        tell(t, "freshness_lifetime", "0 s: nothing says how long it is fresh");
    else if (f->source == FRESHNESS_SITE_DEFAULT)
        tell(t, "freshness_lifetime", "%.3f s: %s", SECONDS(f->lifetime_ms), source)->option =
            "default_ttl";
    else
        tell(t, "freshness_lifetime", "%.3f s: %s (%.*s: %.*s)",
             SECONDS(full.lifetime_ms > f->lifetime_ms ? full.lifetime_ms : f->lifetime_ms), source,
             SPAN_FMT(name), SPAN_FMT(value));
    if (full.lifetime_ms > f->lifetime_ms && f->source != FRESHNESS_NONE)
        tell(t, "freshness_lifetime", "%.3f s: the site's bound", SECONDS(f->lifetime_ms))->option =
            "max_ttl";
}

static void tell_left(struct telling *t)
{
    msec_t left = freshness_left_ms(t->q->freshness, t->q->now_wall);
    tell(t, "left", "%.3f s = freshness_lifetime - current_age: %s", SECONDS(left),
         left > 0 ? "fresh" : "stale");
}

/* What holds once it is stale, and what holds always. */
static void tell_rules(struct telling *t)
{
    const struct freshness *f = t->q->freshness;
    bool says_swr = t->cc.stale_while_revalidate != DELTA_NONE;
    bool says_sie = t->cc.stale_if_error != DELTA_NONE;
    const char *field = t->is_targeted ? "CDN-Cache-Control" : "Cache-Control";
    if (f->always_validates)
        tell(t, "no-cache", "%s: it is validated before every use", field);
    if (f->must_revalidate) {
        tell(t, "must-revalidate", "%s: this, proxy-revalidate or s-maxage: never used stale",
             field);
        return;
    }
    tell(t, "stale-while-revalidate", "%.3f s: %s", SECONDS(f->stale_while_revalidate_ms),
         says_swr ? field : "the site's")
        ->option = says_swr ? NULL : "stale_while_revalidate";
    tell(t, "stale-if-error", "%.3f s: %s", SECONDS(f->stale_if_error_ms),
         says_sie ? field : "the site's")
        ->option = says_sie ? NULL : "stale_if_error";
}

int why_lines(const struct why_question *q, struct why_line out[WHY_LINES_MAX], struct arena *mem)
{
    struct telling t = {.q = q, .lines = out, .mem = mem};
    t.is_targeted = freshness_directives(q->fields, &t.cc);
    tell_age(&t);
    tell_lifetime(&t);
    tell_left(&t);
    tell_rules(&t);
    return t.count;
}
