/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_BUF_H
#define LIB_BASE_BUF_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* Bytes that grow at the end, up to max_bytes; past it the buffer is overflowed, which sticks:
 * what does not fit is dropped whole, and one question at the end tells (buf_overflowed).
 *
 *   0 ............ n ............ cap ............ max_bytes
 *     contents        room now        may still grow          */
struct buf {
    char *p;
    size_t n, cap, max_bytes;
    bool is_overflowed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_finish(struct buf *b); /* a zeroed buf is fine */
void buf_wipe(struct buf *b);   /* buf_finish of a secret: what is there is overwritten first */
void buf_clear(struct buf *b);  /* keeps its memory; no longer overflowed */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_span(struct buf *b, struct span s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF(2, 3);
char *buf_grow(struct buf *b, size_t n); /* buf_room's, where there is none yet */

/* buf_room: at least n writable bytes at the end, or NULL (overflowed). Then buf_filled(b, k). */
static inline char *buf_room(struct buf *b, size_t n)
{
    bool has_room = n <= b->cap - b->n && b->p != NULL && !b->is_overflowed;
    return has_room ? b->p + b->n : buf_grow(b, n);
}

static inline void buf_filled(struct buf *b, size_t n)
{
    CHECK(n <= b->cap - b->n);
    b->n += n;
}

static inline struct span buf_span(const struct buf *b)
{
    return span_make(b->p, b->n);
}

static inline bool buf_overflowed(const struct buf *b)
{
    return b->is_overflowed;
}

#endif
