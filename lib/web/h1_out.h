/* SPDX-License-Identifier: MIT */
/* Private to lib/web: one HTTP/1 message on its way out, an answer or a client's request. It is
 * made of three runs, in this order and, in the chunked coding, the last two repeated: `bytes`
 * (the head; before it interim answers), `line` (chunk framing), and pieces of the body. Nothing is
 * stored but what is still to be sent: after a write of any length h1_out_sent moves on, and
 * h1_out_gather tells anew what comes next. */
#ifndef LIB_WEB_H1_OUT_H
#define LIB_WEB_H1_OUT_H

#include "lib/base/arena.h"
#include "lib/http/chunked.h"
#include "lib/net/conn.h"
#include "lib/web/body.h"

enum h1_framing { H1_NO_BODY, H1_LENGTH, H1_CHUNKS, H1_UNTIL_CLOSE };

struct h1_out {
    struct span bytes;
    char line[2 + CHUNKED_HEAD_ROOM];
    uint8_t line_at, line_n;
    enum h1_framing framing;
    bool has_head;      /* the final head is in bytes, or sent */
    bool is_body_whole; /* nothing of the body is left to send */
    bool is_too_long;   /* the body had more than was announced */
    bool has_chunk;
    struct body *body;
    uint64_t left;                   /* H1_LENGTH: of the body; H1_CHUNKS: of the chunk begun */
    uint64_t head_bytes, body_bytes; /* sent so far; chunk framing counts as head */
};

/* What one write may carry. Filled from one message or several, in order. */
#define H1_GATHER_PIECES 48
struct h1_gather {
    struct iovec v[H1_GATHER_PIECES];
    int count;
    size_t bytes, budget;
    bool may_sendfile;
    bool is_end_near;       /* the end of the stream follows at once: one packet for both */
    struct body_piece file; /* len > 0: follows v, by sendfile or after loading */
};

/* h1_out_add: an interim head, before h1_out_begin: the final one, and the body (takes it).
 * length: of the body, for H1_LENGTH. */
void h1_out_add(struct h1_out *o, struct arena *mem, struct span bytes);
void h1_out_begin(struct h1_out *o, enum h1_framing framing, int64_t length, struct body *body);

/* h1_out_gather: adds to g what can be sent now.
 * 1: and that is all of the message. 0: more follows what was gathered (or g is full).
 * ERR_AGAIN: the body will call its on_ready. Other: the body is broken. */
void h1_gather_init(struct h1_gather *g, const struct conn *c, size_t budget);
int h1_out_gather(struct h1_out *o, struct h1_gather *g);
/* h1_gather_write: at least a byte must have been gathered. Bytes written, or as conn_writev;
 * ERR_TRUNCATED, ERR_IO: the file. */
ssize_t h1_gather_write(struct h1_gather *g, struct conn *c);
/* h1_out_sent: n bytes of what was gathered went out; returns those that were this message's. */
size_t h1_out_sent(struct h1_out *o, size_t n);
/* h1_out_untaken: the message is cut, and its receiver never took the last n of what was sent;
 * returns those that were this message's. */
uint64_t h1_out_untaken(struct h1_out *o, uint64_t n);

/* h1_out_is_over: nothing is left to be sent. Then h1_out_overran: the body has more than was
 * announced. h1_out_is_at_hand: all of it is in memory, so that the next may follow at once. */
bool h1_out_is_over(const struct h1_out *o);
bool h1_out_overran(const struct h1_out *o);
bool h1_out_is_at_hand(const struct h1_out *o, size_t max_bytes);

#endif
