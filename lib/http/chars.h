/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_CHARS_H
#define LIB_HTTP_CHARS_H

/* private to lib/http: what each byte may be part of, and the fast way over the rest of a line. */

#include "lib/base/span.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum char_class {
    CHAR_TOKEN = 1,  /* tchar, RFC 9110 s.5.6.2 */
    CHAR_VALUE = 2,  /* field-vchar, SP, HTAB: s.5.5 */
    CHAR_PATH = 4,   /* of a path (url.h says which), '%' too */
    CHAR_QUERY = 8,  /* as CHAR_PATH, and '?' */
    CHAR_NAME = 16,  /* reg-name, '%' too: RFC 3986 s.3.2.2 */
    CHAR_PLAIN = 32, /* unreserved: RFC 3986 s.2.3 */
    CHAR_ETAG = 64   /* etagc: RFC 9110 s.8.8.3 */
};

extern const uint8_t char_classes[256];
extern const int8_t char_hex_values[256]; /* of a hex digit, else -1 */

static inline bool char_is(char c, enum char_class classes)
{
    return (char_classes[(uint8_t)c] & classes) != 0;
}

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_space(char c) /* OWS: RFC 9110 s.5.6.3 */
{
    return c == ' ' || c == '\t';
}

static inline char char_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline int char_hex(char c)
{
    return char_hex_values[(uint8_t)c];
}

/* chars_all: whether each byte of s is of one of the classes (true where s is empty). */
static inline bool chars_all(struct span s, enum char_class classes)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is(s.p[i], classes))
            return false;
    }
    return true;
}

/* chars_has_percent_fault: whether a '%' stands there without two hex digits behind it. */
static inline bool chars_has_percent_fault(struct span s)
{
    for (ptrdiff_t at; (at = span_index(s, '%')) >= 0; s = span_skip(s, (size_t)at + 3)) {
        if (s.n - (size_t)at < 3 || char_hex(s.p[at + 1]) < 0 || char_hex(s.p[at + 2]) < 0)
            return true;
    }
    return false;
}

/* chars_to_target_end: the first byte in p..end that is not of CHAR_QUERY, or end. Those are all
 * that are printed in ASCII but '"', '#', '<', '>' and '\\'. */
static inline const char *chars_to_target_end(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i quote_or_hash = _mm_and_si128(v, _mm_set1_epi8((char)0xfe));
        __m128i angle = _mm_and_si128(v, _mm_set1_epi8((char)0xfd));
        __m128i bad = _mm_cmplt_epi8(v, _mm_set1_epi8('!')); /* and all from 0x80 on */
        bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi8(quote_or_hash, _mm_set1_epi8('"')));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi8(angle, _mm_set1_epi8('<')));
        int hits = _mm_movemask_epi8(bad);
        if (hits != 0)
            return p + __builtin_ctz((unsigned)hits);
    }
#endif
    while (p < end && char_is(*p, CHAR_QUERY))
        p++;
    return p;
}

/* chars_to_control: the first byte in p..end that no field value may have (a control other than
 * HTAB, or DEL), or end. The way to the end of a line. */
static inline const char *chars_to_control(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, space), v);
        low = _mm_andnot_si128(_mm_cmpeq_epi8(v, tab), low);
        int hits = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(v, del)));
        if (hits != 0)
            return p + __builtin_ctz((unsigned)hits);
    }
#else
    const uint64_t ones = ~UINT64_C(0) / 255;
    for (uint64_t w; end - p >= 8; p += 8) {
        memcpy(&w, p, 8);
        uint64_t del = w ^ (ones * 0x7f);
        if ((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & (ones * 0x80))
            break; /* HTAB or a control is near: byte by byte for a little */
    }
#endif
    while (p < end && char_is(*p, CHAR_VALUE))
        p++;
    return p;
}

#endif
