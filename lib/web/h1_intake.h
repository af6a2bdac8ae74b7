/* SPDX-License-Identifier: MIT */
/* Private to lib/web: what comes in on a connection that speaks HTTP/1, first heads and then
 * bodies. Holds a buffer of the loop only while there are bytes in it, and at rest only for more
 * than a few.
 *
 *   0 ......... at ......... filled ......... LOOP_BUF_BYTES
 *     taken        waiting           free                       */
#ifndef LIB_WEB_H1_INTAKE_H
#define LIB_WEB_H1_INTAKE_H

#include "lib/base/counter.h"
#include "lib/http/chunked.h"
#include "lib/http/h1_read.h"
#include "lib/net/conn.h"

enum h1_body { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED, H1_BODY_UNTIL_CLOSE };

struct h1_intake {
    struct conn *conn;   /* borrowed */
    counter_t *received; /* bytes read are added here */
    char *buf;           /* NULL: nothing is waiting */
    bool is_kept;        /* buf has room for what waits and no more */
    uint32_t at, filled;
    struct h1_scan scan; /* of the head at `at` */
    bool has_ended;      /* the peer sends no more */
    enum h1_body body;
    uint64_t body_left; /* H1_BODY_LENGTH */
    struct chunked chunked;
    struct span piece; /* of the body: decoded, not yet taken; in buf */
};

void h1_intake_init(struct h1_intake *in, struct conn *c, counter_t *received);
void h1_intake_release(struct h1_intake *in); /* forgets all bytes */
/* h1_intake_rest: nothing will be read before the socket has more: gives the buffer back where
 * little or nothing waits in it. */
void h1_intake_rest(struct h1_intake *in);

/* h1_intake_read: > 0 bytes came; 0 the peer ended; ERR_NO_SPACE the buffer is full (of bytes that
 * wait, or of a piece that must not move); else as conn_read. */
ssize_t h1_intake_read(struct h1_intake *in);
bool h1_intake_has_room(const struct h1_intake *in);
static inline uint32_t h1_intake_waiting(const struct h1_intake *in)
{
    return in->filled - in->at;
}

/* h1_intake_head: length of the head that waits, with its empty line; 0: incomplete; ERR_SYNTAX;
 * ERR_TOO_BIG: longer than max_bytes. h1_intake_take: the first n waiting bytes are used. */
int h1_intake_head(struct h1_intake *in, uint32_t max_bytes);
static inline struct span h1_intake_span(const struct h1_intake *in, uint32_t n)
{
    return span_make(in->buf + in->at, n);
}
void h1_intake_take(struct h1_intake *in, uint32_t n);

/* The body that follows a head; an unknown length means the chunked coding (a client sets
 * H1_BODY_UNTIL_CLOSE itself). h1_intake_body: 1: *data waits (the same until taken); 0: complete;
 * ERR_AGAIN; ERR_TRUNCATED, ERR_PROTOCOL, or as conn_read. Reads where it must. */
void h1_intake_begin_body(struct h1_intake *in, int64_t content_length);
int h1_intake_body(struct h1_intake *in, struct span *data);
void h1_intake_take_body(struct h1_intake *in, size_t n);
/* h1_intake_copy_body: the same for who has room of his own: what waits is copied, and where the
 * framing allows, the socket is read straight into dst. > 0 bytes; 0: complete; errors as above. */
ssize_t h1_intake_copy_body(struct h1_intake *in, void *dst, size_t room);

#endif
