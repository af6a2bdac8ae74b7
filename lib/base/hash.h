/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_HASH_H
#define LIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3. hash64: for tables and checksums, same on every node and in every process.
 * hash64_seeded: with the process's random seed, for tables whose keys strangers choose.
 * hash128: identity of cache keys: seed 0 is the same on every node. */
struct hash128 {
    uint64_t lo, hi;
};

uint64_t hash64(const void *p, size_t n);
uint64_t hash64_seeded(const void *p, size_t n);
struct hash128 hash128(const void *p, size_t n, uint64_t seed);

#endif
