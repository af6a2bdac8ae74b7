/* SPDX-License-Identifier: MIT */
#include "tests/unit/edge/store/disk_help.h"

#include "edge/store/disk.h"
#include "lib/net/loop.h"

#include <errno.h>
#include <sys/wait.h>

#define SLOW_MS 1000

/* A disk between the store and the real one, that does what the test wants. */
static _Atomic int write_errno, read_errno, allocate_errno, read_delay_ms;
static _Atomic bool does_hang; /* reads end when it is over */

static int faulty_open(int folder, const char *name, int flags)
{
    if (write_errno != 0 && (flags & O_CREAT)) {
        errno = write_errno;
        return -1;
    }
    return disk_io_system.open(folder, name, flags);
}

static ssize_t faulty_read(int fd, const struct iovec *to, int count, off_t at)
{
    if (read_delay_ms > 0)
        usleep((unsigned)read_delay_ms * 1000);
    while (does_hang)
        usleep(1000);
    if (read_errno == 0)
        return disk_io_system.read(fd, to, count, at);
    errno = read_errno;
    return -1;
}

static ssize_t faulty_write(int fd, const void *from, size_t n, off_t at)
{
    if (write_errno == 0)
        return disk_io_system.write(fd, from, n, at);
    errno = write_errno;
    return -1;
}

static int faulty_allocate(int fd, off_t bytes)
{
    if (allocate_errno == 0)
        return disk_io_system.allocate(fd, bytes);
    errno = allocate_errno;
    return -1;
}

static int faulty_sync(int fd)
{
    if (write_errno == 0)
        return disk_io_system.sync(fd);
    errno = write_errno;
    return -1;
}

static const struct disk_io faulty = {.open = faulty_open,
                                      .read = faulty_read,
                                      .write = faulty_write,
                                      .allocate = faulty_allocate,
                                      .sync = faulty_sync};

static int begin(void **state)
{
    write_errno = read_errno = allocate_errno = read_delay_ms = 0;
    does_hang = false;
    return folder_begin(state);
}
#define FAULTY(test) cmocka_unit_test_setup_teardown(test, begin, folder_end)

/* Stores one object after the other until none of the first is in memory any more. */
static void push_out(struct store *st, uint64_t from)
{
    for (uint64_t id = from; id < from + 20; id++)
        assert_true(object_put(st, id, 4));
}

static void a_disk_that_fails_writes_is_dead_until_it_is_well(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){.io = &faulty});
    assert_true(object_put(st, 1, 4));
    UNTIL(on_disk(st) == 4);
    write_errno = EROFS;
    assert_true(object_put(st, 2, 4));
    UNTIL(disk_state(st) == STORE_DISK_DEAD);
    for (uint64_t id = 3; id < 40; id++) /* memory goes on alone */
        assert_true(object_put(st, id, 4));
    assert_true(!store_settle(st, 100) || on_disk(st) == 4);
    write_errno = 0;
    UNTIL(disk_state(st) == STORE_DISK_UP);
    assert_true(object_put(st, 50, 4));
    UNTIL(object_read(st, 50, 4).good == 4 && on_disk(st) >= 4);
    store_destroy(&st);
}

static void blocks_of_a_disk_that_fails_reads_are_absent(void **state)
{
    const char *path = *state;
    struct store *st =
        disk_store(path, (struct disk_setup){.io = &faulty, .memory_bytes = 8 * MIB});
    push_out(st, 1);
    UNTIL(queued_bytes(st) == 0);
    read_errno = EIO;
    struct object_state s = object_read(st, 1, 4);
    EQ(s.absent, 4);
    UNTIL(disk_state(st) == STORE_DISK_DEAD);
    EQ(object_read(st, 2, 4).absent, 4); /* nobody asks it any more */
    EQ(object_read(st, 2, 4).wrong, 0);
    read_errno = 0;
    UNTIL(disk_state(st) == STORE_DISK_UP);
    EQ(object_read(st, 3, 4).good, 4);
    store_destroy(&st);
}

static void a_full_file_system_keeps_to_what_there_is(void **state)
{
    const char *path = *state;
    struct store *st =
        disk_store(path, (struct disk_setup){.io = &faulty, .memory_bytes = 8 * MIB});
    push_out(st, 1);
    struct store_disk_usage before, after;
    assert_true(store_disk_usage(st, 0, &before));
    allocate_errno = ENOSPC;
    for (uint64_t from = 100; from < 300; from += 20)
        push_out(st, from);
    assert_true(store_disk_usage(st, 0, &after));
    EQ(after.used_bytes, before.used_bytes);
    EQ(after.state, STORE_DISK_UP);
    assert_true(COUNT(st, disk_evicted_blocks) > 0);
    UNTIL(queued_bytes(st) == 0);
    EQ(object_read(st, 299, 4).good, 4);
    store_destroy(&st);
}

static void without_any_room_memory_goes_on_alone(void **state)
{
    const char *path = *state;
    allocate_errno = EDQUOT;
    struct store *st =
        disk_store(path, (struct disk_setup){.io = &faulty, .memory_bytes = 8 * MIB});
    push_out(st, 1);
    UNTIL(queued_bytes(st) == 0);
    EQ(on_disk(st), 0);
    EQ(object_read(st, 20, 4).good, 4);
    store_destroy(&st);
}

static struct store *slow_store(const char *path)
{
    return disk_store(
        path, (struct disk_setup){.io = &faulty, .memory_bytes = 8 * MIB, .slow_ms = SLOW_MS});
}

