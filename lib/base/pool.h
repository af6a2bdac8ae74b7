/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_POOL_H
#define LIB_BASE_POOL_H

#include "lib/base/check.h"

#include <stddef.h>

/* Blocks of memory that one gives back and the next of the same size takes, for a library that asks
 * for many small ones with each request. What is spare is bounded; large blocks pass through.
 * Zeroed: an empty pool. Threads: one at a time. */
#define POOL_CLASSES 64
struct pool {
    struct pool_spare *spare[POOL_CLASSES]; /* by size */
    size_t spare_bytes;
};

/* As mem_try_*: NULL where memory is short. Blocks are given back with pool_free (NULL is fine),
 * in any order, before pool_finish. */
MUST_USE void *pool_try_alloc(struct pool *p, size_t bytes);
MUST_USE void *pool_try_grow(struct pool *p, void *block, size_t bytes);
void pool_free(struct pool *p, void *block);
void pool_finish(struct pool *p);

#endif
