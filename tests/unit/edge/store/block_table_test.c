/* SPDX-License-Identifier: MIT */
#include "edge/store/block_table.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/http/message.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define B 1000

/* As its owner has it. */
struct whole {
    struct block_table table;
    struct block_more more;
};

static void blocks_are_counted_and_the_last_one_is_short(void **state)
{
    (void)state;
    static const struct {
        int64_t length, count, last_bytes;
    } rows[] = {{0, 0, 0}, {1, 1, 1}, {999, 1, 999}, {1000, 1, 1000}, {1001, 2, 1}, {64000, 64, B}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct whole t;
        block_table_init(&t.table, rows[i].length, B);
        assert_int_equal(block_table_count(&t.table), rows[i].count);
        if (rows[i].count > 0)
            assert_int_equal(block_table_expected(&t.table, rows[i].count - 1), rows[i].last_bytes);
        block_table_finish(&t.table);
    }
}

/* What open took is what cost said, and close and finish give it back. */
static void every_byte_is_given_back(void **state)
{
    (void)state;
    struct whole t;
    int64_t taken = 0;
    block_table_init(&t.table, 5000 * B, B);
    for (int64_t i = 0; i < 5000; i += 7) {
        taken += (int64_t)block_table_cost(&t.table, i);
        struct block *b = block_table_open(&t.table, i);
        assert_ptr_equal(block_home(b), &t.table);
        assert_int_equal(block_index(b), i);
    }
    for (int64_t i = 0; i < 5000; i++)
        assert_int_equal(block_table_find(&t.table, i) != NULL, i % 7 == 0);
    assert_int_equal(block_table_next(&t.table, 1, 5000), 7);
    assert_int_equal(block_table_next(&t.table, 4999, 5000), 5000);
    for (int64_t i = 0; i < 5000; i += 7)
        taken -= (int64_t)block_table_close(&t.table, block_table_find(&t.table, i));
    assert_int_equal(block_table_next(&t.table, 0, 5000), 5000);
    assert_int_equal(taken - (int64_t)block_table_finish(&t.table), 0);
}

static void a_dense_table_costs_at_most_48_bytes_a_block(void **state)
{
    (void)state;
    struct whole t;
    int64_t count = 20000, taken = 0;
    block_table_init(&t.table, count * B, B);
    for (int64_t i = 0; i < count; i++) {
        taken += (int64_t)block_table_cost(&t.table, i);
        assert_non_null(block_table_open(&t.table, i));
    }
    assert_in_range(taken / count, 1, 48);
    for (int64_t i = 0; i < count; i++)
        block_table_close(&t.table, block_table_find(&t.table, i));
    block_table_finish(&t.table);
}

static void one_block_of_a_terabyte_costs_little(void **state)
{
    (void)state;
    struct whole t;
    block_table_init(&t.table, (int64_t)1 << 40, 1 << 20);
    size_t cost = block_table_cost(&t.table, (1 << 20) - 1);
    assert_in_range(cost, 1, 140000);
    struct block *b = block_table_open(&t.table, (1 << 20) - 1);
    block_table_close(&t.table, b);
    block_table_finish(&t.table);
}

static void claims_are_runs_of_what_is_absent(void **state)
{
    (void)state;
    struct whole t;
    int64_t first = -1;
    block_table_init(&t.table, 100 * B, B);
    struct block *at_10 = block_table_open(&t.table, 10);
    assert_int_equal(block_table_claim(&t.table, 0, INT64_MAX, &first), 10);
    assert_int_equal(first, 0);
    assert_int_equal(block_table_claim(&t.table, 0, 11, &first), 0);
    assert_int_equal(block_table_claim(&t.table, 0, 15, &first), 4);
    assert_int_equal(first, 11);
    assert_int_equal(block_table_claim(&t.table, 50, INT64_MAX, &first), 50);
    assert_int_equal(block_table_claim(&t.table, 12, INT64_MAX, &first), 35);
    assert_int_equal(first, 15);
    block_table_unclaim(&t.table, 20, 30);
    assert_true(block_table_is_claimed(&t.table, 19));
    assert_false(block_table_is_claimed(&t.table, 20));
    assert_false(block_table_is_claimed(&t.table, 29));
    assert_true(block_table_is_claimed(&t.table, 30));
    block_table_unclaim(&t.table, 0, 25);
    assert_int_equal(block_table_claim(&t.table, 0, 5, &first), 5);
    block_table_unclaim(&t.table, 0, INT64_MAX);
    assert_false(block_table_has_claims(&t.table));
    block_table_abandon(&t.table);
    assert_int_equal(block_table_claim(&t.table, 0, 5, &first), 0);
    block_table_close(&t.table, at_10);
    block_table_finish(&t.table);
}

static void a_claim_reaches_to_an_unknown_end(void **state)
{
    (void)state;
    struct whole t;
    int64_t first;
    block_table_init(&t.table, LENGTH_UNKNOWN, B);
    assert_int_equal(block_table_claim(&t.table, 3, INT64_MAX, &first), INT64_MAX - 3);
    assert_int_equal(block_table_claim(&t.table, 0, INT64_MAX, &first), 3);
    assert_int_equal(block_table_claim(&t.table, 1000000, 5, &first), 0);
    block_table_finish(&t.table);
}

