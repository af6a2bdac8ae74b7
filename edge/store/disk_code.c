/* SPDX-License-Identifier: MIT */

/* Decides whether a block lies coded, codes it, decodes it. Knows nothing of files. Threads: the
 * writer's and the loaders', each with its own. */
#include "edge/store/disk_code.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/codec/zstd_block.h"

#define SAMPLE_BYTES 16384u

struct disk_coder {
    struct zstd_block *zstd;
    uint8_t *coded;
    size_t room;
};

struct disk_coder *disk_coder_create(const struct store *st)
{
    struct disk_coder *c = mem_zalloc(sizeof(*c));
    c->zstd = zstd_block_create();
    c->room = (size_t)st->block_max_bytes;
    c->coded = disk_pages_get(c->room);
    return c;
}

void disk_coder_destroy(struct disk_coder **pc)
{
    struct disk_coder *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    zstd_block_destroy(&c->zstd);
    disk_pages_put(c->coded, c->room);
    mem_free(c);
}

/* Bytes that n may come to, at most. */
static size_t worth(size_t n)
{
    return n / 5 * 4;
}

static bool may_code(struct disk *d, const struct disk_job *j)
{
    const struct generation_more *more = generation_more(j->generation);
    return d->store->disk_code_level > 0 && j->bytes >= DISK_CODE_LEAST && !disk_is_behind(d) &&
           (more == NULL || more->disk_refused < DISK_CODE_REFUSALS);
}

/* Bytes of it in c->coded; 0: it does not pay. */
static size_t code(struct disk_coder *c, int level, const uint8_t *plain, size_t n)
{
    if (n > 2 * SAMPLE_BYTES) {
        struct span sample = span_make(plain + (n - SAMPLE_BYTES) / 2, SAMPLE_BYTES);
        if (zstd_block_code(c->zstd, level, sample, c->coded, worth(SAMPLE_BYTES)) == 0)
            return 0;
    }
    return zstd_block_code(c->zstd, level, span_make(plain, n), c->coded, worth(n));
}

const uint8_t *disk_code(struct disk *d, struct disk_job *j, const uint8_t *plain)
{
    struct store_counters *counters = &d->store->counters;
    struct disk_record *r = &j->record;
    *r = (struct disk_record){.kind = DISK_BLOCK, .length = j->bytes, .payload_sum = j->checksum};
    if (!may_code(d, j))
        return plain;
    struct disk_coder *c = d->writer.coder;
    struct generation_more *more = generation_more(j->generation);
    nsec_t began = clock_thread_ns();
    size_t n = code(c, d->store->disk_code_level, plain, j->bytes);
    if (n > 0) {
        *r = (struct disk_record){.kind = DISK_CODED, .length = (uint32_t)n};
        r->plain.sum = j->checksum;
        r->plain.bytes = j->bytes;
        r->payload_sum = hash64(c->coded, n);
    } else {
        counter_add_shared(&counters->disk_code_refused, 1);
    }
    if (more != NULL)
        more->disk_refused = n > 0 ? 0 : (uint8_t)(more->disk_refused + 1);
    counter_add_shared(&counters->disk_coding_ns, (uint64_t)(clock_thread_ns() - began));
    return n > 0 ? c->coded : plain;
}

void disk_decoder_init(struct disk_decoder *c, size_t block_bytes)
{
    *c = (struct disk_decoder){.room = block_bytes};
}

void disk_decoder_finish(struct disk_decoder *c)
{
    zstd_block_destroy(&c->zstd);
    disk_pages_put(c->plain, c->room);
    *c = (struct disk_decoder){0};
}

/* Whether what lies there is the block that is wanted, coded, whole. */
static bool is_wanted(const struct disk_job *j, const struct disk_record *r, struct span record)
{
    return disk_record_fits(r, r->sequence, UINT32_MAX) && r->kind == DISK_CODED &&
           r->generation == j->generation->roster.id && r->index == (uint64_t)j->index &&
           r->plain.bytes == j->bytes && r->plain.sum == j->checksum &&
           disk_spot(r) == j->disk_at && r->length <= record.n - sizeof(*r) &&
           hash64(record.p + sizeof(*r), r->length) == r->payload_sum;
}

int disk_decode(struct disk *d, struct disk_decoder *c, const struct disk_job *j,
                struct span record, uint8_t *to)
{
    struct disk_record r;
    memcpy(&r, record.p, sizeof(r));
    if (!is_wanted(j, &r, record))
        return ERR_CORRUPT;
    if (c->zstd == NULL) {
        c->zstd = zstd_block_create();
        c->plain = disk_pages_get(c->room);
    }
    uint8_t *plain = to != NULL ? to : c->plain;
    nsec_t began = clock_thread_ns();
    int err =
        zstd_block_decode(c->zstd, span_make(record.p + sizeof(r), r.length), plain, j->bytes);
    if (err == 0 && hash64(plain, j->bytes) != j->checksum)
        err = ERR_CORRUPT;
    counter_add_shared(&d->store->counters.disk_decoding_ns, (uint64_t)(clock_thread_ns() - began));
    return err;
}
