/* SPDX-License-Identifier: MIT */
/* Private to lib/web: heads on HTTP/2, both ways (RFC 9113 s.8). */
#ifndef LIB_WEB_H2_HEAD_H
#define LIB_WEB_H2_HEAD_H

#include "lib/web/h2_stream.h"

/* h2_head_field: one field of a request, in the order they come; copied. Past the bounds it is
 * counted and left out. h2_head_finish: 0, or the status to refuse with and why. */
void h2_head_field(struct h2_stream *st, struct span name, struct span value);
int h2_head_finish(struct h2_stream *st, bool has_body, const char **why);

/* h2_head_submit: an answer's head, final (Date and Server are added) or interim; with a source
 * the body follows. 0, ERR_SYNTAX (a byte that no field may have), or ERR_NO_MEMORY. */
int h2_head_submit(struct h2_stream *st, const struct response_head *head,
                   const nghttp2_data_provider *source);

#endif
