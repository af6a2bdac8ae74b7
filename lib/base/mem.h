/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_MEM_H
#define LIB_BASE_MEM_H

#include "lib/base/check.h"

#include <stddef.h>

/* The only place that calls malloc. Threads: any.
 *
 * mem_alloc and its kin abort the program when memory is short: for small things whose size we
 * choose. mem_try_alloc returns NULL: for every size that a client, an origin or a file chooses,
 * which must have a bound as well. All memory is given back with mem_free (NULL is fine). */
void *mem_alloc(size_t bytes) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_zalloc(size_t bytes) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_zarray(size_t count, size_t each)
    __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
/* mem_grow: p (may be NULL) moved to room for count * each; old contents kept. */
void *mem_grow(void *p, size_t count, size_t each) __attribute__((returns_nonnull));
MUST_USE void *mem_try_alloc(size_t bytes) __attribute__((malloc, alloc_size(1)));
MUST_USE void *mem_try_grow(void *p, size_t bytes);
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *mem_printf(const char *format, ...) PRINTF(1, 2) __attribute__((returns_nonnull));
void mem_free(void *p);
/* mem_trim: what lies free goes back to the system: after work that took much memory and is over.
 * Some milliseconds. */
void mem_trim(void);
/* mem_leave: what is allocated when the process ends is left to it on purpose, as threads that
 * cannot be stopped may use it: no leak, whoever looks for such. */
void mem_leave(void);
/* mem_looked_up: bytes at p, some megabytes of them, are looked up at random from now on: large
 * pages are asked for, so that a look costs one miss and not the page table's as well. */
void mem_looked_up(void *p, size_t bytes);

/* Whether AddressSanitizer watches: then nothing is kept for reuse, so that a use after free is
 * seen. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MEM_HAS_ASAN 1
#endif
#ifndef MEM_HAS_ASAN
#define MEM_HAS_ASAN 0
#endif

/* mem_fail_at: tests only. The n-th (from 1) mem_try_* call of this thread from now fails; 0 ends.
 * mem_fail_hit: whether that call has come. */
void mem_fail_at(size_t n);
int mem_fail_hit(void);

#endif