static void a_slow_disk_is_gone_past(void **state)
{
    const char *path = *state;
    char text[32];
    struct block_view v;
    struct store *st = slow_store(path);
    push_out(st, 1);
    UNTIL(queued_bytes(st) == 0);
    does_hang = true;
    struct store_key key = key_for(text, 1);
    struct object *o = store_select(st, &key, NULL, NULL);
    assert_non_null(o);
    EQ(generation_view(o->generation, 0, &v), ERR_AGAIN);
    usleep(SLOW_MS * 1000 + 200000);
    EQ(generation_view(o->generation, BLOCK, &v), ERR_BUSY); /* at once: what hangs hangs still */
    assert_true(COUNT(st, disk_bypassed) > 0);
    does_hang = false;
    UNTIL(disk_state(st) == STORE_DISK_SLOW);
    object_unref(&o);
    uint64_t id = 0; /* the one that is let through is quick, sooner or later */
    UNTIL((object_read(st, 1 + id++ % 20, 4), disk_state(st) == STORE_DISK_UP));
    UNTIL(object_read(st, 1, 4).good == 4);
    store_destroy(&st);
}

/* Nobody else reads: it is the scrub that finds out. */
static void a_scrub_goes_on_with_a_disk_that_was_slow(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){.io = &faulty});
    assert_true(object_put(st, 1, 4));
    UNTIL(on_disk(st) == 4);
    store_destroy(&st);
    st = disk_store(
        path, (struct disk_setup){.io = &faulty, .scrub_per_s = 2 * BLOCK, .slow_ms = SLOW_MS});
    read_delay_ms = 2 * SLOW_MS;
    UNTIL(disk_state(st) == STORE_DISK_SLOW);
    read_delay_ms = 0;
    UNTIL(disk_state(st) == STORE_DISK_UP);
    store_destroy(&st);
}

static void a_disk_that_fails_at_the_start_is_left_out(void **state)
{
    const char *path = *state;
    struct store_disk_usage u;
    struct store *st = disk_store(path, (struct disk_setup){.io = &faulty});
    assert_true(object_put(st, 1, 4));
    UNTIL(on_disk(st) == 4);
    store_destroy(&st);
    read_errno = EIO;
    st = disk_store(path, (struct disk_setup){.io = &faulty});
    assert_false(store_disk_usage(st, 0, &u));
    struct generation *g = generation_create(st, BLOCK, BLOCK);
    EQ(block_fill(g, 2, 0), 0); /* memory serves */
    EQ(bytes_check(g, 2, 0), 1);
    generation_unref(&g);
    store_destroy(&st);
    read_errno = 0;
    st = disk_store(path, (struct disk_setup){.io = &faulty});
    EQ(object_read(st, 1, 4).good, 4); /* nothing of it was touched */
    store_destroy(&st);
}

static void woken(struct block_waiter *w)
{
    (void)w;
}

/* More blocks than threads: some are being read, some wait for that. */
static void who_waits_for_a_disk_that_hangs_is_sent_past_it(void **state)
{
    const char *path = *state;
    char text[32];
    struct block_view v;
    struct store *st =
        disk_store(path, (struct disk_setup){.io = &faulty, .memory_bytes = 8 * MIB});
    assert_true(object_put(st, 1, 8));
    push_out(st, 2);
    UNTIL(queued_bytes(st) == 0);
    does_hang = true;
    struct store_key key = key_for(text, 1);
    struct object *o = store_select(st, &key, NULL, NULL);
    assert_non_null(o);
    for (int64_t i = 0; i < 8; i++)
        EQ(generation_view(o->generation, i * BLOCK, &v), ERR_AGAIN);
    st->disk_slow_ms = SLOW_MS; /* not before all are asked for, however long that took */
    struct loop *loop = loop_create();
    struct block_waiter waiter = {.home = loop_mailbox(loop), .pos = 0, .woken = woken};
    EQ(generation_wait(o->generation, &waiter), 0);
    for (int64_t i = 0; i < 8; i++)
        UNTIL((store_upkeep(st), generation_view(o->generation, i * BLOCK, &v) == ERR_BUSY));
    assert_true(waiter.is_posted);
    loop_deliver(loop);
    EQ(disk_state(st), STORE_DISK_SLOW);
    does_hang = false;
    UNTIL(bytes_check(o->generation, 1, 0) == 1); /* what hung has come after all */
    UNTIL(bytes_check(o->generation, 1, 7 * BLOCK) == 1);
    object_unref(&o);
    store_destroy(&st);
    loop_destroy(&loop);
}

/* In a process of its own: what hangs is left behind, and an end that hangs is ended. */
static void a_disk_that_hangs_does_not_hold_up_the_end(void **state)
{
    const char *path = *state;
    char text[32];
    struct block_view v;
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        struct store *st =
            disk_store(path, (struct disk_setup){.io = &faulty, .memory_bytes = 8 * MIB});
        assert_true(object_put(st, 1, 8));
        push_out(st, 2);
        does_hang = true;
        struct store_key key = key_for(text, 1);
        struct object *o = store_select(st, &key, NULL, NULL);
        for (int64_t i = 0; i < 8; i++)
            EQ(generation_view(o->generation, i * BLOCK, &v), ERR_AGAIN);
        object_unref(&o);
        store_destroy(&st);
        _exit(st == NULL ? 0 : 1);
    }
    int status;
    EQ(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULTY(a_disk_that_fails_writes_is_dead_until_it_is_well),
        FAULTY(blocks_of_a_disk_that_fails_reads_are_absent),
        FAULTY(a_full_file_system_keeps_to_what_there_is),
        FAULTY(without_any_room_memory_goes_on_alone),
        FAULTY(a_slow_disk_is_gone_past),
        FAULTY(a_scrub_goes_on_with_a_disk_that_was_slow),
        FAULTY(a_disk_that_fails_at_the_start_is_left_out),
        FAULTY(who_waits_for_a_disk_that_hangs_is_sent_past_it),
        FAULTY(a_disk_that_hangs_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
