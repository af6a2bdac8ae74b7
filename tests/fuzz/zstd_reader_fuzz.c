/* SPDX-License-Identifier: MIT
 *
 * What another edge, or somebody in its place, sends as a zstd frame. The first two bytes choose
 * how it is cut and how much room there is: the same bytes must come whatever these are. */
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/codec/zstd_reader.h"
#include "tests/fuzz/fuzz.h"

#define OUT_MAX      ((size_t)1 << 16)
#define HEADER_LEAST 5 /* bytes of a frame before its first block, at least */

struct result {
    uint8_t *bytes;
    size_t n;
    int err; /* 0: nothing more was given */
    bool is_over;
};

static void read_in_pieces(struct result *r, struct span coded, size_t piece, size_t room)
{
    struct zstd_reader *z = zstd_reader_create();
    *r = (struct result){.bytes = mem_alloc(OUT_MAX)};
    while (r->err == 0 && (coded.n > 0 || zstd_reader_holds(z)) && r->n < OUT_MAX) {
        size_t given = coded.n < piece ? coded.n : piece;
        size_t most = OUT_MAX - r->n < room ? OUT_MAX - r->n : room;
        struct span in = span_make(coded.p, zstd_reader_holds(z) ? 0 : given);
        size_t had = in.n;
        ptrdiff_t n = zstd_reader_read(z, &in, r->bytes + r->n, most);
        CHECK(in.n <= had && n <= (ptrdiff_t)most);
        CHECK(n != 0 || in.n < had || had == 0 || zstd_reader_is_over(z));
        coded = span_skip(coded, had - in.n);
        r->n += n > 0 ? (size_t)n : 0;
        r->err = n < 0 ? (int)n : 0;
    }
    r->is_over = zstd_reader_is_over(z);
    zstd_reader_destroy(&z);
}

static void finish(struct result *r)
{
    mem_free(r->bytes);
}

/* Where libzstd finds a fault in a header hangs on the pieces that it comes in; who reads refuses a
 * frame that is not over at its end as well. */
static void check_same(const struct result *one, const struct result *other)
{
    if (one->n == OUT_MAX || other->n == OUT_MAX)
        return; /* the rest was not read */
    CHECK((one->err == 0 && one->is_over) == (other->err == 0 && other->is_over));
    if (one->err == 0 && other->err == 0)
        CHECK(one->n == other->n && memcmp(one->bytes, other->bytes, one->n) == 0);
}

/* libzstd is stricter with a frame that it is given whole: it refuses a compressed block of no
 * bytes (RFC 8878 s.3.1.1.2.3), which it passes over in pieces. What it takes whole, it takes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result whole, in_bytes, in_pieces;
    if (size < 2)
        return 0;
    struct span coded = span_make(data + 2, size - 2);
    size_t room = data[1] * 16U + 1U;
    read_in_pieces(&whole, coded, coded.n + 1, OUT_MAX);
    read_in_pieces(&in_bytes, coded, 1, OUT_MAX);
    read_in_pieces(&in_pieces, coded, data[0] % HEADER_LEAST + 1U, room);
    check_same(&in_bytes, &in_pieces);
    if (whole.err == 0)
        check_same(&whole, &in_bytes);
    finish(&whole);
    finish(&in_bytes);
    finish(&in_pieces);
    return 0;
}
