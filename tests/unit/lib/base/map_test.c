/* SPDX-License-Identifier: MIT */
#include "lib/base/map.h"

#include "lib/base/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define KEYS 300

/* The model: values by key number; NULL: not there. */
struct model {
    void *value[KEYS];
    size_t count;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return *seed >> 33;
}

static struct span key_of(size_t i, char out[32])
{
    int n = snprintf(out, 32, "%zu-%.*s", i, (int)(i % 17), "abcdefghijklmnopq");
    return i == 0 ? SPAN_NONE : span_make(out, (size_t)n);
}

static void same(const struct map *m, const struct model *model)
{
    bool is_seen[KEYS] = {false};
    size_t at = 0, count = 0;
    struct span key;
    void *value;
    assert_int_equal(map_count(m), model->count);
    while (map_next(m, &at, &key, &value)) {
        size_t i = (size_t)((uintptr_t)value % KEYS);
        char text[32];
        assert_true(span_eq(key, key_of(i, text)));
        assert_ptr_equal(value, model->value[i]);
        assert_false(is_seen[i]);
        is_seen[i] = true;
        count++;
    }
    assert_int_equal(count, model->count);
}

static void a_map_says_what_a_naive_model_says(void **state)
{
    (void)state;
    struct map *m = map_create();
    struct model model = {.count = 0};
    uint64_t seed = 42;
    char text[32];
    for (int step = 0; step < 100000; step++) {
        size_t i = next_random(&seed) % (step % 20000 < 10000 ? KEYS : 20);
        struct span key = key_of(i, text);
        uint64_t action = next_random(&seed) % 3;
        if (action == 0) {
            void *value = (void *)(uintptr_t)(i + KEYS * (1 + next_random(&seed) % 1000));
            assert_ptr_equal(map_put(m, key, value), model.value[i]);
            model.count += model.value[i] == NULL;
            model.value[i] = value;
        } else if (action == 1) {
            assert_ptr_equal(map_remove(m, key), model.value[i]);
            model.count -= model.value[i] != NULL;
            model.value[i] = NULL;
        }
        assert_ptr_equal(map_get(m, key), model.value[i]);
        if (step % 1000 == 0)
            same(m, &model);
    }
    same(m, &model);
    map_destroy(m);
}

static void a_walk_may_remove_what_it_meets(void **state)
{
    (void)state;
    struct map *m = map_create();
    char text[32];
    for (size_t i = 0; i < KEYS; i++)
        map_put(m, key_of(i, text), m);
    size_t at = 0, met = 0;
    struct span key;
    void *value;
    while (map_next(m, &at, &key, &value)) {
        char copy[64];
        size_t n = key.n;
        if (n > 0)
            memcpy(copy, key.p, n);
        assert_ptr_equal(map_remove(m, span_make(copy, n)), m);
        met++;
    }
    assert_int_equal(met, KEYS);
    assert_int_equal(map_count(m), 0);
    map_destroy(m);
}

static void an_empty_map_answers(void **state)
{
    (void)state;
    struct map *m = map_create();
    size_t at = 0;
    struct span key;
    void *value;
    assert_null(map_get(m, SPAN("a")));
    assert_null(map_remove(m, SPAN("a")));
    assert_false(map_next(m, &at, &key, &value));
    map_destroy(m);
    map_destroy(NULL);
}

static void churn_does_not_grow_the_table(void **state)
{
    (void)state;
    struct map *m = map_create();
    char text[32];
    for (size_t i = 1; i < 200000; i++) {
        map_put(m, key_of(i, text), m);
        assert_ptr_equal(map_remove(m, key_of(i, text)), m);
    }
    assert_int_equal(map_count(m), 0);
    map_destroy(m);
}

static void *read_all(void *arg)
{
    char text[32];
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < KEYS; i++)
            assert_ptr_equal(map_get(arg, key_of(i, text)), arg);
    }
    return NULL;
}

static void many_threads_may_read_at_once(void **state)
{
    (void)state;
    struct map *m = map_create();
    char text[32];
    for (size_t i = 0; i < KEYS; i++)
        map_put(m, key_of(i, text), m);
    pthread_t t[4];
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, read_all, m), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    map_destroy(m);
}

static void hashes_are_the_published_ones_and_the_seeded_one_is_not(void **state)
{
    (void)state;
    assert_true(hash64("", 0) == 0x2d06800538d394c2U); /* XXH3-64 of nothing */
    assert_true(hash64(NULL, 0) == hash64("", 0));
    struct hash128 h = hash128("", 0, 0);
    assert_true(h.hi == 0x99aa06d3014798d8U && h.lo == 0x6001c324468d497fU);
    assert_true(hash64_seeded("abc", 3) == hash64_seeded("abc", 3));
    assert_true(hash64_seeded("abc", 3) != hash64("abc", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_says_what_a_naive_model_says),
        cmocka_unit_test(a_walk_may_remove_what_it_meets),
        cmocka_unit_test(an_empty_map_answers),
        cmocka_unit_test(churn_does_not_grow_the_table),
        cmocka_unit_test(many_threads_may_read_at_once),
        cmocka_unit_test(hashes_are_the_published_ones_and_the_seeded_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
