/* SPDX-License-Identifier: MIT
 *
 * Also run under ThreadSanitizer: one makes a copy, others take it, and copies leave. */
#include "edge/encode/encoded.h"

#include "lib/base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 20000, IDS = 64, BYTES = 1000, ROOM = 20 * BYTES };

static _Atomic int64_t charged;
static _Atomic bool is_full;

static bool charge(void *ctx, size_t bytes)
{
    (void)ctx;
    if (atomic_load(&is_full))
        return false;
    atomic_fetch_add(&charged, (int64_t)bytes);
    return true;
}

static void uncharge(void *ctx, size_t bytes)
{
    (void)ctx;
    atomic_fetch_sub(&charged, (int64_t)bytes);
}

static const struct encoded_config config = {
    .max_bytes = ROOM, .charge = charge, .uncharge = uncharge};

static void put(struct encoded_table *t, uint64_t id)
{
    struct encoded *e = encoded_create(t, BYTES);
    assert_non_null(e);
    memset(e->bytes, (int)id, BYTES);
    encoded_keep(t, id, &e);
    assert_null(e);
}

static void the_first_makes_it_and_the_others_get_it(void **state)
{
    struct encoded_table *t = encoded_table_create(&config);
    struct encoded *e;
    (void)state;
    assert_int_equal(encoded_look(t, 1, &e), ENCODED_ABSENT);
    assert_int_equal(encoded_ask(t, 1, &e), ENCODED_LEAD);
    assert_int_equal(encoded_ask(t, 1, &e), ENCODED_BUSY);
    assert_int_equal(encoded_look(t, 1, &e), ENCODED_BUSY);
    put(t, 1);
    assert_int_equal(encoded_ask(t, 1, &e), ENCODED_HERE);
    assert_int_equal(e->bytes[BYTES - 1], 1);
    assert_int_equal(encoded_bytes(t), BYTES);
    encoded_unref(&e);
    encoded_table_destroy(&t);
    assert_int_equal(atomic_load(&charged), 0);
}

static void who_gives_up_leaves_it_to_the_next_unless_it_is_worthless(void **state)
{
    struct encoded_table *t = encoded_table_create(&config);
    struct encoded *e = NULL;
    (void)state;
    assert_int_equal(encoded_ask(t, 1, &e), ENCODED_LEAD);
    encoded_give_up(t, 1, false);
    assert_int_equal(encoded_ask(t, 1, &e), ENCODED_LEAD);
    encoded_keep(t, 1, &e); /* nothing: there was no room */
    assert_int_equal(encoded_ask(t, 1, &e), ENCODED_LEAD);
    encoded_give_up(t, 1, true);
    assert_int_equal(encoded_ask(t, 1, &e), ENCODED_WORTHLESS);
    encoded_table_destroy(&t);
}

static void the_least_used_leaves_and_who_reads_it_goes_on(void **state)
{
    struct encoded_table *t = encoded_table_create(&config);
    struct encoded *reader, *e;
    (void)state;
    for (uint64_t id = 0; id <= ROOM / BYTES; id++) {
        assert_int_equal(encoded_ask(t, id * 16, &e), ENCODED_LEAD); /* all in one shard */
        put(t, id * 16);
        if (id == 0)
            assert_int_equal(encoded_ask(t, 0, &reader), ENCODED_HERE);
        if (id == 2) {
            assert_int_equal(encoded_ask(t, 0, &e), ENCODED_HERE);
            encoded_unref(&e);
        }
    }
    assert_int_equal(encoded_bytes(t), ROOM);
    assert_int_equal(encoded_look(t, 16, &e), ENCODED_ABSENT);
    assert_int_equal(encoded_look(t, 0, &e), ENCODED_HERE);
    encoded_unref(&e);
    for (uint64_t id = 1000; id < 1000 + ROOM / BYTES; id++) {
        assert_int_equal(encoded_ask(t, id * 16, &e), ENCODED_LEAD);
        put(t, id * 16);
    }
    assert_int_equal(encoded_look(t, 0, &e), ENCODED_ABSENT);
    assert_int_equal(reader->bytes[0], 0);
    encoded_unref(&reader);
    encoded_table_destroy(&t);
    assert_int_equal(atomic_load(&charged), 0);
}

static void where_there_is_no_room_there_is_no_copy(void **state)
{
    struct encoded_table *t = encoded_table_create(&config);
    (void)state;
    atomic_store(&is_full, true);
    assert_null(encoded_create(t, BYTES));
    assert_false(encoded_reserve(t, BYTES));
    atomic_store(&is_full, false);
    encoded_table_destroy(&t);
}

static void *play(void *ctx)
{
    struct encoded_table *t = ctx;
    uint32_t seed = (uint32_t)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; i++) {
        struct encoded *e;
        uint64_t id = (seed = seed * 1664525 + 1013904223) >> 16 & (IDS - 1);
        switch (encoded_ask(t, id, &e)) {
        case ENCODED_LEAD:
            if (i % 7 == 0)
                encoded_give_up(t, id, false);
            else
                put(t, id);
            break;
        case ENCODED_HERE:
            assert_int_equal(e->bytes[i % BYTES], id);
            encoded_unref(&e);
            break;
        case ENCODED_BUSY:
        case ENCODED_WORTHLESS:
        case ENCODED_ABSENT:
            break;
        }
    }
    return NULL;
}

static void many_threads_make_take_and_drop(void **state)
{
    struct encoded_table *t = encoded_table_create(&config);
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, play, t), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(encoded_bytes(t) <= ROOM);
    encoded_table_destroy(&t);
    assert_int_equal(atomic_load(&charged), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_makes_it_and_the_others_get_it),
        cmocka_unit_test(who_gives_up_leaves_it_to_the_next_unless_it_is_worthless),
        cmocka_unit_test(where_there_is_no_room_there_is_no_copy),
        cmocka_unit_test(many_threads_make_take_and_drop),
        cmocka_unit_test(the_least_used_leaves_and_who_reads_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
