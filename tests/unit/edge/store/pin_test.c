/* SPDX-License-Identifier: MIT */

/* What is pinned stays while several times the room goes by, and no longer than it is pinned. */
#include "tests/unit/edge/store/disk_help.h"

#include "edge/store/pin.h"

#define MEMORY (32 * MIB)
#define SMALL  (64 * KIB)

static const char *const policies[] = {"s3-fifo", "lru", "clock", "learned"};

static struct store *store_with(const char *eviction)
{
    struct store *st;
    struct buf why;
    struct store_config config = {
        .memory_bytes = MEMORY, .block_max_bytes = MIB, .eviction = eviction};
    buf_init(&why, 1000);
    assert_int_equal(store_create(&st, &config, &why), 0);
    buf_finish(&why);
    return st;
}

static void add(struct store *st, uint64_t id, int64_t bytes, msec_t pin_until)
{
    char text[32];
    struct store_key key = key_for(text, id);
    struct generation *g = generation_create(st, bytes, MIB);
    struct object *o = g != NULL ? object_for(st, &key, g, id) : NULL;
    assert_non_null(o);
    assert_int_equal(store_insert(st, o, store_moment(st)), 0);
    if (pin_until != 0)
        generation_pin(g, pin_until);
    for (int64_t i = 0; i * MIB < bytes; i++)
        assert_int_equal(block_fill(g, id, i), 0);
    object_unref(&o);
    generation_unref(&g);
}

static int64_t bytes_of(struct store *st, uint64_t id)
{
    char text[32];
    struct generation_weight w = {0};
    struct store_key key = key_for(text, id);
    struct object *o = store_peek(st, &key, NULL, NULL);
    if (o != NULL)
        generation_weigh(o->generation, &w);
    object_unref(&o);
    return w.bytes;
}

/* Large ones, whose segments are put aside whole, among small ones, which are carried. */
static void what_is_pinned_outlives_what_goes_by(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
        struct store *st = store_with(policies[p]);
        msec_t until = clock_mono_ms() + 3600 * MSEC_PER_SEC;
        assert_int_equal(pin_room(st), MEMORY / 4);
        add(st, 1, 3 * MIB, until);
        for (uint64_t id = 100; id < 150; id++)
            add(st, id, SMALL, id % 10 == 0 ? until : 0);
        for (uint64_t id = 1000; id < 1100; id++)
            add(st, id, MIB, 0);
        assert_int_equal(bytes_of(st, 1), 3 * MIB);
        for (uint64_t id = 100; id < 150; id += 10)
            assert_int_equal(bytes_of(st, id), SMALL);
        assert_int_equal(bytes_of(st, 1001), 0);
        segments_check(&st->segments);
        store_destroy(&st);
    }
}

static bool is_pinned(struct store *st, uint64_t id)
{
    char text[32];
    struct store_key key = key_for(text, id);
    struct object *o = store_peek(st, &key, NULL, NULL);
    bool is = o != NULL && generation_pinned_until(o->generation) != 0;
    object_unref(&o);
    return is;
}

/* No more comes while the pin lasts than fills the store: a policy that learns would learn from
 * more that all that is new is worth nothing. */
static void nothing_is_pinned_for_ever(void **state)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
        struct store *st = store_with(policies[p]);
        msec_t until = clock_mono_ms() + 100;
        uint64_t id = 1000;
        add(st, 1, 3 * MIB, until);
        add(st, 2, 3 * MIB, until + 3600 * MSEC_PER_SEC);
        while (id < 1100)
            add(st, id++, MIB, 0);
        while (is_pinned(st, 1))
            nanosleep(&moment, NULL);
        while (bytes_of(st, 1) > 0 && id < 10000)
            add(st, id++, MIB, 0);
        assert_int_equal(bytes_of(st, 1), 0);
        assert_int_equal(bytes_of(st, 2), 3 * MIB);
        segments_check(&st->segments);
        store_destroy(&st);
    }
}

