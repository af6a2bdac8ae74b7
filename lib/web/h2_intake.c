/* SPDX-License-Identifier: MIT
 * Bytes of a request's body between nghttp2 and the application. Runs on the connection's loop. */
#include "lib/web/h2_intake.h"

/*   0 ......... at ......... filled ......... ROOM
 *     taken        waiting           free       */
struct h2_intake_buf {
    struct h2_intake_buf *next;
    uint32_t at, filled;
    char bytes[];
};
#define ROOM (LOOP_BUF_BYTES - sizeof(struct h2_intake_buf))

static void drop_first(struct h2_intake *in, struct loop *l)
{
    struct h2_intake_buf *b = in->first;
    in->first = b->next;
    if (in->first == NULL)
        in->last = NULL;
    loop_buf_put(l, b);
}

static void add_buf(struct h2_intake *in, struct loop *l)
{
    struct h2_intake_buf *b = loop_buf_get(l);
    *b = (struct h2_intake_buf){0};
    if (in->last != NULL)
        in->last->next = b;
    else
        in->first = b;
    in->last = b;
}

void h2_intake_add(struct h2_intake *in, struct loop *l, struct span data)
{
    in->bytes += data.n;
    while (data.n > 0) {
        if (in->last == NULL || in->last->filled == ROOM)
            add_buf(in, l);
        struct h2_intake_buf *b = in->last;
        size_t n = data.n < ROOM - b->filled ? data.n : ROOM - b->filled;
        memcpy(b->bytes + b->filled, data.p, n);
        b->filled += (uint32_t)n;
        data = span_skip(data, n);
    }
}

struct span h2_intake_peek(const struct h2_intake *in)
{
    const struct h2_intake_buf *b = in->first;
    return b != NULL ? span_make(b->bytes + b->at, b->filled - b->at) : SPAN_NONE;
}

void h2_intake_take(struct h2_intake *in, struct loop *l, size_t n)
{
    struct h2_intake_buf *b = in->first;
    CHECK(b != NULL && n <= b->filled - b->at);
    b->at += (uint32_t)n;
    in->bytes -= n;
    if (b->at == b->filled)
        drop_first(in, l);
}

void h2_intake_drop(struct h2_intake *in, struct loop *l)
{
    while (in->first != NULL)
        drop_first(in, l);
    in->bytes = 0;
}
