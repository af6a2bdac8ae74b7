/* SPDX-License-Identifier: MIT
 *
 * One frame, read in pieces of any size into rooms of any size: all of it, nothing beyond it, and
 * nothing of what is no such frame. */
#include "lib/codec/zstd_reader.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <zstd.h>

#define TEXT_BYTES ((size_t)200000)
#define MIB        ((size_t)1 << 20)

static uint8_t *text(void)
{
    uint8_t *p = mem_alloc(TEXT_BYTES);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        p[i] = (uint8_t)("the quick brown fox "[i % 20] + (i * i >> 13 & 3));
    return p;
}

/* Given in pieces, taken in rooms; what came, or an error. */
static ptrdiff_t read_all(struct span coded, size_t piece, size_t room, uint8_t *out, bool *is_over)
{
    struct zstd_reader *z = zstd_reader_create();
    ptrdiff_t n = 0, came = 0;
    while (n >= 0 && (coded.n > 0 || zstd_reader_holds(z))) {
        size_t given = coded.n < piece ? coded.n : piece;
        struct span in = span_make(coded.p, zstd_reader_holds(z) ? 0 : given);
        size_t had = in.n;
        n = zstd_reader_read(z, &in, out + came, room);
        coded = span_skip(coded, had - in.n);
        came += n > 0 ? n : 0;
    }
    *is_over = zstd_reader_is_over(z);
    zstd_reader_destroy(&z);
    zstd_reader_destroy(&z);
    return n < 0 ? n : came;
}

static void every_cut_reads(void **state)
{
    static const size_t sizes[] = {1, 77, 4096, TEXT_BYTES};
    size_t bound = ZSTD_compressBound(TEXT_BYTES);
    uint8_t *all = text(), *coded = mem_alloc(bound), *out = mem_alloc(TEXT_BYTES + MIB);
    size_t n = ZSTD_compress(coded, bound, all, TEXT_BYTES, 3);
    bool is_over;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            memset(out, 0, TEXT_BYTES);
            assert_int_equal(read_all(span_make(coded, n), sizes[i], sizes[k], out, &is_over),
                             TEXT_BYTES);
            assert_true(is_over);
            assert_memory_equal(out, all, TEXT_BYTES);
        }
    }
    for (size_t cut = 0; cut < n; cut += n / 50 + 1) {
        ptrdiff_t came = read_all(span_make(coded, cut), 999, 777, out, &is_over);
        assert_in_range(came, 0, TEXT_BYTES);
        assert_false(is_over);
        assert_memory_equal(out, all, (size_t)came);
    }
    mem_free(all);
    mem_free(coded);
    mem_free(out);
}

static void what_follows_the_frame_is_refused(void **state)
{
    uint8_t coded[256], out[64];
    bool is_over;
    (void)state;
    size_t n = ZSTD_compress(coded, sizeof(coded), "hello", 5, 3);
    memcpy(coded + n, coded, n);
    assert_int_equal(read_all(span_make(coded, n), 1, 16, out, &is_over), 5);
    assert_int_equal(read_all(span_make(coded, n + 1), 256, 16, out, &is_over), ERR_PROTOCOL);
    assert_int_equal(read_all(span_make(coded, 2 * n), 256, 16, out, &is_over), ERR_PROTOCOL);
}

static void what_is_no_frame_is_refused(void **state)
{
    uint8_t out[64];
    bool is_over;
    (void)state;
    const struct span others[] = {
        SPAN("HTTP/1.1 200 OK\r\n"), SPAN("\x50\x2a\x4d\x18\0\0\0\0"), /* a skippable frame */
        SPAN("\x26\xb5\x2f\xfd\x04\x00\x40\x00\x01x\xc0\x00\x00"),     /* of version 0.6 */
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        for (size_t piece = 1; piece < 9; piece++)
            assert_int_equal(read_all(others[i], piece, 16, out, &is_over), ERR_PROTOCOL);
}

/* Somebody who wants us to hold much memory. */
static void a_window_beyond_the_bound_is_refused(void **state)
{
    size_t bytes = 9 * MIB, bound = ZSTD_compressBound(bytes);
    uint8_t *all = mem_zalloc(bytes), *coded = mem_alloc(bound), *out = mem_alloc(bytes + MIB);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    bool is_over;
    (void)state;
    for (int log = 23; log <= 24; log++) {
        ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log);
        ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
        ZSTD_outBuffer to = {coded, bound, 0};
        ZSTD_inBuffer from = {all, bytes, 0};
        assert_int_equal(ZSTD_compressStream2(c, &to, &from, ZSTD_e_continue), 0);
        assert_int_equal(ZSTD_compressStream2(c, &to, &from, ZSTD_e_end), 0);
        ptrdiff_t came = read_all(span_make(coded, to.pos), 65536, MIB, out, &is_over);
        assert_int_equal(came, log == 23 ? (ptrdiff_t)bytes : ERR_PROTOCOL);
    }
    ZSTD_freeCCtx(c);
    mem_free(all);
    mem_free(coded);
    mem_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_reads),
        cmocka_unit_test(what_follows_the_frame_is_refused),
        cmocka_unit_test(what_is_no_frame_is_refused),
        cmocka_unit_test(a_window_beyond_the_bound_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
