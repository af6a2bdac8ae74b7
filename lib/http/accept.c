/* SPDX-License-Identifier: MIT */

/* Accept-Encoding. Which coding is chosen among those that a client takes is decided elsewhere. */
#include "lib/http/accept.h"

#include "lib/http/chars.h"

#define QUALITY_FULL  1000
#define QUALITY_LEAST 1 /* identity, where others are named: still acceptable (s.12.5.3) */

/* "0.5" in thousandths (RFC 9110 s.12.4.2), -1: not a qvalue. */
static int read_quality(struct span s)
{
    if (s.n == 0 || (s.p[0] != '0' && s.p[0] != '1') || s.n > 5 || (s.n > 1 && s.p[1] != '.'))
        return -1;
    int v = (s.p[0] - '0') * QUALITY_FULL, unit = QUALITY_FULL / 10;
    for (size_t i = 2; i < s.n; i++, unit /= 10) {
        if (!char_is_digit(s.p[i]))
            return -1;
        v += (s.p[i] - '0') * unit;
    }
    return v <= QUALITY_FULL ? v : -1;
}

/* The weight behind a coding; what cannot be read refuses, so that nobody gets what he may not
 * want. */
static int weight_of(struct span parameters)
{
    int quality = QUALITY_FULL;
    while (parameters.p != NULL) {
        struct span value, name = span_cut(parameters, ';', &parameters);
        name = span_trim(span_cut(name, '=', &value));
        if (!span_ieq(name, SPAN("q")))
            continue;
        quality = read_quality(span_trim(value));
        if (quality < 0)
            return 0;
    }
    return quality;
}

int accept_coding_quality(const struct fields *fs, struct span coding)
{
    bool is_identity = span_ieq(coding, SPAN("identity"));
    const struct field *f = fields_find(fs, FIELD_ACCEPT_ENCODING, 0);
    int named = -1, other = -1;
    if (f == NULL) /* anything is acceptable; we send what needs no decoding */
        return is_identity ? QUALITY_FULL : 0;
    for (; f != NULL; f = fields_find(fs, FIELD_ACCEPT_ENCODING, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element, parameters;
        while (list_next_element(&rest, &element)) {
            struct span name = span_trim(span_cut(element, ';', &parameters));
            if (span_ieq(name, coding) ||
                (span_ieq(coding, SPAN("gzip")) && span_ieq(name, SPAN("x-gzip"))))
                named = weight_of(parameters);
            else if (span_eq(name, SPAN("*")))
                other = weight_of(parameters);
        }
    }
    if (named >= 0)
        return named;
    if (other >= 0)
        return other;
    return is_identity ? QUALITY_LEAST : 0;
}
