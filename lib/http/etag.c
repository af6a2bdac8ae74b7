/* SPDX-License-Identifier: MIT */

/* Entity tags. A backslash in them is a byte like any other (RFC 9110 s.8.8.3), so that lists of
 * tags are read here and not as other lists. */
#include "lib/http/etag.h"

#include "lib/http/chars.h"

/* Length of the tag at the front of s, or 0. */
static size_t tag_length(struct span s)
{
    size_t n = span_starts(s, SPAN("W/")) ? 2 : 0;
    if (n >= s.n || s.p[n] != '"')
        return 0;
    for (n++; n < s.n && char_is(s.p[n], CHAR_ETAG);)
        n++;
    return n < s.n && s.p[n] == '"' ? n + 1 : 0;
}

bool etag_is_valid(struct span tag)
{
    return tag.n != 0 && tag_length(tag) == tag.n;
}

bool etag_is_weak(struct span tag)
{
    return span_starts(tag, SPAN("W/"));
}

static struct span opaque(struct span tag)
{
    return etag_is_weak(tag) ? span_skip(tag, 2) : tag;
}

bool etag_strong_eq(struct span a, struct span b)
{
    return a.n != 0 && !etag_is_weak(a) && span_eq(a, b);
}

bool etag_weak_eq(struct span a, struct span b)
{
    return a.n != 0 && span_eq(opaque(a), opaque(b));
}

static struct span skip_to_element(struct span s)
{
    while (s.n != 0 && (s.p[0] == ',' || char_is_space(s.p[0])))
        s = span_skip(s, 1);
    return s;
}

bool etag_list_has(struct span list, struct span tag, bool is_strong)
{
    if (span_eq(span_trim(list), SPAN("*")))
        return true;
    for (struct span s = skip_to_element(list); s.n != 0; s = skip_to_element(s)) {
        struct span element = span_make(s.p, tag_length(s));
        s = span_skip(s, element.n);
        struct span behind = span_trim(s);
        if (element.n == 0 || (behind.n != 0 && behind.p[0] != ','))
            return false;
        if (is_strong ? etag_strong_eq(element, tag) : etag_weak_eq(element, tag))
            return true;
    }
    return false;
}
