/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_ARENA_H
#define LIB_BASE_ARENA_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <stdarg.h>

/* Memory of one request (or one load of a file): handed out piece by piece, given back at once.
 * Bounded: past `limit_bytes` the arena is overflowed, and stays so until reset; it then hands out
 * zeroed memory that is safe to write, so that a builder asks once, at its end. More than 16 MiB
 * past the limit is a builder without a bound, and aborts.
 * Chunks of 4 KiB come from and return to a small free list of the thread.
 * Threads: one at a time; finish on the thread that used it. */
struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* newest first */
    char *at, *end;             /* free room in the newest */
    size_t used_bytes, limit_bytes;
    bool is_overflowed;
};

void arena_init(struct arena *a, size_t limit_bytes);
void arena_reset(struct arena *a);  /* everything handed out becomes invalid */
void arena_finish(struct arena *a); /* as reset, and keeps no chunk; a zeroed arena is fine */

/* Never NULL. Aligned for any type; arena_bytes: not aligned. Not zeroed but arena_zalloc. */
void *arena_alloc(struct arena *a, size_t bytes) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *a, size_t bytes) __attribute__((returns_nonnull));
char *arena_bytes(struct arena *a, size_t bytes) __attribute__((returns_nonnull));
struct span arena_dup(struct arena *a, struct span s);
/* arena_cstr: a zero-terminated copy. */
char *arena_cstr(struct arena *a, struct span s);
struct span arena_printf(struct arena *a, const char *format, ...) PRINTF(2, 3);
struct span arena_vprintf(struct arena *a, const char *format, va_list ap) PRINTF(2, 0);
/* The parts, one after the other, as one. */
struct span arena_join(struct arena *a, const struct span *parts, size_t count);

static inline bool arena_overflowed(const struct arena *a)
{
    return a->is_overflowed;
}

#endif
