/* SPDX-License-Identifier: MIT */
#ifndef LIB_CODEC_ZSTD_STREAM_H
#define LIB_CODEC_ZSTD_STREAM_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <stddef.h>

/* Making zstd frames (RFC 8878) piece by piece. Blocks for as long as the bytes
 * of one call take to compress. Threads: one at a time. */
#define ZSTD_STREAM_LEVEL_MAX 19 /* beyond it windows grow past 8 MiB (RFC 9659 s.3) */

struct zstd_stream;
/* level: 1 to ZSTD_STREAM_LEVEL_MAX. size: of all that will be written, -1: not known; it must come
 * out so. NULL: no memory. */
MUST_USE struct zstd_stream *zstd_stream_create(int level, int64_t size);
/* zstd_stream_delta: what is written, of a size that was told, is told as a difference from `base`,
 * which the reader must have; borrowed until the stream goes. The window is what RFC 9842 s.2 lets
 * a reader count on: at least 8 MiB, 1.25 times the base, at most 128 MiB. All of a base can be
 * referred to as long as no more than the window of a frame is written (RFC 8878 s.5), so what is
 * larger comes as several frames of that size, each with the base. ERR_TOO_BIG: a base whose far
 * end is out of reach for the offsets that zstd's tables know (512 MiB). */
#define ZSTD_DELTA_BASE_MAX ((size_t)384 << 20)
MUST_USE int zstd_stream_delta(struct zstd_stream *z, struct span base);
void zstd_stream_destroy(struct zstd_stream **z); /* NULL is fine */

struct zstd_step {
    struct span in; /* bytes to be taken; what is left of them afterwards */
    bool is_end;    /* they are the last */
    bool is_flush;  /* what was taken shall be readable before more comes; costs some bytes */
    uint8_t *out;
    size_t room;
    bool is_done; /* set: all is taken and, at the end, given; else call again with more room */
};
/* zstd_stream_write: count of bytes given to out; ERR_PROTOCOL: the size is another. */
MUST_USE ptrdiff_t zstd_stream_write(struct zstd_stream *z, struct zstd_step *step);

/* zstd_size_quick: how many bytes the fastest level makes of in; in.n where it fails. */
size_t zstd_size_quick(struct span in);

#endif
