/* SPDX-License-Identifier: MIT
 *
 * Runs of blocks for a body that holds the whole. */
#include "edge/upstream/block_runs.h"

#include "tests/unit/edge/store/store_help.h"

#define BLOCK  (64 * KIB)
#define BLOCKS 20

static struct store *store;
static struct generation *generation;

static int begin(void **state)
{
    (void)state;
    store = store_for_test(8 * MIB, MIB);
    generation = generation_create(store, BLOCKS * BLOCK - 5, BLOCK);
    return 0;
}

static int end(void **state)
{
    (void)state;
    generation_unref(&generation);
    store_destroy(&store);
    return 0;
}

/* Another's: claimed for as long as the test likes. */
static void claim(int64_t first, int64_t count)
{
    int64_t at;
    assert_int_equal(generation_claim(generation, first, count, &at), count);
    assert_int_equal(at, first);
}

static void is_next(struct block_runs *r, int64_t first, int64_t run_end)
{
    struct block_run run;
    assert_true(block_runs_take(r, &run));
    assert_int_equal(run.first, first);
    assert_int_equal(run.end, run_end);
}

static bool is_absent(int64_t block)
{
    int64_t at;
    if (generation_claim(generation, block, 1, &at) == 0)
        return false;
    generation_release(generation, at, 1);
    return true;
}

static void all_that_is_absent_is_claimed_in_order(void **state)
{
    struct block_runs r = {0};
    struct block_run run;
    (void)state;
    claim(0, 2);
    claim(7, 1);
    claim(19, 1);
    block_runs_claim(&r, generation);
    assert_false(is_absent(5));
    is_next(&r, 2, 7);
    is_next(&r, 8, 19);
    assert_false(block_runs_take(&r, &run));
    generation_release(generation, 0, BLOCKS);
    block_runs_finish(&r);
}

static void where_nothing_is_absent_there_are_none(void **state)
{
    struct block_runs r = {0};
    struct block_run run;
    (void)state;
    claim(0, BLOCKS);
    block_runs_claim(&r, generation);
    assert_false(block_runs_take(&r, &run));
    generation_release(generation, 0, BLOCKS);
    block_runs_finish(&r);
}

static void ones_own_run_finds_its_place_among_those_not_taken(void **state)
{
    struct block_runs r = {0};
    (void)state;
    claim(4, 2);
    claim(10, 3);
    block_runs_claim(&r, generation);
    is_next(&r, 0, 4);
    block_runs_insert(&r, (struct block_run){10, 13});
    is_next(&r, 6, 10);
    is_next(&r, 10, 13);
    is_next(&r, 13, BLOCKS);
    generation_release(generation, 0, BLOCKS);
    block_runs_finish(&r);
}

static void what_is_released_can_be_claimed_by_others(void **state)
{
    struct block_runs r = {0};
    (void)state;
    claim(5, 1);
    claim(12, 1);
    block_runs_claim(&r, generation);
    block_runs_release(&r, generation, 7); /* [0, 5) and [6, 12) begin before block 7 */
    assert_true(is_absent(0) && is_absent(11) && !is_absent(13));
    is_next(&r, 13, BLOCKS);
    block_runs_release(&r, generation, INT64_MAX);
    assert_false(is_absent(13)); /* it was taken */
    generation_release(generation, 13, BLOCKS - 13);
    generation_release(generation, 5, 1);
    generation_release(generation, 12, 1);
    block_runs_finish(&r);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(all_that_is_absent_is_claimed_in_order),
        T(where_nothing_is_absent_there_are_none),
        T(ones_own_run_finds_its_place_among_those_not_taken),
        T(what_is_released_can_be_claimed_by_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
