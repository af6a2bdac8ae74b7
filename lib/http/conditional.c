/* SPDX-License-Identifier: MIT
 *
 * Conditional requests (RFC 9110 s.13) against the validators of one representation, for whoever
 * answers: an origin for its file, a cache for what it stored. Leaves the answer's head to them. */
#include "lib/http/conditional.h"

#include "lib/base/err.h"
#include "lib/http/date.h"
#include "lib/http/etag.h"

/* A field that may stand once only: its value, or p == NULL where it is absent or repeated (then
 * "the recipient MUST ignore" it, s.13.1.3 and s.14.2). */
static struct span single_value(const struct fields *fs, enum field_id id)
{
    if (fields_count(fs, id) != 1)
        return SPAN_NONE;
    return fields_value(fs, id);
}

static bool single_date(const struct fields *fs, enum field_id id, sec_t now_s, sec_t *out)
{
    struct span value = single_value(fs, id);
    return value.p != NULL && date_parse(value, now_s, out);
}

/* If-Match and If-None-Match are lists, which may come in several lines (s.5.3). */
static bool any_line_has(const struct fields *fs, enum field_id id, struct span etag,
                         bool is_strong)
{
    const struct field *f = fields_find(fs, id, 0);
    while (f != NULL) {
        if (etag_list_has(f->value, etag, is_strong))
            return true;
        f = fields_find(fs, id, (uint32_t)(f - fs->v) + 1);
    }
    return false;
}

/* The moment that If-(Un)Modified-Since is held against: Last-Modified, else Date, which is what a
 * cache has for an answer without one (RFC 9111 s.4.3.2). -1: neither. */
static sec_t modified_s(const struct validators *v)
{
    return v->last_modified >= 0 ? v->last_modified : v->date;
}

static bool precondition_fails(const struct request_head *request, const struct validators *v,
                               sec_t now_s)
{
    sec_t since;
    if (fields_count(&request->fields, FIELD_IF_MATCH) > 0)
        return !any_line_has(&request->fields, FIELD_IF_MATCH, v->etag, true);
    if (!single_date(&request->fields, FIELD_IF_UNMODIFIED_SINCE, now_s, &since))
        return false;
    return v->last_modified >= 0 && v->last_modified > since;
}

static bool is_not_modified(const struct request_head *request, const struct validators *v,
                            sec_t now_s)
{
    sec_t since;
    if (fields_count(&request->fields, FIELD_IF_NONE_MATCH) > 0)
        return any_line_has(&request->fields, FIELD_IF_NONE_MATCH, v->etag, false);
    if (request->method != METHOD_GET && request->method != METHOD_HEAD)
        return false;
    if (!single_date(&request->fields, FIELD_IF_MODIFIED_SINCE, now_s, &since))
        return false;
    return modified_s(v) >= 0 && modified_s(v) <= since;
}

enum conditional conditional_of(const struct request_head *request, const struct validators *v,
                                int status, sec_t now_s)
{
    if (status < 200 || status > 299) /* s.13.2.1: conditions are for what would have succeeded */
        return CONDITIONAL_NORMAL;
    if (precondition_fails(request, v, now_s))
        return CONDITIONAL_FAILED;
    if (!is_not_modified(request, v, now_s))
        return CONDITIONAL_NORMAL;
    if (request->method == METHOD_GET || request->method == METHOD_HEAD)
        return CONDITIONAL_NOT_MODIFIED;
    return CONDITIONAL_FAILED;
}

/* Strong in the sense of s.8.8.2.2: the file cannot have changed twice within that second. */
static bool last_modified_is_strong(const struct validators *v)
{
    return v->last_modified >= 0 && v->date >= v->last_modified + 1;
}

/* s.13.1.5: both forms compare strongly, the date form exactly. */
static bool if_range_holds(const struct fields *fs, const struct validators *v, sec_t now_s)
{
    sec_t date;
    if (fields_count(fs, FIELD_IF_RANGE) == 0)
        return true;
    struct span value = single_value(fs, FIELD_IF_RANGE);
    if (value.p == NULL)
        return false;
    if (etag_is_valid(value))
        return v->etag.p != NULL && etag_strong_eq(value, v->etag);
    return date_parse(value, now_s, &date) && last_modified_is_strong(v) &&
           date == v->last_modified;
}

int conditional_ranges(const struct request_head *request, const struct validators *v, sec_t now_s,
                       struct range_spec out[RANGES_MAX])
{
    if (request->method != METHOD_GET) /* s.14.2: other methods define no range handling */
        return 0;
    struct span range = single_value(&request->fields, FIELD_RANGE);
    if (range.p == NULL || !if_range_holds(&request->fields, v, now_s))
        return 0;
    return range_parse(range, out, RANGES_MAX);
}

struct validators validators_of(const struct fields *fs, sec_t now_s)
{
    struct validators v = {.last_modified = -1, .date = -1};
    struct span etag = single_value(fs, FIELD_ETAG);
    if (etag.p != NULL && etag_is_valid(etag))
        v.etag = etag;
    if (!single_date(fs, FIELD_LAST_MODIFIED, now_s, &v.last_modified))
        v.last_modified = -1;
    if (!single_date(fs, FIELD_DATE, now_s, &v.date))
        v.date = -1;
    return v;
}

bool validators_same_strong(const struct validators *a, const struct validators *b)
{
    if (a->etag.p != NULL || b->etag.p != NULL)
        return a->etag.p != NULL && b->etag.p != NULL && etag_strong_eq(a->etag, b->etag);
    return last_modified_is_strong(a) && last_modified_is_strong(b) &&
           a->last_modified == b->last_modified;
}
