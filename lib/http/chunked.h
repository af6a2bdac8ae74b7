/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_CHUNKED_H
#define LIB_HTTP_CHUNKED_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* The chunked transfer coding (RFC 9112 s.7.1), strict: CRLF only, hex size of at most 16 digits,
 * extensions skipped (at most 256 bytes a chunk), trailer section parsed away (at most 8 KiB).
 * Resumable: any split of the input gives the same output. Pure. */
struct chunked {
    uint64_t left; /* data bytes of the current chunk */
    uint32_t state;
    uint32_t line_bytes; /* of the current size line or the trailer section */
};

enum chunked_event {
    CHUNKED_DATA, /* *data are body bytes (borrowed from in) */
    CHUNKED_MORE, /* all of in is used; feed more */
    CHUNKED_END,  /* body complete; what is left in `in` is not ours */
    CHUNKED_BAD
};

void chunked_init(struct chunked *c);
/* chunked_next: takes from the front of *in what it used. */
enum chunked_event chunked_next(struct chunked *c, struct span *in, struct span *data);
/* chunked_direct: how many of the next input bytes are surely data (so that a reader may read
 * them straight to their place); chunked_skip tells that n of them were. */
uint64_t chunked_direct(const struct chunked *c);
void chunked_skip(struct chunked *c, uint64_t n);
/* chunked_write_head: "<hex>\r\n" for a chunk of n data bytes; returns its length (<= 18). */
#define CHUNKED_HEAD_ROOM 20
size_t chunked_write_head(char out[CHUNKED_HEAD_ROOM], uint64_t n);

#endif
