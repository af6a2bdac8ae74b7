/* SPDX-License-Identifier: MIT
 * private to edge/store: an address in six bytes */
#ifndef EDGE_STORE_ADDRESS_H
#define EDGE_STORE_ADDRESS_H

#include "lib/base/check.h"

#include <stdint.h>

/* What there are millions of points to others by the 48 bits that a process's addresses have. All
 * zero: NULL. Threads: the owner's rule. */
struct address {
    uint32_t low;
    uint16_t high;
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct address) == 6, "part of every object, generation and block");
_Static_assert(sizeof(uintptr_t) == 8, "addresses are cut to 48 bits");

static inline void *address_get(const struct address *a)
{
    return (void *)((uintptr_t)a->high << 32 | a->low);
}

static inline void address_set(struct address *a, const void *p)
{
    uintptr_t address = (uintptr_t)p;
    CHECK(address >> 48 == 0);
    a->low = (uint32_t)address;
    a->high = (uint16_t)(address >> 32);
}

#endif
