/* SPDX-License-Identifier: MIT */

/* What is worth coding is said by type and size first, and by its first bytes where it is done.
 * Nothing that somebody else coded, or forbade to transform (RFC 9110 s.7.7), is touched. */
#include "edge/policy/encode_choice.h"

#include "lib/http/accept.h"
#include "lib/http/cache_control.h"
#include "lib/http/etag.h"

#define BUSY_PERMILLE 100 /* above it the level falls, to the least at .. */
#define FULL_PERMILLE 300 /* .. from where on nothing is coded */
#define WORTH_PERCENT 90

/* "text/html" against "text/html", "text/<star>" or "<star>+json". */
static bool type_matches(struct span type, struct span pattern)
{
    if (pattern.n > 0 && pattern.p[pattern.n - 1] == '*') {
        struct span start = span_make(pattern.p, pattern.n - 1);
        return type.n >= start.n && span_ieq(span_make(type.p, start.n), start);
    }
    if (pattern.n > 0 && pattern.p[0] == '*') {
        struct span end = span_skip(pattern, 1);
        return type.n >= end.n && span_ieq(span_skip(type, type.n - end.n), end);
    }
    return span_ieq(type, pattern);
}

static bool is_listed(const struct site *site, const struct fields *fs)
{
    struct span rest, type = fields_value(fs, FIELD_CONTENT_TYPE);
    type = span_trim(span_cut(type, ';', &rest));
    for (size_t i = 0; i < site->encode_types.count && type.n > 0; i++) {
        if (type_matches(type, span_of(site->encode_types.v[i])))
            return true;
    }
    return false;
}

static bool forbids_transforming(const struct fields *fs)
{
    const struct field *f = fields_find(fs, FIELD_CACHE_CONTROL, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_CACHE_CONTROL, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element;
        while (list_next_element(&rest, &element)) {
            if (span_ieq(element, SPAN("no-transform")))
                return true;
        }
    }
    return false;
}

static bool is_worth_a_try(const struct site *site, const struct encode_content *content)
{
    bool has_size = content->size == LENGTH_UNKNOWN ||
                    (content->size > 0 && content->size >= site->encode_min_bytes);
    return content->status == 200 && has_size &&
           fields_find(content->fields, FIELD_CONTENT_ENCODING, 0) == NULL &&
           is_listed(site, content->fields);
}

bool encode_may(const struct site *site, const struct encode_content *content)
{
    return site->encode == ENCODE_ZSTD && content->size <= site->encode_max_bytes &&
           is_worth_a_try(site, content) && !forbids_transforming(content->fields);
}

bool encode_may_pack(const struct site *site, const struct encode_content *content)
{
    return site->tier_encode == ENCODE_ZSTD && is_worth_a_try(site, content);
}

/* "*" is not enough: who does not name a coding may not know it. */
static bool names_zstd(const struct fields *fs)
{
    const struct field *f = fields_find(fs, FIELD_ACCEPT_ENCODING, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_ACCEPT_ENCODING, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element, parameters;
        while (list_next_element(&rest, &element)) {
            if (span_ieq(span_trim(span_cut(element, ';', &parameters)), SPAN("zstd")))
                return true;
        }
    }
    return false;
}

bool encode_is_wanted(const struct request_head *request)
{
    int zstd = accept_coding_quality(&request->fields, SPAN("zstd"));
    return zstd > 0 && names_zstd(&request->fields) &&
           zstd >= accept_coding_quality(&request->fields, SPAN("identity")) &&
           fields_find(&request->fields, FIELD_RANGE, 0) == NULL &&
           !forbids_transforming(&request->fields);
}

int encode_level(const struct site *site, int busy_permille)
{
    int most = (int)site->encode_level, least = most < 1 ? most : 1;
    if (busy_permille >= FULL_PERMILLE)
        return 0;
    if (busy_permille <= BUSY_PERMILLE)
        return most;
    return most -
           (most - least) * (busy_permille - BUSY_PERMILLE) / (FULL_PERMILLE - BUSY_PERMILLE);
}

bool encode_is_worth(uint64_t bytes_in, uint64_t bytes_out)
{
    return bytes_out * 100 <= bytes_in * WORTH_PERCENT;
}

struct span encode_etag(struct span stored, struct arena *mem)
{
    if (!etag_is_valid(stored))
        return SPAN_NONE;
    struct span opaque = etag_is_weak(stored) ? span_skip(stored, 2) : stored;
    opaque.n--; /* its closing quote */
    const struct span parts[] = {SPAN("W/"), opaque, SPAN("-zstd\"")};
    return arena_join(mem, parts, ARRAY_LEN(parts));
}

/* Digests are of other bytes (RFC 9530 s.2, s.3); ranges are of the stored ones only. */
void encode_fields(struct fields *fs, struct arena *mem)
{
    static const enum field_id wrong[] = {FIELD_ACCEPT_RANGES, FIELD_CONTENT_DIGEST,
                                          FIELD_REPR_DIGEST};
    static const char *const wrong_named[] = {"Content-MD5", "Digest"};
    struct span etag = encode_etag(fields_value(fs, FIELD_ETAG), mem);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        fields_remove(fs, wrong[i]);
    for (size_t i = 0; i < ARRAY_LEN(wrong_named); i++)
        fields_remove_named(fs, span_of(wrong_named[i]));
    fields_remove(fs, FIELD_ETAG);
    if (etag.p != NULL)
        fields_add(fs, FIELD_ETAG, etag);
    fields_add(fs, FIELD_CONTENT_ENCODING, SPAN("zstd"));
}

void encode_vary(struct fields *fs)
{
    const struct field *f = fields_find(fs, FIELD_VARY, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_VARY, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, name;
        while (list_next_element(&rest, &name)) {
            if (span_ieq(name, field_spelling(FIELD_ACCEPT_ENCODING)))
                return;
        }
    }
    fields_add(fs, FIELD_VARY, field_spelling(FIELD_ACCEPT_ENCODING));
}
