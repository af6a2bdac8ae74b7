/* SPDX-License-Identifier: MIT
 * private to edge/store: what lies on a disk, byte by byte (little endian) */
#ifndef EDGE_STORE_DISK_FORMAT_H
#define EDGE_STORE_DISK_FORMAT_H

#include "lib/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A segment file, preallocated, written once from the front to the back:
 *
 *   page 0      | records ...                                | summary          | last page
 *   struct      | struct disk_record, its payload, the next  | the same records | struct
 *   disk_head   | one at the next multiple of 64; each flush | without payloads | disk_foot
 *               | begins on a page                           | of blocks        |
 *
 * The foot and the summary come when the segment is full: opening reads these two. A segment
 * without a foot that fits its head was being written when the program ended: there the records
 * themselves are followed, from head to head. Everything bears the segment's sequence number, so
 * that nothing of the file's earlier life is taken for new. */
#define DISK_VERSION      1u
#define DISK_PAGE         4096u
#define DISK_RECORD_ALIGN 64u
#define DISK_HEAD_MAGIC   0x3147455349524f45ull
#define DISK_FOOT_MAGIC   0x31544f4f46524f45ull

struct disk_head {
    uint64_t magic;
    uint32_t version, segment_bytes;
    uint64_t sequence, disk_id;
    uint64_t sum; /* XXH3 of what stands before it */
};

struct disk_foot {
    uint64_t magic;
    uint32_t version, records;
    uint64_t sequence;
    uint32_t summary_at, summary_bytes;
    uint64_t summary_sum; /* XXH3 */
    uint64_t sum;         /* as in disk_head */
};

/* The magic number of a record says what it is. A drop or a purge falls on heads that lie before
 * it: heads that are written again have been compared with all of them by then, and where a segment
 * is given up before older ones, its drops and purges are written again with how far they reach. */
enum disk_kind {
    DISK_OBJECT = 0x314a424f, /* payload: object_image.h; `index` is 0 */
    DISK_BLOCK = 0x314b4c42,  /* payload: the bytes of block `index` */
    DISK_DROP = 0x31505244,   /* no payload: objects of this generation before here are gone */
    DISK_PURGE = 0x31525550,  /* payload: purge_image.h: it falls on what stands before here */
    DISK_CODED = 0x315a4c42,  /* payload: the bytes of block `index` as one zstd frame */
};

/* Blocks lie coded where that pays (disk_code.h). What a payload is verified by is the sum over the
 * bytes that lie there: before anything is decoded, and by who only moves or scrubs it. All but
 * DISK_CODED is as it was in the first format, so a folder of that is read and written on; once
 * records of this kind may lie in it, its label says DISK_LABEL_CODED, and a program that does not
 * know them refuses it. */
#define DISK_LABEL_CODED 2u

struct disk_record {
    uint32_t kind;       /* enum disk_kind */
    uint32_t length;     /* bytes of payload */
    uint64_t sequence;   /* of the segment */
    uint64_t generation; /* its id */
    union {
        uint64_t key[2]; /* hash of the object's key */
        struct {
            uint64_t sum;   /* XXH3 */
            uint32_t bytes; /* more than `length` */
            uint32_t none;  /* 0 */
        } plain;            /* of DISK_CODED: the block itself */
    };
    uint64_t payload_sum; /* XXH3 */
    uint64_t index;       /* of a block; of a drop or purge: what it falls on lies in segments of a
                     * lower sequence, 0: before it */
    uint32_t at;          /* of the payload, in the segment */
    uint32_t sum;         /* lower half of XXH3 of what stands before it */
};
_Static_assert(sizeof(struct disk_head) == 40, "on-disk format: bump DISK_VERSION");
_Static_assert(sizeof(struct disk_foot) == 48, "on-disk format: bump DISK_VERSION");
_Static_assert(sizeof(struct disk_record) == 64, "on-disk format: bump DISK_VERSION");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little endian");

static inline uint64_t disk_up(uint64_t n, uint32_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* disk_payload_at: where the payload of a record that begins at `at` lies: large ones on a page, so
 * that they can be read into place. disk_payload_of: of that record: what is coded follows at once,
 * since both are read together and none of it goes into place. */
#define DISK_LARGE 32768u
static inline uint64_t disk_payload_at(uint64_t at, uint32_t length)
{
    uint64_t after = at + sizeof(struct disk_record);
    return length >= DISK_LARGE ? disk_up(after, DISK_PAGE) : after;
}

static inline uint64_t disk_payload_of(const struct disk_record *r, uint64_t at)
{
    return r->kind == DISK_CODED ? at + sizeof(*r) : disk_payload_at(at, r->length);
}

/* Of a block, however it lies: disk_plain_bytes, disk_plain_sum. */
static inline bool disk_is_block(const struct disk_record *r)
{
    return r->kind == DISK_BLOCK || r->kind == DISK_CODED;
}

static inline uint32_t disk_plain_bytes(const struct disk_record *r)
{
    return r->kind == DISK_CODED ? r->plain.bytes : r->length;
}

static inline uint64_t disk_plain_sum(const struct disk_record *r)
{
    return r->kind == DISK_CODED ? r->plain.sum : r->payload_sum;
}

/* A spot: all that memory keeps of where a block's payload lies in its segment: 32 bits. Payloads
 * begin on a multiple of DISK_RECORD_ALIGN: the six bits below tell how many sixty-fourths of the
 * block's own bytes hold the payload, 0: it lies as it is. So a coded block costs memory no more
 * than another, and is read, with the record before it that tells the rest, in one go.
 * disk_spot_bytes: no fewer than the payload has. */
#define DISK_SPOT_PARTS DISK_RECORD_ALIGN
static inline uint32_t disk_spot(const struct disk_record *r)
{
    if (r->kind != DISK_CODED)
        return r->at;
    uint64_t scaled = (uint64_t)r->length * DISK_SPOT_PARTS;
    return r->at + (uint32_t)((scaled + r->plain.bytes - 1) / r->plain.bytes);
}

static inline bool disk_spot_is_coded(uint32_t spot)
{
    return spot % DISK_SPOT_PARTS != 0;
}

static inline uint32_t disk_spot_at(uint32_t spot)
{
    return spot - spot % DISK_SPOT_PARTS;
}

static inline uint32_t disk_spot_bytes(uint32_t spot, uint32_t plain_bytes)
{
    if (!disk_spot_is_coded(spot))
        return plain_bytes;
    return (uint32_t)((uint64_t)plain_bytes * (spot % DISK_SPOT_PARTS) / DISK_SPOT_PARTS);
}

/* disk_reach: what a drop or a purge falls on lies in segments of a lower sequence, or before it in
 * its own. */
static inline uint64_t disk_reach(const struct disk_record *r)
{
    return r->index != 0 ? r->index : r->sequence;
}

/* disk_has_summary: whether the payload stands in the summary too. */
static inline bool disk_has_summary(const struct disk_record *r)
{
    return r->kind == DISK_OBJECT || r->kind == DISK_PURGE;
}

/* ..._seal: puts the sums in. ..._fits: whether it is one, whole. */
void disk_head_seal(struct disk_head *h);
bool disk_head_fits(const struct disk_head *h);
void disk_foot_seal(struct disk_foot *f);
bool disk_foot_fits(const struct disk_foot *f, uint64_t sequence, uint32_t segment_bytes);
void disk_record_seal(struct disk_record *r);
bool disk_record_fits(const struct disk_record *r, uint64_t sequence, uint32_t segment_bytes);

#endif
