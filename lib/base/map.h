/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_MAP_H
#define LIB_BASE_MAP_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* Hash table from a run of bytes to a pointer; open addressing, XXH3 seeded per process so that
 * nobody outside can choose collisions. Copies keys, borrows values. Threads: one at a time; many
 * readers where nobody writes. */
struct map;

struct map *map_create(void) __attribute__((returns_nonnull));
void map_destroy(struct map *m); /* values are the caller's; NULL is fine */
size_t map_count(const struct map *m);
/* map_put: sets key's value (not NULL); returns the value it had, or NULL. */
void *map_put(struct map *m, struct span key, void *value);
void *map_get(const struct map *m, struct span key); /* NULL: not there */
void *map_remove(struct map *m, struct span key);    /* what it had, or NULL */
/* map_next: walks all pairs in no order; *at starts at 0; false at the end. No put meanwhile;
 * a remove is fine. */
bool map_next(const struct map *m, size_t *at, struct span *key, void **value);

#endif
