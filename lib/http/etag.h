/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_ETAG_H
#define LIB_HTTP_ETAG_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* Entity tags (RFC 9110 s.8.8.3). Pure. A tag is kept as on the wire, quotes and W/ included. */
bool etag_is_valid(struct span tag);
bool etag_is_weak(struct span tag);
bool etag_strong_eq(struct span a, struct span b);
bool etag_weak_eq(struct span a, struct span b);
/* etag_list_has: whether the list of If-Match (is_strong) or If-None-Match holds tag. "*" matches
 * any
 * (has_representation). A malformed list: what can be read before the fault counts. */
bool etag_list_has(struct span list, struct span tag, bool is_strong);

#endif
