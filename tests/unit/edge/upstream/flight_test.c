/* SPDX-License-Identifier: MIT
 *
 * What is asked of upstream for a range on a cold object. */
#include "edge/upstream/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)

static void expect(int64_t first, int64_t last, int64_t ask_first, int64_t ask_last)
{
    struct range_spec spec = {first, last};
    int64_t out[2];
    flight_cold_range(&spec, MIB, out);
    assert_int_equal(out[0], ask_first);
    assert_int_equal(out[1], ask_last);
}

static void a_range_asks_for_its_blocks(void **state)
{
    (void)state;
    expect(0, 0, 0, MIB - 1);
    expect(MIB - 1, MIB, 0, 2 * MIB - 1);
    expect(10 * GIB, 10 * GIB + MIB - 1, 10 * GIB, 10 * GIB + MIB - 1);
    expect(10 * GIB + 1, 10 * GIB + MIB, 10 * GIB, 10 * GIB + 2 * MIB - 1);
}

static void an_open_range_asks_to_the_end(void **state)
{
    (void)state;
    expect(5 * MIB + 3, -1, 5 * MIB, INT64_MAX);
    expect(MIB, INT64_MAX, MIB, INT64_MAX);
    expect(7, -1, -1, -1); /* the whole: no range */
}

static void the_last_bytes_ask_for_up_to_a_block_more(void **state)
{
    (void)state;
    expect(-1, 500, -1, 500 + MIB - 1);
    expect(-1, 0, -1, -1);
    expect(-1, INT64_MAX, -1, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_asks_for_its_blocks),
        cmocka_unit_test(an_open_range_asks_to_the_end),
        cmocka_unit_test(the_last_bytes_ask_for_up_to_a_block_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
