/* SPDX-License-Identifier: MIT */

/* Questions about runs of bytes. Pure; ASCII only, never the locale's. */
#include "lib/base/span.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool span_ieq(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && span_eq(span_make(s.p, prefix.n), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_eq(span_skip(s, s.n - suffix.n), suffix);
}

int span_cmp(struct span a, struct span b)
{
    size_t shorter = a.n < b.n ? a.n : b.n;
    int order = shorter > 0 ? memcmp(a.p, b.p, shorter) : 0;
    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

struct span span_trim(struct span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = span_skip(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

struct span span_skip(struct span s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return n == 0 ? s : span_make(s.p + n, s.n - n);
}

ptrdiff_t span_index(struct span s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

struct span span_cut(struct span s, char c, struct span *rest)
{
    ptrdiff_t at = span_index(s, c);
    *rest = at < 0 ? SPAN_NONE : span_skip(s, (size_t)at + 1);
    return at < 0 ? s : span_make(s.p, (size_t)at);
}

bool span_u64(struct span s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

#define TENS(t) #t "0" #t "1" #t "2" #t "3" #t "4" #t "5" #t "6" #t "7" #t "8" #t "9"
const char digit_pairs[200] =
    TENS(0) TENS(1) TENS(2) TENS(3) TENS(4) TENS(5) TENS(6) TENS(7) TENS(8) TENS(9);

/* 1233 / 4096 is a little more than log10(2): from the bits, the number of digits or one less. */
static size_t digits_of(uint64_t v)
{
    static const uint64_t longer_from[U64_ROOM] = {0,
                                                   UINT64_C(10),
                                                   UINT64_C(100),
                                                   UINT64_C(1000),
                                                   UINT64_C(10000),
                                                   UINT64_C(100000),
                                                   UINT64_C(1000000),
                                                   UINT64_C(10000000),
                                                   UINT64_C(100000000),
                                                   UINT64_C(1000000000),
                                                   UINT64_C(10000000000),
                                                   UINT64_C(100000000000),
                                                   UINT64_C(1000000000000),
                                                   UINT64_C(10000000000000),
                                                   UINT64_C(100000000000000),
                                                   UINT64_C(1000000000000000),
                                                   UINT64_C(10000000000000000),
                                                   UINT64_C(100000000000000000),
                                                   UINT64_C(1000000000000000000),
                                                   UINT64_C(10000000000000000000)};
    size_t n = (size_t)(64 - __builtin_clzll(v | 1)) * 1233 >> 12;
    return n + (v >= longer_from[n]);
}

char *u64_write(char *at, uint64_t v)
{
    if (v < 10) {
        *at = (char)('0' + v);
        return at + 1;
    }
    char *end = at + digits_of(v), *p = end;
    for (; v >= 100; v /= 100)
        two_digits(p -= 2, (unsigned)(v % 100));
    if (v >= 10)
        two_digits(p - 2, (unsigned)v);
    else
        p[-1] = (char)('0' + v);
    return end;
}
