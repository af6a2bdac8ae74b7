/* SPDX-License-Identifier: MIT */
#include "edge/store/disk_early.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#define GENERATIONS 500u
#define EACH        20

static void count(void *ctx, const struct disk_found *f)
{
    uint32_t *indices = ctx;
    *indices |= 1u << f->index;
}

static void put_all(struct disk_early *e)
{
    for (int64_t i = 0; i < EACH; i++) {
        for (uint64_t g = 0; g < GENERATIONS; g++)
            disk_early_put(e, &(struct disk_found){.generation = g, .index = i});
    }
}

static void a_generation_takes_its_own_and_leaves_the_others(void **state)
{
    struct disk_early e = {0};
    (void)state;
    for (int round = 0; round < 3; round++) {
        put_all(&e);
        for (uint64_t g = 0; g < GENERATIONS; g++) {
            uint32_t indices = 0;
            disk_early_take(&e, g, count, &indices);
            assert_int_equal(indices, (1u << EACH) - 1);
            indices = 0;
            disk_early_take(&e, g, count, &indices);
            assert_int_equal(indices, 0);
        }
        assert_true(e.count <= GENERATIONS * EACH); /* places are used again */
    }
    assert_false(e.has_lost);
    disk_early_finish(&e);
    disk_early_take(&e, 1, count, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generation_takes_its_own_and_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
