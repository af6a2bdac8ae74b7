/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPLAY_SCRIPTED_H
#define BENCH_REPLAY_SCRIPTED_H

#include "bench/replay/catalog.h"

#include <stdatomic.h>

/* The scripted origin: an HTTP/1.1 server on a thread of its own that makes every byte from its
 * path, with ETag, Last-Modified, validation and ranges.
 *
 *   /SITE/EDITION   that edition for ever ("/0/00c0ffee00c0ffee-3-1048576"): a replaced file has a
 *                   new name. Cache-Control: max-age=31536000
 *   /SITE/OBJECT    whichever edition of it the catalog has now ("/0/00c0ffee00c0ffee"): a file is
 *                   replaced in place. Cache-Control: no-cache, so caches ask each time (304)
 *
 * Anything else is 404. */
struct scripted;
/* What it did: written by its thread, read by any. */
struct scripted_counts {
    _Atomic uint64_t bytes;      /* heads and bodies that went to the kernel */
    _Atomic uint64_t body_bytes; /* of them, bodies */
    _Atomic uint64_t requests, not_modified, cut;
    _Atomic int64_t active; /* answers not yet at an end */
};

/* scripted_start: on 127.0.0.1:port; borrows the catalog. NULL: it could not listen (errno). */
struct scripted *scripted_start(int port, struct catalog *catalog);
void scripted_stop(struct scripted **s);
/* scripted_bytes: heads and bodies that the receivers' kernels took. */
uint64_t scripted_bytes(const struct scripted *s);
const struct scripted_counts *scripted_counts_of(const struct scripted *s);

#endif
