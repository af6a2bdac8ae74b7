/* SPDX-License-Identifier: MIT */
#ifndef LIB_CODEC_ZSTD_READER_H
#define LIB_CODEC_ZSTD_READER_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stddef.h>

/* Reading one zstd frame (RFC 8878) piece by piece, from whoever sent it. Windows beyond 8 MiB are
 * refused (RFC 9659 s.3), so that a reader holds no more than that; how much may come out is for
 * its user to bound: never more than he has room for. Threads: one at a time. */
struct zstd_reader;
MUST_USE struct zstd_reader *zstd_reader_create(void); /* NULL: no memory */
void zstd_reader_destroy(struct zstd_reader **z);      /* NULL is fine */

/* zstd_reader_read: takes from *in what it can use, and leaves the rest there; count of bytes put
 * at dst (0: more is needed), or ERR_PROTOCOL: no such frame, or bytes after its end. */
MUST_USE ptrdiff_t zstd_reader_read(struct zstd_reader *z, struct span *in, void *dst, size_t room);
/* zstd_reader_holds: it may give more without being given any. zstd_reader_is_over: all came. */
bool zstd_reader_holds(const struct zstd_reader *z);
bool zstd_reader_is_over(const struct zstd_reader *z);

#endif
