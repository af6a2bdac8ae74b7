/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_SPAN_H
#define LIB_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A run of bytes that somebody else owns; not terminated by a zero. {NULL, 0} is empty. */
struct span {
    const char *p;
    size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_FMT(s)   (int)(s).n, (s).p /* for "%.*s" */
#define SPAN_NONE     ((struct span){NULL, 0})

static inline struct span span_make(const void *p, size_t n)
{
    return (struct span){(const char *)p, n};
}

/* span_of: borrows the zero-terminated s (NULL gives an empty span). */
static inline struct span span_of(const char *s)
{
    return s != NULL ? (struct span){s, strlen(s)} : SPAN_NONE;
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case folded, never the locale's. */
bool span_ieq(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
/* <0, 0, >0 as memcmp, the shorter first where one is the other's beginning. */
int span_cmp(struct span a, struct span b);

/* span_lower8: eight bytes at once, A to Z as a to z, all others as they are. */
static inline uint64_t span_lower8(uint64_t eight)
{
    const uint64_t ones = ~UINT64_C(0) / 255, tops = ones << 7;
    uint64_t low = eight & ~tops;
    uint64_t from_a = low + ones * (0x80 - 'A'), beyond_z = low + ones * (0x7f - 'Z');
    return eight | (((from_a ^ beyond_z) & ~eight & tops) >> 2);
}

/* span_trim: without SP and HTAB at both ends (OWS of RFC 9110 s.5.6.3). */
struct span span_trim(struct span s);
struct span span_skip(struct span s, size_t n); /* without its first n (at most all) */
/* span_index: position of the first c, or -1. */
ptrdiff_t span_index(struct span s, char c);
/* span_cut: what stands before the first c; *rest is what follows it. Where there is no c:
 * the whole of s, and *rest is SPAN_NONE (p == NULL), which tells it from an empty rest. */
struct span span_cut(struct span s, char c, struct span *rest);

/* Decimal digits only, all of s, at least one. False when it is not, or above UINT64_MAX. */
bool span_u64(struct span s, uint64_t *out);

/* u64_write: v in decimal, without a zero behind it; returns where it ended. two_digits: v < 100,
 * with a leading zero. */
#define U64_ROOM 20
char *u64_write(char *at, uint64_t v);
extern const char digit_pairs[200]; /* "00" "01" ... "99" */
static inline char *two_digits(char *at, unsigned v)
{
    memcpy(at, digit_pairs + 2 * (size_t)v, 2);
    return at + 2;
}

#endif
