/* SPDX-License-Identifier: MIT */

/* Sums of what lies on a disk, and whether something found there is what it says. Pure. */
#include "edge/store/disk_format.h"

#include "lib/base/hash.h"

void disk_head_seal(struct disk_head *h)
{
    h->magic = DISK_HEAD_MAGIC;
    h->version = DISK_VERSION;
    h->sum = hash64(h, offsetof(struct disk_head, sum));
}

bool disk_head_fits(const struct disk_head *h)
{
    return h->magic == DISK_HEAD_MAGIC && h->version == DISK_VERSION &&
           h->sum == hash64(h, offsetof(struct disk_head, sum));
}

void disk_foot_seal(struct disk_foot *f)
{
    f->magic = DISK_FOOT_MAGIC;
    f->version = DISK_VERSION;
    f->sum = hash64(f, offsetof(struct disk_foot, sum));
}

bool disk_foot_fits(const struct disk_foot *f, uint64_t sequence, uint32_t segment_bytes)
{
    return f->magic == DISK_FOOT_MAGIC && f->version == DISK_VERSION && f->sequence == sequence &&
           f->sum == hash64(f, offsetof(struct disk_foot, sum)) && f->summary_at % DISK_PAGE == 0 &&
           (uint64_t)f->summary_at + f->summary_bytes + DISK_PAGE <= segment_bytes;
}

void disk_record_seal(struct disk_record *r)
{
    r->sum = (uint32_t)hash64(r, offsetof(struct disk_record, sum));
}

static bool is_coded(const struct disk_record *r)
{
    return r->kind == DISK_CODED && r->length > 0 &&
           (uint64_t)r->length * DISK_SPOT_PARTS <=
               (uint64_t)r->plain.bytes * (DISK_SPOT_PARTS - 1);
}

bool disk_record_fits(const struct disk_record *r, uint64_t sequence, uint32_t segment_bytes)
{
    bool is_kind = r->kind == DISK_OBJECT || r->kind == DISK_BLOCK || r->kind == DISK_DROP ||
                   r->kind == DISK_PURGE || is_coded(r);
    return is_kind && r->sequence == sequence &&
           r->sum == (uint32_t)hash64(r, offsetof(struct disk_record, sum)) &&
           r->at % DISK_RECORD_ALIGN == 0 && (uint64_t)r->at + r->length <= segment_bytes;
}
