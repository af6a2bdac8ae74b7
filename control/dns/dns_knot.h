/* SPDX-License-Identifier: MIT
 * private to control/dns: libknot's memory from an arena */
#ifndef CONTROL_DNS_DNS_KNOT_H
#define CONTROL_DNS_DNS_KNOT_H

#include "lib/base/arena.h"

#include <libknot/libknot.h>

static inline void *dns_knot_alloc(void *arena, size_t bytes)
{
    return arena_alloc(arena, bytes);
}

static inline void dns_knot_free(void *p)
{
    (void)p; /* with the arena */
}

static inline knot_mm_t dns_knot_memory(struct arena *mem)
{
    return (knot_mm_t){.ctx = mem, .alloc = dns_knot_alloc, .free = dns_knot_free};
}

#endif
