/* SPDX-License-Identifier: MIT */

/* The build is for every processor of its kind; the library looks which this one is (AVX2 takes a
 * quarter of SSE2's time over what a cache holds). A file of its own: its header and the inlined
 * xxhash of hash.c exclude each other. Any thread. */
#include "lib/base/hash_wide.h"

#ifdef HASH_HAS_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

uint64_t hash64_wide(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}