/* Whoever pins everything still gets what is asked for, and the oldest pins go. */
static void a_store_that_is_all_pinned_still_takes_what_comes(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
        struct store *st = store_with(policies[p]);
        msec_t until = clock_mono_ms() + 3600 * MSEC_PER_SEC;
        int64_t first = 0;
        for (uint64_t id = 1; id < 60; id++) {
            char text[32];
            struct store_key key = key_for(text, id);
            struct generation *g = generation_create(st, MIB, MIB);
            struct object *o = object_for(st, &key, g, id);
            assert_int_equal(store_insert(st, o, store_moment(st)), 0);
            generation_pin(g, until);
            int r = block_fill(g, id, 0);
            assert_true(r == 0 || r == ERR_NO_SPACE);
            first += r == 0;
            object_unref(&o);
            generation_unref(&g);
        }
        assert_true(first >= 16); /* a full store says so, at once, and holds what it has */
        assert_int_equal(bytes_of(st, 1), MIB);
        segments_check(&st->segments);
        store_destroy(&st);
    }
}

static void what_is_pinned_stays_on_the_disk(void **state)
{
    const char *path = *state;
    struct store *st =
        disk_store(path, (struct disk_setup){.memory_bytes = 8 * MIB, .size_bytes = 32 * MIB});
    char text[32];
    struct store_key key = key_for(text, 1);
    assert_true(object_put(st, 1, 8));
    assert_true(object_put(st, 2, 8));
    struct object *o = store_select(st, &key, NULL, NULL);
    generation_pin(o->generation, clock_mono_ms() + 3600 * MSEC_PER_SEC);
    object_unref(&o);
    for (uint64_t id = 10; id < 22; id++)
        assert_true(object_put(st, id, 16));
    UNTIL(queued_bytes(st) == 0);
    EQ(object_read(st, 1, 8).good, 8);
    EQ(object_read(st, 2, 8).good, 0);
    EQ(pin_room(st), 8 * MIB);
    store_destroy(&st);
}

/* What is asked for once is not worth a disk, unless somebody says that it is. */
static void a_pin_brings_to_the_disk_what_is_in_memory(void **state)
{
    const char *path = *state;
    char text[32];
    struct store *st = disk_store(path, (struct disk_setup){.takes_used = true});
    struct store_key key = key_for(text, 1);
    assert_true(object_put(st, 1, 4));
    EQ(on_disk(st), 0);
    struct object *o = store_peek(st, &key, NULL, NULL);
    generation_pin(o->generation, clock_mono_ms() + 3600 * MSEC_PER_SEC);
    object_unref(&o);
    UNTIL(on_disk(st) == 4);
    assert_false(pin_must_wait(st));
    store_destroy(&st);
}

/* 1 to 7 fill a segment of the disk, which is pinned; the purges of 1, and of 2 by a mark, lie in
 * younger ones, which go before it. */
static void purges_outlive_what_is_passed_over(void **state)
{
    const char *path = *state;
    char text[32];
    struct store_key key = key_for(text, 1);
    struct purge_scope scope = {
        .kind = PURGE_PREFIX, .site = SPAN("site"), .host = SPAN("host"), .value = SPAN("/2")};
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 7; id++) {
        char own[32];
        struct store_key k = key_for(own, id);
        assert_true(object_put(st, id, 4));
        struct object *o = store_select(st, &k, NULL, NULL);
        generation_pin(o->generation, clock_mono_ms() + 3600 * MSEC_PER_SEC);
        object_unref(&o);
    }
    for (uint64_t id = 20; id < 30; id++)
        assert_true(object_put(st, 1000 + id, 4));
    EQ(store_purge(st, &key, false), 1);
    store_purge_many(st, &scope, false);
    for (uint64_t id = 30; id < 200; id++)
        assert_true(object_put(st, 1000 + id, 4));
    EQ(object_read(st, 3, 4).good, 4);
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    EQ(object_read(st, 1, 4).found, 0);
    EQ(object_read(st, 2, 4).found, 0);
    for (uint64_t id = 3; id <= 7; id++)
        EQ(object_read(st, id, 4).good, 4);
    EQ(object_read(st, 1199, 4).good, 4);
    store_destroy(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_pinned_outlives_what_goes_by),
        cmocka_unit_test(nothing_is_pinned_for_ever),
        IN_FOLDER(purges_outlive_what_is_passed_over),
        cmocka_unit_test(a_store_that_is_all_pinned_still_takes_what_comes),
        IN_FOLDER(what_is_pinned_stays_on_the_disk),
        IN_FOLDER(a_pin_brings_to_the_disk_what_is_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