static void a_table_of_one_block_has_no_more(void **state)
{
    (void)state;
    struct whole t;
    int64_t first = -1;
    memset(&t.more, 0xa5, sizeof(t.more));
    struct block_more untouched = t.more;
    block_table_init(&t.table, B, B);
    assert_int_equal(block_table_length(&t.table), B);
    assert_int_equal(block_table_claim(&t.table, 1, 1, &first), 0);
    assert_int_equal(block_table_claim(&t.table, 0, INT64_MAX, &first), 1);
    assert_int_equal(first, 0);
    assert_int_equal(block_table_claim(&t.table, 0, INT64_MAX, &first), 0);
    assert_true(block_table_is_claimed(&t.table, 0) && block_table_has_claims(&t.table));
    assert_int_equal(block_table_cost(&t.table, 0), 0);
    struct block *b = block_table_open(&t.table, 0);
    assert_ptr_equal(block_home(b), &t.table);
    assert_int_equal(block_table_held(&t.table), 1);
    assert_int_equal(block_table_next(&t.table, 0, INT64_MAX), 0);
    assert_int_equal(block_table_next(&t.table, 1, INT64_MAX), INT64_MAX);
    assert_null(block_table_find(&t.table, 1));
    block_table_unclaim(&t.table, 0, INT64_MAX);
    assert_false(block_table_has_claims(&t.table));
    block_table_abandon(&t.table);
    assert_true(block_table_is_abandoned(&t.table));
    assert_int_equal(block_table_length(&t.table), B);
    assert_int_equal(block_table_close(&t.table, b), 0);
    assert_int_equal(block_table_finish(&t.table), 0);
    assert_memory_equal(&t.more, &untouched, sizeof(untouched));
}

/* Claims against the plainest model there is: one byte a block. */
static void claims_agree_with_a_plain_model(void **state)
{
    (void)state;
    enum { COUNT = 90 };
    char model[COUNT] = {0};
    struct whole t;
    srandom(1);
    block_table_init(&t.table, COUNT * B, B);
    for (int round = 0; round < 20000; round++) {
        int64_t at = random() % COUNT, n = 1 + random() % 12, first = -1;
        int64_t end = at + n < COUNT ? at + n : COUNT;
        if (random() % 2 == 0) {
            int64_t from = at, to;
            while (from < end && model[from] != 0)
                from++;
            for (to = from; to < end && model[to] == 0; to++)
                model[to] = 1;
            assert_int_equal(block_table_claim(&t.table, at, n, &first), to - from);
            assert_true(to == from || first == from);
        } else {
            memset(model + at, 0, (size_t)(end - at));
            block_table_unclaim(&t.table, at, end);
        }
        for (int64_t i = 0; i < COUNT; i++)
            assert_int_equal(block_table_is_claimed(&t.table, i), model[i]);
    }
    block_table_finish(&t.table);
}

static void a_look_says_what_a_reader_should_do(void **state)
{
    (void)state;
    struct whole t;
    struct block *b;
    int64_t first;
    block_table_init(&t.table, LENGTH_UNKNOWN, B);
    assert_int_equal(block_table_look(&t.table, 0, &b), ERR_NOT_FOUND);
    block_table_claim(&t.table, 0, 2, &first);
    assert_int_equal(block_table_look(&t.table, 0, &b), ERR_AGAIN);
    struct block *open = block_table_open(&t.table, 0);
    assert_int_equal(block_table_look(&t.table, 0, &b), ERR_AGAIN);
    open->filled = 10;
    assert_int_equal(block_table_look(&t.table, 9, &b), 1);
    assert_ptr_equal(b, open);
    assert_int_equal(block_table_look(&t.table, 10, &b), ERR_AGAIN);
    open->state = BLOCK_PRESENT; /* complete, and the length not yet told */
    block_table_unclaim(&t.table, 0, INT64_MAX);
    assert_int_equal(block_table_look(&t.table, 10, &b), ERR_AGAIN);
    block_table_end(&t.table, 10);
    assert_int_equal(block_table_look(&t.table, 10, &b), 0);
    assert_int_equal(block_table_look(&t.table, 11, &b), 0);
    block_table_abandon(&t.table);
    assert_int_equal(block_table_look(&t.table, 0, &b), 1);
    block_table_close(&t.table, open);
    assert_int_equal(block_table_look(&t.table, 0, &b), ERR_CHANGED);
    block_table_finish(&t.table);
}

static void a_lack_of_memory_leaves_the_table_as_it_was(void **state)
{
    (void)state;
    struct whole t;
    block_table_init(&t.table, 5000 * B, B);
    for (size_t n = 1; n <= 2; n++) {
        mem_fail_at(n);
        assert_null(block_table_open(&t.table, 4000));
        assert_true(mem_fail_hit());
        assert_null(block_table_find(&t.table, 4000));
        assert_int_equal(block_table_held(&t.table), 0);
    }
    mem_fail_at(0);
    assert_null(block_table_open(&t.table, INT64_MAX / B));
    block_table_finish(&t.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_counted_and_the_last_one_is_short),
        cmocka_unit_test(every_byte_is_given_back),
        cmocka_unit_test(a_table_of_one_block_has_no_more),
        cmocka_unit_test(a_dense_table_costs_at_most_48_bytes_a_block),
        cmocka_unit_test(one_block_of_a_terabyte_costs_little),
        cmocka_unit_test(claims_are_runs_of_what_is_absent),
        cmocka_unit_test(a_claim_reaches_to_an_unknown_end),
        cmocka_unit_test(claims_agree_with_a_plain_model),
        cmocka_unit_test(a_look_says_what_a_reader_should_do),
        cmocka_unit_test(a_lack_of_memory_leaves_the_table_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
