/* SPDX-License-Identifier: MIT */
#include "lib/base/pool.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void blocks_of_any_size_are_whole_and_apart(void **state)
{
    struct pool p = {0};
    unsigned char *blocks[400];
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < 400; i++) {
            size_t bytes = (i * 7 + (size_t)turn * 5) % 1500;
            blocks[i] = pool_try_alloc(&p, bytes);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
            memset(blocks[i], (int)(i % 251), bytes);
        }
        for (size_t i = 0; i < 400; i++) {
            size_t bytes = (i * 7 + (size_t)turn * 5) % 1500;
            for (size_t at = 0; at < bytes; at++)
                assert_int_equal(blocks[i][at], i % 251);
            pool_free(&p, blocks[i]);
        }
    }
    pool_finish(&p);
    assert_int_equal(p.spare_bytes, 0);
}

static void what_grows_keeps_its_bytes(void **state)
{
    struct pool p = {0};
    char *block = pool_try_grow(&p, NULL, 5);
    (void)state;
    memcpy(block, "rope", 5);
    for (size_t bytes = 6; bytes < 3000; bytes += 61) {
        block = pool_try_grow(&p, block, bytes);
        assert_non_null(block);
        assert_string_equal(block, "rope");
        memset(block + 5, 'x', bytes - 5);
    }
    pool_free(&p, block);
    pool_free(&p, NULL);
    pool_finish(&p);
}

static void what_is_spare_is_bounded(void **state)
{
    struct pool p = {0};
    void *blocks[4000];
    (void)state;
    for (size_t i = 0; i < 4000; i++)
        blocks[i] = pool_try_alloc(&p, 1000);
    for (size_t i = 0; i < 4000; i++)
        pool_free(&p, blocks[i]);
    assert_in_range(p.spare_bytes, 0, 1 << 20);
    pool_finish(&p);
}

static void a_heap_at_its_end_is_told(void **state)
{
    struct pool p = {0};
    (void)state;
    char *block = pool_try_alloc(&p, 10);
    mem_fail_at(1);
    assert_null(pool_try_alloc(&p, 100));
    mem_fail_at(1);
    assert_null(pool_try_grow(&p, block, 5000)); /* and block is what it was */
    mem_fail_at(0);
    pool_free(&p, block);
    pool_finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_any_size_are_whole_and_apart),
        cmocka_unit_test(what_grows_keeps_its_bytes),
        cmocka_unit_test(what_is_spare_is_bounded),
        cmocka_unit_test(a_heap_at_its_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
