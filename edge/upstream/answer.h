/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_ANSWER_H
#define EDGE_UPSTREAM_ANSWER_H

#include "lib/site/site.h"
#include "lib/http/conditional.h"
#include "lib/http/message.h"

/* What an origin's answer to a ranged request is worth (RFC 9110 s.15.3.7). Pure. */
struct answer_expected {
    const struct validators *validators; /* the version must be this one; NULL: any */
    enum version_by version_by;          /* how that shows; validators are answer_version's */
    int64_t size;                        /* its length; LENGTH_UNKNOWN: not known */
    int64_t first, last;                 /* the range asked; first -1: a suffix */
};
/* Which bytes the body has: [at, end) of `size` (LENGTH_UNKNOWN: until it ends). */
struct answer_body {
    int64_t at, end, size;
};
/* 0 and *out: usable (206 as asked, or 200 with the whole); ERR_CHANGED: another representation,
 * or not provably the same; ERR_PROTOCOL: a range that was not asked or contradicts itself;
 * ERR_UNSUPPORTED: another status. */
int answer_judge(const struct response_head *head, const struct answer_expected *expected,
                 sec_t now_s, struct answer_body *out);
/* answer_is_fault: upstream cannot, now: what is stale may do, and nobody fares better by asking at
 * once. */
bool answer_is_fault(int status);
/* answer_is_about: whether a 304 may refresh what has these validators (RFC 9111 s.4.3.4). */
bool answer_is_about(const struct response_head *head, const struct validators *stored,
                     sec_t now_s);
/* answer_to_head_agrees: whether a 200 to HEAD is about what is stored, with these validators and
 * this size (LENGTH_UNKNOWN: not known), so that it may refresh it (RFC 9111 s.4.3.5). Where it
 * shows nothing to compare it does not. */
bool answer_to_head_agrees(const struct response_head *head, const struct validators *stored,
                           int64_t size, sec_t now_s);
/* answer_version: of an answer's validators, what tells its version by the site's rule: a strong
 * one, or none that is. Borrows the same spans. answer_can_continue: whether bytes of two answers
 * with this version may ever be joined. */
struct validators answer_version(const struct validators *v, enum version_by by);
bool answer_can_continue(const struct validators *version);

#endif
