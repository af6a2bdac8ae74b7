/* SPDX-License-Identifier: MIT
 *
 * Whole pieces, there and back: what does not fit is refused, and so is whatever is not one frame
 * of just so many bytes. */
#include "lib/codec/zstd_block.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TEXT_BYTES ((size_t)100000)
#define EQ(a, b)   assert_int_equal(a, b)

struct piece {
    struct zstd_block *z;
    uint8_t text[TEXT_BYTES], coded[TEXT_BYTES], plain[TEXT_BYTES + 1];
    size_t n; /* coded */
};

static struct piece *piece_make(void)
{
    struct piece *p = mem_zalloc(sizeof(*p));
    p->z = zstd_block_create();
    for (size_t i = 0; i < TEXT_BYTES; i++)
        p->text[i] = (uint8_t)("the quick brown fox "[i % 20] + (i * i >> 13 & 3));
    p->n = zstd_block_code(p->z, 1, span_make(p->text, TEXT_BYTES), p->coded, TEXT_BYTES);
    assert_true(p->n > 0 && p->n < TEXT_BYTES / 2);
    return p;
}

static void piece_free(struct piece *p)
{
    zstd_block_destroy(&p->z);
    assert_null(p->z);
    mem_free(p);
}

static int decode(struct piece *p, size_t coded, size_t plain)
{
    p->plain[plain] = 0x5a;
    int r = zstd_block_decode(p->z, span_make(p->coded, coded), p->plain, plain);
    EQ(p->plain[plain], 0x5a);
    return r;
}

static void what_was_coded_comes_back(void **state)
{
    struct piece *p = piece_make();
    (void)state;
    for (int level = 1; level <= 3; level++) {
        p->n = zstd_block_code(p->z, level, span_make(p->text, TEXT_BYTES), p->coded, TEXT_BYTES);
        EQ(decode(p, p->n, TEXT_BYTES), 0);
        assert_memory_equal(p->plain, p->text, TEXT_BYTES);
    }
    piece_free(p);
}

static void what_does_not_fit_is_not_coded(void **state)
{
    struct piece *p = piece_make();
    (void)state;
    EQ(zstd_block_code(p->z, 1, span_make(p->text, TEXT_BYTES), p->coded, p->n / 2), 0);
    EQ(zstd_block_code(p->z, 1, span_make(p->text, TEXT_BYTES), p->coded, 0), 0);
    p->n = zstd_block_code(p->z, 1, span_make(p->text, TEXT_BYTES), p->coded, TEXT_BYTES);
    EQ(decode(p, p->n, TEXT_BYTES), 0);
    piece_free(p);
}

static void another_length_is_refused(void **state)
{
    struct piece *p = piece_make();
    (void)state;
    EQ(decode(p, p->n, TEXT_BYTES - 1), ERR_CORRUPT);
    EQ(decode(p, p->n - 1, TEXT_BYTES), ERR_CORRUPT);
    EQ(decode(p, p->n + 1, TEXT_BYTES), ERR_CORRUPT);
    EQ(decode(p, 0, TEXT_BYTES), ERR_CORRUPT);
    EQ(decode(p, 3, 0), ERR_CORRUPT);
    EQ(decode(p, p->n, TEXT_BYTES), 0);
    piece_free(p);
}

static void damage_is_refused_or_changes_no_length(void **state)
{
    struct piece *p = piece_make();
    (void)state;
    for (size_t i = 0; i < p->n; i += 97) {
        p->coded[i] ^= 0x10;
        int r = decode(p, p->n, TEXT_BYTES);
        assert_true(r == 0 || r == ERR_CORRUPT);
        p->coded[i] ^= 0x10;
    }
    p->coded[0] = 0x50; /* a skippable frame (RFC 8878 s.3.1.2) */
    EQ(decode(p, p->n, TEXT_BYTES), ERR_CORRUPT);
    piece_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_coded_comes_back),
        cmocka_unit_test(what_does_not_fit_is_not_coded),
        cmocka_unit_test(another_length_is_refused),
        cmocka_unit_test(damage_is_refused_or_changes_no_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
