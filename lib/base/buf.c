/* SPDX-License-Identifier: MIT */

/* Buffers that grow at the end. Memory comes by doubling, never beyond max_bytes; a heap that is
 * empty counts as an overflow, since what fills a buffer is sized by others. */
#include "lib/base/buf.h"

#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define BUF_FIRST_BYTES 256

static bool is_sane(const struct buf *b)
{
    return b->n <= b->cap && b->cap <= b->max_bytes && (b->p != NULL || b->cap == 0);
}

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max_bytes = max_bytes};
}

void buf_finish(struct buf *b)
{
    mem_free(b->p);
    buf_init(b, b->max_bytes);
}

void buf_wipe(struct buf *b)
{
    if (b->p != NULL)
        explicit_bzero(b->p, b->cap);
    buf_finish(b);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->is_overflowed = false;
}

/* Room for n more, by doubling; false marks the overflow. */
static bool grow(struct buf *b, size_t n)
{
    if (n > b->max_bytes - b->n) {
        b->is_overflowed = true;
        return false;
    }
    size_t need = b->n + n;
    size_t cap = b->cap <= b->max_bytes / 2 ? b->cap * 2 : b->max_bytes;
    if (cap < BUF_FIRST_BYTES)
        cap = BUF_FIRST_BYTES;
    if (cap < need)
        cap = need;
    if (cap > b->max_bytes)
        cap = b->max_bytes;
    char *p = mem_try_grow(b->p, cap);
    if (p == NULL) {
        b->is_overflowed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

char *buf_grow(struct buf *b, size_t n)
{
    CHECK(is_sane(b));
    return !b->is_overflowed && grow(b, n) ? b->p + b->n : NULL;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    char *room = buf_room(b, n);
    if (room == NULL)
        return;
    memcpy(room, p, n);
    b->n += n;
}

void buf_add_span(struct buf *b, struct span s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    if (b->is_overflowed)
        return;
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(b->p != NULL ? b->p + b->n : NULL, b->cap - b->n, format, ap);
    va_end(ap);
    CHECK(n >= 0);
    if ((size_t)n < b->cap - b->n) {
        b->n += (size_t)n;
        return;
    }
    /* vsnprintf wants room for a zero as well, which may be one byte beyond the maximum. */
    char *whole = mem_try_alloc((size_t)n + 1);
    if (whole == NULL) {
        b->is_overflowed = true;
        return;
    }
    va_start(ap, format);
    vsnprintf(whole, (size_t)n + 1, format, ap);
    va_end(ap);
    buf_add(b, whole, (size_t)n);
    mem_free(whole);
}
