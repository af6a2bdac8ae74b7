/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TRACES_CONVERT_H
#define BENCH_TRACES_CONVERT_H

#include "bench/traces/trace.h"

/* Between formats. Each: 0 or a code of err.def.
 * oracleGeneral is libCacheSim's: 24 bytes a request, little endian, packed: u32 seconds, u64 id,
 * u32 bytes, i64 number of the next request for the same id (-1: none). */
#pragma pack(push, 1)
struct oracle_row {
    uint32_t time_s;
    uint64_t object;
    uint32_t bytes;
    int64_t next;
};
#pragma pack(pop)
_Static_assert(sizeof(struct oracle_row) == 24, "as libCacheSim reads it");

/* convert_to_oracle: each block of `block` bytes that a row touches is a request. */
MUST_USE int convert_to_oracle(const struct trace *t, uint64_t block, const char *path);
/* convert_to_csv: one line a row, with a line of names. */
MUST_USE int convert_to_csv(const struct trace *t, FILE *out);
MUST_USE int convert_from_oracle(const char *from, const char *to);
/* convert_from_csv: lines of "time,object,bytes" (any further columns are ignored), as libCacheSim
 * reads them by default; an object that is no number is hashed. */
MUST_USE int convert_from_csv(const char *from, const char *to);

/* convert_from_log: an access log in the combined format (log_line.h): its GETs with 200 and 206.
 * A file is as large as the furthest byte that anybody got of it; who got less than asked for went
 * away. Moments that go back (servers write a line as an answer ends) stand still. */
MUST_USE int convert_from_log(const char *from, const char *to);
/* convert_from_tsv: the same of a table (log_tsv.h). */
MUST_USE int convert_from_tsv(const char *from, const char *to);

/* convert_sample: all requests for a part of the files, chosen by their numbers: a cache of that
 * part of the bytes then misses what the whole one would of the whole trace (Waldspurger et al.,
 * Efficient MRC construction with SHARDS, FAST 2015). */
MUST_USE int convert_sample(const struct trace *t, double part, const char *path);

/* trace_block_id: of a block of a version of a file. */
static inline uint64_t trace_block_id(const struct trace_row *r, uint64_t index)
{
    uint64_t x = r->object ^ (index * 0x9e3779b97f4a7c15u) ^ ((uint64_t)r->version << 40);
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

/* trace_block_bytes: of block `index`; trace_touch_end: block after the last that r touches. */
static inline uint64_t trace_block_bytes(const struct trace_row *r, uint64_t index, uint64_t block)
{
    uint64_t left = r->size - index * block;
    return left < block ? left : block;
}

static inline uint64_t trace_touch_end(const struct trace_row *r, uint64_t block)
{
    return (r->offset + (r->taken > 0 ? r->taken : 1) - 1) / block + 1;
}

#endif
