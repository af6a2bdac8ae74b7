/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_CONDITIONAL_H
#define LIB_HTTP_CONDITIONAL_H

#include "lib/base/clock.h"
#include "lib/http/message.h"
#include "lib/http/range.h"

/* Conditional requests and ranges answered from a stored response (RFC 9110 s.13.2.2, s.14).
 * Pure. */
struct validators {
    struct span etag;    /* p == NULL: none */
    sec_t last_modified; /* -1: none */
    sec_t date; /* of the answer; -1: none: last_modified is strong only if Date is at least
                          * a second later (RFC 9110 s.8.8.2.2) */
};

enum conditional {
    CONDITIONAL_NORMAL,       /* 200, or 206 when a range is asked */
    CONDITIONAL_NOT_MODIFIED, /* 304 */
    CONDITIONAL_FAILED,       /* 412 */
};
/* Precedence of s.13.2.2. status: of the stored answer (conditions apply to 2xx only). */
enum conditional conditional_of(const struct request_head *request, const struct validators *v,
                                int status, sec_t now_s);

/* conditional_ranges: the specs to serve, after If-Range (s.13.1.5), GET and status 200 only.
 * Count;
 * 0: the whole; ERR_TOO_BIG: too many ranges asked (answer the whole, no amplification). */
#define RANGES_MAX 32
int conditional_ranges(const struct request_head *request, const struct validators *v, sec_t now_s,
                       struct range_spec out[RANGES_MAX]);
/* validators_of: from a response head. */
struct validators validators_of(const struct fields *fs, sec_t now_s);
/* Strong enough to join bytes of two answers (resume, 206 combination; RFC 9110 s.15.3.7.3). */
bool validators_same_strong(const struct validators *a, const struct validators *b);

#endif
