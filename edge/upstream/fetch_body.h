/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_FETCH_BODY_H
#define EDGE_UPSTREAM_FETCH_BODY_H

#include "edge/upstream/fetch.h"
#include "lib/web/body.h"

/* A fetch's body for one client, past the store: for what may not or cannot be stored. Holds one
 * buffer of the loop, and only while there are bytes in it; the client's pace is the origin's. */

/* fetch_body: takes *f. Leaves out the first `skip` bytes, ends after `limit` of the rest
 * (LENGTH_UNKNOWN: at the origin's end; ending earlier than a known limit is ERR_TRUNCATED). */
struct body *fetch_body(struct fetch **f, int64_t skip, int64_t limit);

/* fetch_rest: bytes [first, last] of a representation known by v, asked for now; what comes must be
 * of the same representation, else the body is broken (ERR_CHANGED) before its first byte. What
 * another edge cuts short, or has otherwise, is asked of the origins. */
struct fetch_rest {
    struct source *source;        /* referenced */
    struct validators validators; /* borrowed until the body closes */
    int64_t first, last, size;
};
struct body *fetch_body_rest(struct fetcher *fr, const struct fetch_rest *rest);
/* fetch_body_tier: whom the latest bytes of one of these bodies came from. */
enum tier fetch_body_tier(const struct body *b);

#endif
