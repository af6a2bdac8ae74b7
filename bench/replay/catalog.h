/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPLAY_CATALOG_H
#define BENCH_REPLAY_CATALOG_H

#include "bench/replay/edition.h"

/* Which edition of each file is published at the moment, where a patch replaces files in place: the
 * player publishes, the origin asks. Threads: any; one lock. */
struct catalog;
struct catalog *catalog_create(void) __attribute__((returns_nonnull));
void catalog_destroy(struct catalog **c);

/* catalog_publish: e is the current one from now on, unless a later one is. Returns the version
 * that is current. */
uint32_t catalog_publish(struct catalog *c, const struct edition *e);
/* catalog_current: false: nothing of that file was ever published. */
bool catalog_current(struct catalog *c, uint64_t object, struct edition *out);

#endif
