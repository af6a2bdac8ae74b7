/* SPDX-License-Identifier: MIT
 * private to edge/store: blocks that lie coded on a disk, because that pays */
#ifndef EDGE_STORE_DISK_CODE_H
#define EDGE_STORE_DISK_CODE_H

#include "edge/store/disk.h"

/* Where the store's disk_code_level says so, the writer codes a block before it goes into its
 * buffer, by rule:
 *
 *   - the block has DISK_CODE_LEAST bytes at least;
 *   - the queue of what waits to be written is not deep: a writer who lags drops blocks;
 *   - of DISK_CODE_REFUSALS blocks of its generation, one after the other, one did pay;
 *   - 16 KiB from its middle come to four fifths or less (beginnings are often headers);
 *   - and so does the block.
 *
 * What did not pay lies as it came, and cost the sample. Memory holds blocks plain: readers, the
 * checksum of a block and all that is sent know nothing of this. A loader decodes what it read,
 * after the sum over the coded bytes fits, into the bytes that the block has and no more, and then
 * compares the block's own sum: damage of any kind costs that block alone. Reclaiming moves coded
 * bytes as they are.
 *
 * Owners: a coder is its writer's, a decoder its loader's. */
#define DISK_CODE_LEAST    1024u
#define DISK_CODE_REFUSALS 4

/* The writer's. */
struct disk_coder;
struct disk_coder *disk_coder_create(const struct store *st) __attribute__((returns_nonnull));
void disk_coder_destroy(struct disk_coder **c); /* NULL is fine */

/* disk_code: how the block of j (BLOCK), whose bytes are at `plain`, is to lie: j->record says
 * (kind, length and sums). Returns the payload: `plain`, or the coder's own until the next call. */
const uint8_t *disk_code(struct disk *d, struct disk_job *j, const uint8_t *plain)
    __attribute__((returns_nonnull));

/* A loader's. */
struct disk_decoder {
    struct zstd_block *zstd; /* made at the first coded block */
    uint8_t *plain;          /* the same */
    size_t room;
};
void disk_decoder_init(struct disk_decoder *c, size_t block_bytes);
void disk_decoder_finish(struct disk_decoder *c);

/* disk_decode: `record` is what lies there from the record on, n bytes. The block of j (LOAD) into
 * `to`, or where that is NULL into c->plain. 0; ERR_CORRUPT: it is not that block, or not whole. */
MUST_USE int disk_decode(struct disk *d, struct disk_decoder *c, const struct disk_job *j,
                         struct span record, uint8_t *to);

#endif
