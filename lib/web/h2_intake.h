/* SPDX-License-Identifier: MIT */
/* Private to lib/web: the part of a request's body that has come on an HTTP/2 stream and was not
 * pulled yet. As much as the stream's window lets the client send; holds buffers of the loop only
 * while there are bytes in them. */
#ifndef LIB_WEB_H2_INTAKE_H
#define LIB_WEB_H2_INTAKE_H

#include "lib/base/span.h"
#include "lib/net/loop.h"

struct h2_intake_buf;
struct h2_intake {
    struct h2_intake_buf *first, *last;
    size_t bytes;
    bool has_ended; /* the client has sent all */
};

void h2_intake_add(struct h2_intake *in, struct loop *l, struct span data);
struct span h2_intake_peek(const struct h2_intake *in); /* n == 0: nothing waits */
void h2_intake_take(struct h2_intake *in, struct loop *l, size_t n);
void h2_intake_drop(struct h2_intake *in, struct loop *l);

#endif
