/* SPDX-License-Identifier: MIT
 *
 * Whether an answer's bytes may stand beside those that are already there. Errs on the side of
 * refusing: a representation that cannot be shown to be the same is another one. */
#include "edge/upstream/answer.h"

#include "lib/base/err.h"

struct validators answer_version(const struct validators *v, enum version_by by)
{
    struct validators version = *v;
    if (by == VERSION_BY_DATE) {
        version.etag = SPAN_NONE;
        version.date = v->last_modified >= 0 ? v->last_modified + 1 : -1; /* strong by the rule */
    }
    return version;
}

bool answer_can_continue(const struct validators *version)
{
    return validators_same_strong(version, version);
}

bool answer_is_about(const struct response_head *head, const struct validators *stored, sec_t now_s)
{
    struct validators v = validators_of(&head->fields, now_s), dated = *stored;
    if (v.etag.p != NULL && stored->etag.p != NULL)
        return span_eq(v.etag, stored->etag);
    if (stored->etag.p != NULL)
        return true; /* it was asked for, and need not be repeated */
    if (v.etag.p == NULL)
        return v.last_modified < 0 || v.last_modified == stored->last_modified;
    v.etag = dated.etag = SPAN_NONE;
    return validators_same_strong(&v, &dated);
}

bool answer_is_fault(int status)
{
    return status >= 500 || status == 429;
}

bool answer_to_head_agrees(const struct response_head *head, const struct validators *stored,
                           int64_t size, sec_t now_s)
{
    struct validators v = validators_of(&head->fields, now_s);
    struct span length = fields_value(&head->fields, FIELD_CONTENT_LENGTH);
    uint64_t told;
    if (v.etag.p != NULL && (stored->etag.p == NULL || !span_eq(v.etag, stored->etag)))
        return false;
    if (v.last_modified >= 0 && v.last_modified != stored->last_modified)
        return false;
    if (length.p != NULL && (size < 0 || !span_u64(length, &told) || told != (uint64_t)size))
        return false;
    return v.etag.p != NULL || v.last_modified >= 0 || length.p != NULL;
}

static bool is_same(const struct response_head *head, const struct answer_expected *e, sec_t now_s)
{
    if (e->validators == NULL)
        return true;
    struct validators v = validators_of(&head->fields, now_s);
    v = answer_version(&v, e->version_by);
    /* RFC 9110 s.15.3.7: a 206 to If-Range need not repeat Last-Modified, but must the ETag. */
    if (e->version_by == VERSION_BY_DATE && head->status == 206 && v.last_modified < 0)
        return true;
    return validators_same_strong(e->validators, &v);
}

static int judge_whole(const struct response_head *head, const struct answer_expected *e,
                       sec_t now_s, struct answer_body *out)
{
    bool is_other_size = e->size >= 0 && head->content_length != e->size;
    if (!is_same(head, e, now_s) || is_other_size)
        return ERR_CHANGED;
    *out = (struct answer_body){.at = 0, .end = head->content_length, .size = head->content_length};
    return 0;
}

/* The first byte must be the one asked: a gap cannot be filled, earlier ones are wasted. An end
 * before the one asked is allowed (s.15.3.7); an end beyond it is not what was asked. */
static bool is_as_asked(const struct content_range *cr, const struct answer_expected *e)
{
    if (e->first >= 0)
        return cr->first == e->first && (e->last < 0 || cr->last <= e->last);
    int64_t from = cr->size > e->last ? cr->size - e->last : 0;
    return cr->first == from && cr->last == cr->size - 1;
}

static int judge_part(const struct response_head *head, const struct answer_expected *e,
                      sec_t now_s, struct answer_body *out)
{
    struct content_range cr;
    struct span value = fields_value(&head->fields, FIELD_CONTENT_RANGE);
    if (fields_count(&head->fields, FIELD_CONTENT_RANGE) != 1 ||
        content_range_parse(value, &cr) != 0 || cr.first < 0 || cr.size < 0)
        return ERR_PROTOCOL;
    if (!is_same(head, e, now_s) || (e->size >= 0 && cr.size != e->size))
        return ERR_CHANGED;
    int64_t length = cr.last - cr.first + 1;
    if (!is_as_asked(&cr, e) || (head->content_length >= 0 && head->content_length != length))
        return ERR_PROTOCOL;
    *out = (struct answer_body){.at = cr.first, .end = cr.last + 1, .size = cr.size};
    return 0;
}

int answer_judge(const struct response_head *head, const struct answer_expected *expected,
                 sec_t now_s, struct answer_body *out)
{
    if (head->status == 200)
        return judge_whole(head, expected, now_s, out);
    if (head->status == 206)
        return judge_part(head, expected, now_s, out);
    if (head->status == 416 || head->status == 412 || head->status == 404 || head->status == 410)
        return ERR_CHANGED; /* what was there is there no more */
    return ERR_UNSUPPORTED;
}
