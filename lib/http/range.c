/* SPDX-License-Identifier: MIT */

/* Byte ranges: read, held against a length, told. Whether a Range field counts at all is asked in
 * conditional.c. */
#include "lib/http/range.h"

#include "lib/base/err.h"
#include "lib/http/chars.h"
#include "lib/http/headers.h"
#include "lib/http/message.h"

/* A position; what is larger than any file is as good as the largest. False: not a number. */
static bool read_position(struct span s, int64_t *out)
{
    int64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_digit(s.p[i]))
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v))
            v = INT64_MAX;
    }
    *out = v;
    return true;
}

/* "0-9", "5-", "-5": RFC 9110 s.14.1.2. */
static bool read_spec(struct span s, struct range_spec *out)
{
    struct span last, first = span_cut(s, '-', &last);
    out->first = out->last = -1;
    if (last.p == NULL)
        return false;
    if (first.n == 0)
        return read_position(last, &out->last);
    if (!read_position(first, &out->first))
        return false;
    return last.n == 0 || (read_position(last, &out->last) && out->first <= out->last);
}

int range_parse(struct span field, struct range_spec *out, int max)
{
    struct span set, spec, unit = span_cut(field, '=', &set);
    int count = 0;
    if (!span_ieq(unit, SPAN("bytes")))
        return 0;
    while (list_next_element(&set, &spec)) {
        if (count == max)
            return ERR_TOO_BIG;
        if (!read_spec(spec, &out[count]))
            return 0;
        count++;
    }
    return count;
}

/* False where nothing of spec lies within size. (A suffix of a representation without bytes would
 * satisfy s.14.1.2, and has no form in Content-Range.) */
static bool resolve_one(const struct range_spec *spec, int64_t size, struct byte_range *out)
{
    out->last = size - 1;
    if (spec->first < 0) {
        out->first = spec->last < size ? size - spec->last : 0;
        return spec->last > 0 && size > 0;
    }
    out->first = spec->first;
    if (spec->last >= 0 && spec->last < out->last)
        out->last = spec->last;
    return spec->first < size;
}

/* Puts r among the count ranges in out, of which no two touch; those that touch r become one with
 * it, at the place of the first of them. Returns the new count. */
static int merge(struct byte_range *out, int count, struct byte_range r)
{
    int place = count, kept = 0;
    for (int i = 0; i < count; i++) {
        if (out[i].first > r.last + 1 || r.first > out[i].last + 1) {
            out[kept++] = out[i];
            continue;
        }
        if (out[i].first < r.first)
            r.first = out[i].first;
        if (out[i].last > r.last)
            r.last = out[i].last;
        if (place == count)
            place = kept++; /* its place is held open */
    }
    if (place == count)
        place = kept++;
    out[place] = r;
    return kept;
}

int range_resolve(const struct range_spec *specs, int count, int64_t size, struct byte_range *out)
{
    int found = 0;
    for (int i = 0; i < count; i++) {
        struct byte_range r;
        if (resolve_one(&specs[i], size, &r))
            found = merge(out, found, r);
    }
    return found > 0 ? found : ERR_UNSATISFIABLE;
}

int content_range_parse(struct span field, struct content_range *out)
{
    struct span behind, range, size, unit = span_cut(field, ' ', &behind);
    *out = (struct content_range){-1, -1, -1};
    range = span_cut(behind, '/', &size);
    if (!span_ieq(unit, SPAN("bytes")) || size.p == NULL)
        return ERR_SYNTAX;
    bool has_size = !span_eq(size, SPAN("*"));
    if (has_size && (!read_position(size, &out->size) || out->size > LENGTH_MAX))
        return ERR_SYNTAX;
    if (span_eq(range, SPAN("*")))
        return has_size ? 0 : ERR_SYNTAX;
    struct span last, first = span_cut(range, '-', &last);
    if (!read_position(first, &out->first) || !read_position(last, &out->last) ||
        out->last < out->first || out->last >= (has_size ? out->size : LENGTH_MAX))
        return ERR_SYNTAX; /* s.14.4: invalid, not to be used */
    return 0;
}

size_t content_range_write(char out[CONTENT_RANGE_ROOM], const struct content_range *cr)
{
    char *at = mempcpy(out, "bytes ", 6);
    if (cr->first < 0) {
        *at++ = '*';
    } else {
        at = u64_write(at, (uint64_t)cr->first);
        *at++ = '-';
        at = u64_write(at, (uint64_t)cr->last);
    }
    *at++ = '/';
    if (cr->size < 0)
        *at++ = '*';
    else
        at = u64_write(at, (uint64_t)cr->size);
    return (size_t)(at - out);
}
