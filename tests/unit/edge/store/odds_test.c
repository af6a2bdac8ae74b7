/* SPDX-License-Identifier: MIT */

/* What is learned of blocks: who comes back, from what, and within what memory. */
#include "edge/store/odds.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#define MIB   ((int64_t)1 << 20)
#define CACHE (256 * MIB)

static struct odds *model_with(int64_t most_bytes, size_t *weight)
{
    const struct odds_config config = {.cache_bytes = CACHE, .most_bytes = most_bytes};
    return odds_create(&config, weight);
}

/* A block of an object of its own. */
static struct odds_block block(uint64_t number)
{
    uint64_t name = (number + 1) * 0x9e3779b97f4a7c15u;
    return (struct odds_block){
        .name = name ^ name >> 29, .object = name, .bytes = (uint32_t)MIB, .count = 1};
}

static float read_one(struct odds *r, const struct odds_block *b)
{
    odds_read(r, b);
    return odds_watch(r, b);
}

/* Sixteen blocks that come back every round, and sixteen that never do; the mean chance of either
 * kind when it was just read for the first time after everything is learned. */
static void play(struct odds *r, int rounds, float *regular, float *once)
{
    for (int n = 0; n < rounds; n++) {
        *regular = *once = 0;
        for (uint64_t i = 0; i < 16; i++) {
            const struct odds_block again = block(i), never = block(1000 + 16 * n + i);
            *regular += read_one(r, &again) / 16;
            *once += read_one(r, &never) / 16;
        }
    }
}

static void who_comes_back_is_told_from_who_does_not(void **state)
{
    (void)state;
    size_t weight;
    float regular, once;
    struct odds *r = model_with(8 * MIB, &weight);
    play(r, 1000, &regular, &once);
    assert_true(regular > 0.8F);
    assert_true(once < 0.2F);
    odds_destroy(&r);
    assert_null(r);
}

static void the_same_calls_give_the_same_answers(void **state)
{
    (void)state;
    size_t weight;
    float regular[2], once[2];
    for (int i = 0; i < 2; i++) {
        struct odds *r = model_with(8 * MIB, &weight);
        play(r, 200, &regular[i], &once[i]);
        odds_destroy(&r);
    }
    assert_memory_equal(&regular[0], &regular[1], sizeof(float));
    assert_memory_equal(&once[0], &once[1], sizeof(float));
}

/* Blocks ahead of a download are read, those behind it are not: each object is read once. */
static void what_a_download_will_reach_is_kept(void **state)
{
    (void)state;
    size_t weight;
    struct odds *r = model_with(8 * MIB, &weight);
    float ahead = 0, behind = 0;
    for (uint64_t object = 1; object < 800; object++) {
        for (uint32_t i = 0; i < 32; i++) {
            struct odds_block b = block(object * 32 + i), next = block(object * 32 + i + 4),
                              last = block(object * 32 + i - 4);
            b.object = next.object = last.object = object * 0x9e3779b97f4a7c15u;
            b.count = next.count = last.count = 32;
            b.index = i;
            next.index = i + 4;
            last.index = i - 4;
            odds_read(r, &b);
            if (i >= 8 && i < 24) {
                ahead = odds_watch(r, &next);
                behind = odds_watch(r, &last);
            }
        }
    }
    assert_true(ahead > 0.7F);
    assert_true(behind < 0.3F);
    odds_destroy(&r);
}

static void it_weighs_what_it_may(void **state)
{
    (void)state;
    size_t weight;
    struct odds *r = model_with(MIB, &weight);
    assert_true(weight > MIB / 2 && weight < 2 * MIB);
    for (uint64_t i = 0; i < 300000; i++) { /* more than it has names for */
        const struct odds_block b = block(i);
        float chance = read_one(r, &b);
        assert_true(chance >= 0 && chance <= 1);
    }
    odds_destroy(&r);
}

/* What was read before the last eight caches full is past, and so is what never was. */
static void what_was_not_read_for_long_is_past(void **state)
{
    (void)state;
    size_t weight;
    struct odds *r = model_with(8 * MIB, &weight);
    const struct odds_block once = block(1), never = block(2);
    odds_read(r, &once);
    for (uint64_t i = 0; i < 8 * CACHE / MIB - 8; i++) {
        const struct odds_block other = block(1000 + i);
        odds_read(r, &other);
    }
    assert_false(odds_is_past(r, &once));
    assert_true(odds_is_past(r, &never));
    for (uint64_t i = 0; i < 16; i++) {
        const struct odds_block other = block(2000 + i);
        odds_read(r, &other);
    }
    assert_true(odds_is_past(r, &once));
    odds_read(r, &once);
    assert_false(odds_is_past(r, &once));
    odds_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_back_is_told_from_who_does_not),
        cmocka_unit_test(the_same_calls_give_the_same_answers),
        cmocka_unit_test(what_a_download_will_reach_is_kept),
        cmocka_unit_test(it_weighs_what_it_may),
        cmocka_unit_test(what_was_not_read_for_long_is_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
