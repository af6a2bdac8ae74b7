/* SPDX-License-Identifier: MIT */
#define BLOCK (1 * MIB) /* a whole segment of memory */
#include "tests/unit/edge/store/disk_help.h"

#include <pthread.h>

#define BLOCKS 16

/* A store that has nothing in memory, and object 1 on its disk. */
static struct store *cold_store(const char *path, int64_t memory_bytes)
{
    struct disk_setup setup = {.memory_bytes = memory_bytes};
    struct store *st = disk_store(path, setup);
    assert_true(object_put(st, 1, BLOCKS));
    UNTIL(on_disk(st) == BLOCKS);
    store_destroy(&st);
    return disk_store(path, setup);
}

static struct object *object_one(struct store *st)
{
    char text[32];
    struct store_key key = key_for(text, 1);
    struct object *o = store_select(st, &key, NULL, NULL);
    assert_non_null(o);
    return o;
}

static void read_on(struct generation *g, const struct generation_reader *r)
{
    for (int64_t i = 0; i < BLOCKS; i++) {
        EQ(bytes_check(g, 1, i * BLOCK), 1);
        generation_spend(g, r, i);
    }
}

static uint64_t in_memory(const struct store *st)
{
    struct store_usage u;
    store_usage(st, &u);
    return u.blocks;
}

static void what_is_read_on_leaves_memory_the_first_time_and_stays_the_second(void **state)
{
    const char *path = *state;
    struct store *st = cold_store(path, 128 * MIB);
    struct object *o = object_one(st);
    read_on(o->generation, NULL);
    EQ(in_memory(st), 0);
    EQ(COUNT(st, disk_read_blocks), BLOCKS);
    read_on(o->generation, NULL);
    EQ(in_memory(st), BLOCKS);
    EQ(COUNT(st, disk_read_blocks), 2 * BLOCKS);
    read_on(o->generation, NULL);
    EQ(COUNT(st, disk_read_blocks), 2 * BLOCKS);
    EQ(on_disk(st), BLOCKS);
    object_unref(&o);
    store_destroy(&st);
}

static void what_another_reader_is_about_to_read_stays(void **state)
{
    const char *path = *state;
    struct store *st = cold_store(path, 128 * MIB);
    struct object *o = object_one(st);
    struct generation_reader self = {.pos = BLOCKS * BLOCK - 1, .last = BLOCKS * BLOCK - 1};
    struct generation_reader behind = {.pos = 5 * BLOCK, .last = 10 * BLOCK - 1};
    generation_reader_attach(o->generation, &self);
    generation_reader_attach(o->generation, &behind);
    read_on(o->generation, &self);
    EQ(in_memory(st), 5);
    generation_reader_detach(o->generation, &behind);
    generation_reader_detach(o->generation, &self);
    object_unref(&o);
    store_destroy(&st);
}

static void *read_often(void *ctx)
{
    for (int i = 0; i < 8; i++)
        read_on(ctx, NULL);
    return NULL;
}

static void many_at_once_read_what_was_written(void **state)
{
    const char *path = *state;
    pthread_t threads[4];
    struct store *st = cold_store(path, 64 * MIB);
    struct object *o = object_one(st);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        EQ(pthread_create(&threads[i], NULL, read_often, o->generation), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        EQ(pthread_join(threads[i], NULL), 0);
    EQ(COUNT(st, disk_corrupt), 0);
    EQ(on_disk(st), BLOCKS);
    object_unref(&o);
    store_destroy(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_read_on_leaves_memory_the_first_time_and_stays_the_second),
        IN_FOLDER(what_another_reader_is_about_to_read_stays),
        IN_FOLDER(many_at_once_read_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
