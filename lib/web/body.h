/* SPDX-License-Identifier: MIT */
#ifndef LIB_WEB_BODY_H
#define LIB_WEB_BODY_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <sys/types.h>

struct arena;

/* Bodies are pulled, never pushed: a session asks for the next piece when it has room to send it,
 * so
 * back-pressure needs no code of its own. A piece is a reference into memory, a file, or both (a
 * mapped file): the session writes small ones from memory and sends large ones with sendfile.
 * Threads: the loop of the session that pulls. */
struct body;

struct body_piece {
    const uint8_t *mem; /* NULL: only in the file */
    int fd;             /* -1: only in memory */
    int64_t from;       /* offset in fd */
    size_t len;         /* > 0 */
};

struct body_ops {
    const char *name;
    /* 1: *out is the next piece, valid and unchanged until advance or close; may be asked again.
     * 0: the end. ERR_AGAIN: body_ready() will be called, on the same loop, not from inside.
     * Other: the body is broken; the session cuts the stream so that the receiver notices. */
    int (*peek)(struct body *b, struct body_piece *out);
    /* The first n bytes of the piece are sent (handed to the kernel). n <= piece.len. */
    void (*advance)(struct body *b, size_t n);
    /* Exactly once, at the end or before: nobody needs it any more. Frees b. */
    void (*close)(struct body *b);
};

struct body {
    const struct body_ops *ops;
    void (*on_ready)(void *ctx); /* set by who pulls */
    void *ctx;
};

static inline int body_peek(struct body *b, struct body_piece *out)
{
    return b->ops->peek(b, out);
}

static inline void body_advance(struct body *b, size_t n)
{
    b->ops->advance(b, n);
}

/* body_close: takes *b; NULL is fine. */
static inline void body_close(struct body **b)
{
    struct body *it = *b;
    *b = NULL;
    if (it != NULL)
        it->ops->close(it);
}

/* body_ready: by the body's maker after ERR_AGAIN. */
static inline void body_ready(struct body *b)
{
    if (b->on_ready != NULL)
        b->on_ready(b->ctx);
}

/* body_of_bytes: a copy of data. body_in_arena: the same in mem, which must outlive it, as an
 * exchange's does the body of its answer. body_of_constant: borrows data for ever (constants, or
 * memory that outlives the exchange). body_of_file: takes fd; sends [from, from + len). */
struct body *body_of_bytes(struct span data);
struct body *body_in_arena(struct span data, struct arena *mem);
struct body *body_of_constant(struct span data);
struct body *body_of_file(int fd, int64_t from, int64_t len);

#endif
