/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_SIGNED_URL_H
#define EDGE_POLICY_SIGNED_URL_H

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/site/site.h"

/* URLs that hold until a moment, for whoever has them. The last two parameters of the query are
 *   expires=<seconds since 1970>&signature=<64 hex digits>
 * and the signature is the HMAC-SHA-256, by one of the key's secrets, of the host in lower case, a
 * line feed, and path and query as they stand before "&signature=". Both are taken off, so they
 * are no part of the cache's key and no origin sees them. Pure: the moment is an argument. */
struct signing {
    struct span name;           /* of the key */
    const struct span *secrets; /* bytes; the newest first: it signs, all of them open */
    size_t count;               /* 0: it opens nothing */
};

/* The keys of a configuration; sites point into it. Wiped when it goes. */
struct signings {
    struct arena mem;
    struct signing *v;
    size_t count;
};
struct signings *signings_create(size_t count) __attribute__((returns_nonnull));
void signings_destroy(struct signings **s); /* NULL is fine */
const struct signing *signings_find(const struct signings *s, struct span name);

struct signed_target {
    struct span host, path, query; /* query p == NULL: none */
};
enum signed_verdict { SIGNED_GOOD, SIGNED_NOT, SIGNED_WRONG, SIGNED_EXPIRED };
/* signed_url_open: SIGNED_GOOD, and *rest is the query without the two. now: wall. */
enum signed_verdict signed_url_open(const struct signing *k, const struct signed_target *t,
                                    sec_t now, struct span *rest);
/* signed_url_query: the query with the two at its end, by the newest secret; from mem. */
struct span signed_url_query(const struct signing *k, const struct signed_target *t, sec_t expires,
                             struct arena *mem);

#endif
