/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPLAY_EDITION_H
#define BENCH_REPLAY_EDITION_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* One version of one file: what it is called, how its strong validator reads, and each of its
 * bytes, all from these three numbers, so that origin and clients agree without having talked.
 * Pure. Threads: any. */
struct edition {
    uint64_t object; /* the file */
    uint64_t size;   /* of this version, bytes */
    uint32_t version;
};

/* As text: "00c0ffee00c0ffee-3-1048576". edition_write returns its length (no zero behind it). */
#define EDITION_ROOM 64
size_t edition_write(const struct edition *e, char out[EDITION_ROOM]);
/* edition_read: all of text. 0 or ERR_SYNTAX. */
MUST_USE int edition_read(struct span text, struct edition *out);

/* edition_fill: bytes [offset, offset + n). edition_agrees: whether p has them. No two editions and
 * no two places of one have the same eight bytes but by chance. */
void edition_fill(const struct edition *e, uint64_t offset, void *out, size_t n);
bool edition_agrees(const struct edition *e, uint64_t offset, const void *p, size_t n);

#endif
