/* SPDX-License-Identifier: MIT */
/* Private to lib/web: the frames of one HTTP/2 connection on their way to the socket, in order.
 *
 * Short things are copied into buffers of the loop, long pieces of bodies are lent: they stay where
 * they are until written. Filled only while empty, so that a write of any length needs nothing but
 * the rest of the queue. While nothing waits, no buffer is held. */
#ifndef LIB_WEB_H2_OUT_H
#define LIB_WEB_H2_OUT_H

#include "lib/net/conn.h"

/* Who has frames in the queue: a stream. Nobody (NULL): the connection itself. */
struct h2_out_user {
    uint32_t entries;                /* in the queue */
    uint64_t head_bytes, body_bytes; /* written so far; frame heads count as head */
};

struct h2_out_block;
struct h2_out {
    struct loop *loop;
    struct h2_out_block *block; /* NULL: empty */
    /* The last entry of u was written: what it lent is its own again. */
    void (*on_released)(struct h2_out_user *u);
};

void h2_out_init(struct h2_out *o, struct loop *l, void (*on_released)(struct h2_out_user *u));
/* h2_out_drop: forgets all that waits; on_released does not come. */
void h2_out_drop(struct h2_out *o);
static inline bool h2_out_is_empty(const struct h2_out *o)
{
    return o->block == NULL;
}

/* h2_out_has_room: for a frame more, at least one whose payload is lent. */
bool h2_out_has_room(const struct h2_out *o);
/* h2_out_reserve: n (LOOP_BUF_BYTES at most) bytes in one run, to be filled; NULL: write first.
 * h2_out_commit: the first n of what was reserved last go out, head_n of them frame head. */
char *h2_out_reserve(struct h2_out *o, size_t n);
void h2_out_commit(struct h2_out *o, struct h2_out_user *u, size_t n, size_t head_n);
/* h2_out_lend: p stays in place and unchanged until u is released, or the queue dropped. */
void h2_out_lend(struct h2_out *o, struct h2_out_user *u, struct span p, size_t head_n);

/* h2_out_write: one write, as conn_writev. */
ssize_t h2_out_write(struct h2_out *o, struct conn *c);

#endif
