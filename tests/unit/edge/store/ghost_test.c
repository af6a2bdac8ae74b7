/* SPDX-License-Identifier: MIT */
#include "edge/store/ghost.h"

#include "lib/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB (1 << 20)

static struct ghost *make(int64_t memory_mib, int64_t disk_mib)
{
    size_t bytes;
    struct ghost *g = ghost_create(memory_mib * MIB, disk_mib * MIB, &bytes);
    assert_true(bytes <= (size_t)memory_mib * MIB / 64 + 4096);
    assert_true(ghost_weight(g) <= bytes && ghost_weight(g) < 4096);
    return g;
}

static uint64_t name_of(uint64_t number)
{
    return hash64(&number, sizeof(number));
}

static void add(struct ghost *g, uint64_t from, uint64_t to, uint32_t bytes)
{
    for (uint64_t i = from; i < to; i++)
        ghost_add(g, name_of(i), bytes);
}

/* Of them it knows so many; they are known no more. */
static uint64_t take(struct ghost *g, uint64_t from, uint64_t to)
{
    uint64_t known = 0;
    for (uint64_t i = from; i < to; i++)
        known += ghost_take(g, name_of(i));
    return known;
}

static void a_name_is_known_until_as_many_bytes_left_after_it(void **state)
{
    (void)state;
    struct ghost *g = make(16, 48);
    assert_false(ghost_take(g, name_of(0)));
    add(g, 0, 1, MIB);
    add(g, 1, 60, MIB);
    assert_true(ghost_take(g, name_of(0)));
    assert_false(ghost_take(g, name_of(0)));
    assert_true(ghost_take(g, name_of(1)));
    add(g, 100, 120, MIB);
    assert_int_equal(take(g, 2, 15), 0); /* 65 and more have left since */
    assert_int_equal(take(g, 17, 60), 43);
    ghost_destroy(&g);
}

/* Moments begin anew after four such times: nothing that old comes back to life. */
static void what_is_long_gone_stays_unknown(void **state)
{
    (void)state;
    for (uint64_t mib = 60; mib < 600; mib += 7) {
        struct ghost *g = make(64, 0);
        add(g, 0, 128, MIB / 2);
        add(g, 1000, 1000 + mib * 64, MIB / 64);
        uint64_t known = take(g, 0, 128);
        assert_in_range(known, 0, mib < 64 ? 128 : 0);
        ghost_destroy(&g);
    }
}

static void it_grows_with_the_names_and_loses_few(void **state)
{
    (void)state;
    struct ghost *g = make(1024, 0);
    add(g, 0, 20000, 32 * 1024);
    assert_true(take(g, 0, 20000) > 18000);
    add(g, 20000, 40000, 32 * 1024);
    assert_in_range(take(g, 1000000, 1100000), 0, 100); /* taken for another */
    assert_true(ghost_weight(g) < 16 * 32000);
    assert_true(take(g, 20000, 40000) > 19000);
    ghost_destroy(&g);
    assert_null(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_known_until_as_many_bytes_left_after_it),
        cmocka_unit_test(what_is_long_gone_stays_unknown),
        cmocka_unit_test(it_grows_with_the_names_and_loses_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
