/* SPDX-License-Identifier: MIT */
#define BLOCK (1 * MIB) /* a whole segment of memory */
#include "tests/unit/edge/store/disk_help.h"

#include <errno.h>
#include <pthread.h>

#define BLOCKS 16

/* Reads of several blocks at once, and what befalls them. */
static _Atomic int runs, run_errno;
static _Atomic bool does_spoil; /* a byte of the first block of the next one, once */

static ssize_t counted_read(int fd, const struct iovec *to, int count, off_t at)
{
    runs += count > 1;
    errno = run_errno;
    if (count > 1 && run_errno != 0)
        return -1;
    ssize_t n = disk_io_system.read(fd, to, count, at);
    if (count > 1 && atomic_exchange(&does_spoil, false))
        ((char *)to->iov_base)[100] ^= 1;
    return n;
}

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

/* Reads both objects: what was read leaves pages behind, for what is read ahead. What is asked for
 * at once waits for one thread together, if none is about already. true: some came so. */
static bool comes_in_runs(const char *path, const struct disk_io *io, struct object_state *out)
{
    struct disk_setup setup = {.memory_bytes = 512 * MIB, .io = io};
    struct store *st = disk_store(path, setup);
    char text[32];
    runs = 0;
    *out = (struct object_state){0};
    for (uint64_t id = 1; id <= 2; id++) {
        struct store_key key = key_for(text, id);
        struct object *o = store_select(st, &key, NULL, NULL);
        assert_non_null(o);
        struct generation_reader r = {.pos = 0, .last = BLOCKS * BLOCK - 8};
        generation_reader_attach(o->generation, &r);
        for (int64_t i = 0; i < BLOCKS; i++) {
            int got = bytes_check(o->generation, id, i * BLOCK);
            out->good += got == 1;
            out->absent += got == ERR_NOT_FOUND;
            generation_spend(o->generation, &r, i);
            generation_reader_move(o->generation, &r, (i + 1) * BLOCK);
        }
        generation_reader_detach(o->generation, &r);
        object_unref(&o);
    }
    EQ(COUNT(st, disk_corrupt), out->absent);
    EQ(COUNT(st, disk_faults), 0);
    store_destroy(&st);
    return runs > 0;
}

static void neighbours_come_together_and_none_for_the_fault_of_another(void **state)
{
    const char *path = *state;
    struct disk_io io = disk_io_system;
    struct object_state s;
    struct store *st = disk_store(path, (struct disk_setup){0});
    assert_true(object_put(st, 1, BLOCKS) && object_put(st, 2, BLOCKS));
    UNTIL(on_disk(st) == 2 * BLOCKS);
    store_destroy(&st);
    io.read = counted_read;
    run_errno = 0;
    UNTIL(comes_in_runs(path, &io, &s));
    EQ(s.good, 2 * BLOCKS);
    run_errno = EIO; /* of all of it: each is read alone then */
    UNTIL(comes_in_runs(path, &io, &s));
    EQ(s.good, 2 * BLOCKS);
    run_errno = 0;
    does_spoil = true;
    UNTIL(comes_in_runs(path, &io, &s));
    EQ(s.good, 2 * BLOCKS - 1);
    EQ(s.absent, 1);
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
        IN_FOLDER(neighbours_come_together_and_none_for_the_fault_of_another),
        IN_FOLDER(many_at_once_read_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
