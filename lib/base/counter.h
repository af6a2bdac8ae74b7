/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_COUNTER_H
#define LIB_BASE_COUNTER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Counters: one struct of them per worker, written by that worker alone, read by anybody. A
 * relaxed load and store of an aligned 64-bit word is one instruction each; no lock, no shared
 * line.
 *
 *   X(evicted, "blocks that left for want of room") in a .def, then
 *   struct store_counters {
 *   #define X(name, help) counter_t name;
 *       STORE_COUNTERS(X)
 *   #undef X
 *   };
 *   static const struct counter_row rows[] = {
 *   #define X(name, help) {#name, help, offsetof(struct store_counters, name)},
 *       STORE_COUNTERS(X)
 *   #undef X
 *   }; */
typedef _Atomic uint64_t counter_t;

struct counter_row {
    const char *name, *help;
    size_t offset_bytes;
};

struct counter_table {
    const char *prefix; /* "byeori_edge_store_"; metrics add _total */
    const struct counter_row *rows;
    size_t count;
};

static inline void counter_add(counter_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t counter_get(const counter_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* For the few that several threads write. */
static inline void counter_add_shared(counter_t *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/* counter_sum: row's value over `count` structs that stand at records[0..count). */
uint64_t counter_sum(const struct counter_row *row, const void *const *records, size_t count);

#endif
