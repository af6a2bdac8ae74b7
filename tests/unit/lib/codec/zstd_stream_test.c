/* SPDX-License-Identifier: MIT
 *
 * Frames made piece by piece: right whatever the pieces, within the window that all can bear. */
#include "lib/codec/zstd_stream.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <zstd.h>

#define TEXT_BYTES ((size_t)300000)
#define WINDOW_LOG 23 /* RFC 9659 s.3 */

static uint8_t *text(void)
{
    uint8_t *p = mem_alloc(TEXT_BYTES);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        p[i] = (uint8_t)("the quick brown fox "[i % 20] + (i * i >> 13 & 3));
    return p;
}

/* Made of pieces of `piece` bytes, taken in pieces of `room`; its length, or an error. */
static ptrdiff_t make(struct zstd_stream *z, struct span all, size_t piece, struct span room)
{
    size_t made = 0, chunk = room.n / 7 + 1;
    do {
        size_t n = all.n < piece ? all.n : piece;
        struct zstd_step step = {.in = span_make(all.p, n), .is_end = n == all.n};
        all = span_skip(all, n);
        while (!step.is_done) {
            step.out = (uint8_t *)(uintptr_t)room.p + made;
            step.room = room.n - made < chunk ? room.n - made : chunk;
            ptrdiff_t got = zstd_stream_write(z, &step);
            if (got < 0)
                return got;
            made += (size_t)got;
        }
    } while (all.n > 0);
    return (ptrdiff_t)made;
}

static size_t decode(const uint8_t *coded, size_t n, uint8_t *out, size_t room)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer in = {coded, n, 0};
    ZSTD_outBuffer to = {out, room, 0};
    assert_false(ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG)));
    while (in.pos < in.size)
        assert_false(ZSTD_isError(ZSTD_decompressStream(d, &to, &in)));
    ZSTD_freeDCtx(d);
    return to.pos;
}

static void every_level_and_every_cut_decodes(void **state)
{
    static const size_t pieces[] = {1000, 32768, TEXT_BYTES};
    uint8_t *all = text(), *coded = mem_alloc(TEXT_BYTES * 2), *back = mem_alloc(TEXT_BYTES);
    (void)state;
    for (int level = 1; level <= ZSTD_STREAM_LEVEL_MAX; level++) {
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
            struct zstd_stream *z = zstd_stream_create(level, i == 0 ? -1 : (int64_t)TEXT_BYTES);
            ptrdiff_t n =
                make(z, span_make(all, TEXT_BYTES), pieces[i], span_make(coded, TEXT_BYTES * 2));
            zstd_stream_destroy(&z);
            assert_in_range(n, 1, TEXT_BYTES / 2);
            assert_int_equal(decode(coded, (size_t)n, back, TEXT_BYTES), TEXT_BYTES);
            assert_memory_equal(back, all, TEXT_BYTES);
        }
    }
    mem_free(all);
    mem_free(coded);
    mem_free(back);
}

static void another_size_than_was_said_is_an_error(void **state)
{
    uint8_t coded[4096];
    struct zstd_stream *z = zstd_stream_create(3, 11);
    (void)state;
    assert_int_equal(make(z, SPAN("ten bytes!"), 4, span_make(coded, sizeof(coded))), ERR_PROTOCOL);
    zstd_stream_destroy(&z);
    zstd_stream_destroy(&z);
}

static void nothing_is_a_frame_too(void **state)
{
    uint8_t coded[64], back[1];
    struct zstd_stream *z = zstd_stream_create(3, 0);
    (void)state;
    ptrdiff_t n = make(z, SPAN(""), 1, span_make(coded, sizeof(coded)));
    assert_true(n > 0);
    assert_int_equal(decode(coded, (size_t)n, back, sizeof(back)), 0);
    zstd_stream_destroy(&z);
}

/* Larger than the window that a small base allows: each frame refers to all of the base, here to
 * bytes that nothing else would let it guess. */
static void a_delta_above_the_window_has_the_base_in_each_frame(void **state)
{
    size_t base_bytes = (size_t)1 << 20, size = ((size_t)17 << 20) + 5, room = (size_t)1 << 20;
    uint8_t *base = mem_alloc(base_bytes), *all = mem_alloc(size), *coded = mem_alloc(room),
            *back = mem_alloc(size);
    uint64_t x = 88172645463325252ULL;
    (void)state;
    for (size_t i = 0; i < base_bytes; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        base[i] = (uint8_t)x;
    }
    for (size_t i = 0; i < size; i++)
        all[i] = base[(i + (i >> 20) * 7777) % base_bytes];
    struct zstd_stream *z = zstd_stream_create(3, (int64_t)size);
    assert_int_equal(zstd_stream_delta(z, span_make(base, base_bytes)), 0);
    ptrdiff_t n = make(z, span_make(all, size), 1000003, span_make(coded, room));
    zstd_stream_destroy(&z);
    assert_in_range(n, 1, 20000);
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer in = {coded, (size_t)n, 0};
    ZSTD_outBuffer to = {back, size, 0};
    size_t frames = 0;
    assert_false(ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG)));
    assert_false(ZSTD_isError(ZSTD_DCtx_loadDictionary(d, base, base_bytes)));
    while (in.pos < in.size) {
        size_t left = ZSTD_decompressStream(d, &to, &in);
        assert_false(ZSTD_isError(left));
        frames += left == 0;
    }
    ZSTD_freeDCtx(d);
    assert_int_equal(frames, 3);
    assert_int_equal(to.pos, size);
    assert_memory_equal(back, all, size);
    mem_free(base);
    mem_free(all);
    mem_free(coded);
    mem_free(back);
}

static void the_quick_size_tells_text_from_noise(void **state)
{
    uint8_t *all = text();
    uint64_t x = 88172645463325252ULL;
    (void)state;
    assert_true(zstd_size_quick(span_make(all, 16384)) < 8192);
    for (size_t i = 0; i < 16384; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        all[i] = (uint8_t)x;
    }
    assert_true(zstd_size_quick(span_make(all, 16384)) > 16000);
    mem_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_and_every_cut_decodes),
        cmocka_unit_test(another_size_than_was_said_is_an_error),
        cmocka_unit_test(nothing_is_a_frame_too),
        cmocka_unit_test(a_delta_above_the_window_has_the_base_in_each_frame),
        cmocka_unit_test(the_quick_size_tells_text_from_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
