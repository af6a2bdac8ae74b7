/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_MULTIPART_H
#define LIB_HTTP_MULTIPART_H

#include "lib/base/arena.h"
#include "lib/http/range.h"

/* The multipart/byteranges body of several ranges (RFC 9110 s.14.6) as a plan: what stands before
 * each range's bytes, what ends it, and how long it all is. Pure; everything from mem. */
struct multipart {
    struct span content_type; /* with the boundary */
    struct span *before;      /* [count]: delimiter and part head, before each range's bytes */
    struct span after;        /* closing delimiter */
    int64_t total_bytes;      /* of the whole body */
};

/* boundary: of the caller's making; must not occur in the content: at least 16 random bytes in hex.
 * type: the representation's Content-Type; p == NULL: none is told. */
struct multipart_spec {
    const struct byte_range *ranges;
    int count;
    int64_t size; /* of the representation */
    struct span type, boundary;
};
void multipart_plan(struct multipart *out, const struct multipart_spec *spec, struct arena *mem);

#endif
