/* SPDX-License-Identifier: MIT */
#ifndef LIB_CODEC_ZSTD_BLOCK_H
#define LIB_CODEC_ZSTD_BLOCK_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <stddef.h>

/* Bytes that lie in memory whole, as one zstd frame (RFC 8878) that tells its size, and back. What
 * a level works with (one to four MiB for frames of a MiB) is taken at the first use, and kept.
 * Threads: one at a time. */
struct zstd_block;
struct zstd_block *zstd_block_create(void) __attribute__((returns_nonnull));
void zstd_block_destroy(struct zstd_block **z); /* NULL is fine */

/* zstd_block_code: bytes of the frame, or 0: it would not fit the room (or there is no memory).
 * level: 1 to ZSTD_STREAM_LEVEL_MAX. */
MUST_USE size_t zstd_block_code(struct zstd_block *z, int level, struct span in, void *out,
                                size_t room);
/* zstd_block_decode: 0: `in` is one frame, no more and no less, of n bytes, and they are in out;
 * ERR_CORRUPT: it is not, and what out holds means nothing; ERR_NO_MEMORY. Never writes beyond
 * n bytes. */
MUST_USE int zstd_block_decode(struct zstd_block *z, struct span in, void *out, size_t n);

#endif
