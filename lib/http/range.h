/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_RANGE_H
#define LIB_HTTP_RANGE_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* Byte ranges (RFC 9110 s.14). Pure. first and last are both inclusive, as on the wire. */
struct byte_range {
    int64_t first, last;
};

/* A range as asked, before the length is known. */
struct range_spec {
    int64_t first; /* -1: suffix of `last` bytes */
    int64_t last;  /* -1: to the end */
};

/* range_parse: "bytes=..." into specs. Count (1..max), 0: the field must be ignored (malformed,
 * other
 * unit), or ERR_TOO_BIG: more than max ranges. */
int range_parse(struct span field, struct range_spec *out, int max);
/* range_resolve: specs against a representation of `size` bytes; unsatisfiable ones are left out,
 * overlapping or touching ones merged, order of first appearance kept otherwise (s.15.3.7.2).
 * Count, or ERR_UNSATISFIABLE (416). out has room for count. */
int range_resolve(const struct range_spec *specs, int count, int64_t size, struct byte_range *out);

/* content_range_parse: "bytes 0-9/100", "bytes 0-9/ *" (size -1), "bytes * /100" (first -1). */
struct content_range {
    int64_t first, last, size;
};
MUST_USE int content_range_parse(struct span field, struct content_range *out);
#define CONTENT_RANGE_ROOM 72
size_t content_range_write(char out[CONTENT_RANGE_ROOM], const struct content_range *cr);

#endif
