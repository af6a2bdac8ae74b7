/* SPDX-License-Identifier: MIT
 *
 * What lies coded on a disk, past its checksum: whatever the bytes are, no more than was asked for
 * is written, and what a decoder that reads in pieces takes for the same frame is the same. The
 * first two bytes say how long the block should be. */
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/codec/zstd_block.h"
#include "lib/codec/zstd_reader.h"
#include "tests/fuzz/fuzz.h"

static void check_reader_agrees(struct span coded, const uint8_t *plain, size_t n)
{
    struct zstd_reader *z = zstd_reader_create();
    uint8_t *out = mem_alloc(n + 1);
    size_t got = 0;
    while (coded.n > 0 || zstd_reader_holds(z)) {
        ptrdiff_t r = zstd_reader_read(z, &coded, out + got, n + 1 - got);
        CHECK(r >= 0);
        got += (size_t)r;
    }
    CHECK(zstd_reader_is_over(z) && got == n && memcmp(out, plain, n) == 0);
    mem_free(out);
    zstd_reader_destroy(&z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span coded = span_make(data + 2, size - 2);
    size_t n = data[0] + 256U * data[1];
    struct zstd_block *z = zstd_block_create();
    uint8_t *plain = mem_alloc(n > 0 ? n : 1); /* just so much: a sanitizer sees what lies beyond */
    int r = zstd_block_decode(z, coded, plain, n);
    CHECK(r == 0 || r == ERR_CORRUPT);
    if (r == 0)
        check_reader_agrees(coded, plain, n);

    uint8_t *again = mem_alloc(size + 512);
    size_t made = zstd_block_code(z, 1, coded, again, size + 512);
    uint8_t *back = mem_alloc(coded.n > 0 ? coded.n : 1);
    CHECK(made > 0 && zstd_block_decode(z, span_make(again, made), back, coded.n) == 0);
    CHECK(coded.n == 0 || memcmp(back, coded.p, coded.n) == 0);
    mem_free(back);
    mem_free(again);
    mem_free(plain);
    zstd_block_destroy(&z);
    return 0;
}
