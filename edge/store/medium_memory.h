/* SPDX-License-Identifier: MIT
 * private to edge/store: anonymous memory that can be mapped and sent as a file */
#ifndef EDGE_STORE_MEDIUM_MEMORY_H
#define EDGE_STORE_MEDIUM_MEMORY_H

#include "lib/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One memfd of a fixed virtual size, mapped once, shared. Pages cost memory from the first write
 * (or medium_memory_prepare) until medium_memory_drop. Threads: any, after init. */
struct medium_memory {
    int fd; /* -1: not open, or hollow */
    uint8_t *base;
    size_t bytes;
    bool is_hollow; /* addresses without memory: for simulation */
};

/* 0; ERR_IO, ERR_NO_MEMORY with errno kept. */
MUST_USE int medium_memory_init(struct medium_memory *m, size_t bytes, bool is_hollow);
void medium_memory_finish(struct medium_memory *m); /* fd -1 is fine */
/* medium_memory_prepare: the pages that [offset, offset + n) touches exist from here: one call
 * where writing would fault page by page, and an error where writing would end the process.
 * 0 or ERR_NO_MEMORY. */
MUST_USE int medium_memory_prepare(struct medium_memory *m, size_t offset, size_t n);
/* medium_memory_write: n bytes at offset, where pages need not be: half the price of making and
 * clearing them first, where the bytes are at hand. 0 or ERR_NO_MEMORY. */
MUST_USE int medium_memory_write(struct medium_memory *m, size_t offset, const void *from,
                                 size_t n);
/* medium_memory_drop: whole pages [offset, offset + n) go; what sockets still hold of them stays
 * as it is until they are done. */
void medium_memory_drop(struct medium_memory *m, size_t offset, size_t n);

#endif
