/* SPDX-License-Identifier: MIT
 * private to lib/base: XXH3 with the widest registers that this processor has */
#ifndef LIB_BASE_HASH_WIDE_H
#define LIB_BASE_HASH_WIDE_H

#include <stddef.h>
#include <stdint.h>

/* hash64_wide: as XXH3_64bits; worth its call from some KiB on. */
uint64_t hash64_wide(const void *p, size_t n);

#endif
