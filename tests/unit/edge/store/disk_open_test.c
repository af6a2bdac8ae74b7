/* SPDX-License-Identifier: MIT */

/* A disk whose older segments are not read before the test lets them be. */
#include "tests/unit/edge/store/disk_help.h"

#include "edge/store/disk_format.h"
#include "lib/base/log.h"
#include "lib/base/whole_file.h"

#include <limits.h>

#define FOOT_AT (8 * MIB - DISK_PAGE)
#define EACH    4 /* blocks of an object */
#define OBJECTS 30

#define SMALL_ONES 10000 /* their heads are more than 4 MiB */

static _Atomic int feet, slow_ms;
static _Atomic bool is_open;

/* The first thing that is read of a segment after its first page is its last one. */
static ssize_t gated_read(int fd, const struct iovec *to, int count, off_t at)
{
    if (at == FOOT_AT && slow_ms > 0)
        usleep((unsigned)slow_ms * 1000);
    if (at == FOOT_AT && ++feet > 1) {
        while (!is_open)
            usleep(1000);
    }
    return disk_io_system.read(fd, to, count, at);
}

static struct disk_setup gated(struct disk_io *io)
{
    *io = disk_io_system;
    io->read = gated_read;
    feet = slow_ms = 0;
    is_open = false;
    return (struct disk_setup){.io = io};
}

static void fill_disk(const char *path)
{
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= OBJECTS; id++)
        assert_true(object_put(st, id, EACH));
    store_destroy(&st);
}

static uint32_t unread(const struct store *st)
{
    struct store_disk_usage u;
    assert_true(store_disk_usage(st, 0, &u));
    return u.unread_segments;
}

/* An object under the key of `number`, with the bytes of `id`. Referenced. */
static struct object *put_as(struct store *st, uint64_t number, uint64_t id)
{
    char text[32];
    struct store_key key = key_for(text, number);
    struct generation *g = generation_create(st, EACH * BLOCK - 7, BLOCK);
    struct object *o = object_for(st, &key, g, id);
    EQ(store_insert(st, o, store_moment(st)), 0);
    for (int64_t i = 0; i < EACH; i++)
        EQ(block_fill(g, id, i), 0);
    generation_unref(&g);
    return o;
}

static bool is_there(struct store *st, uint64_t number, uint64_t id)
{
    char text[32];
    struct store_key key = key_for(text, number);
    struct object *o = store_select(st, &key, NULL, NULL);
    if (o == NULL)
        return false;
    for (int64_t i = 0; i < EACH; i++)
        EQ(bytes_check(o->generation, id, i * BLOCK), 1);
    object_unref(&o);
    return true;
}

static void the_newest_is_there_before_the_rest_is_read(void **state)
{
    const char *path = *state;
    struct disk_io io;
    fill_disk(path);
    struct store *st = disk_store_opening(path, gated(&io));
    UNTIL(is_there(st, OBJECTS, OBJECTS));
    assert_false(is_there(st, 1, 1));
    assert_true(unread(st) > 0);
    is_open = true;
    assert_true(store_wait_open(st, PATIENCE_S * 1000));
    EQ(unread(st), 0);
    for (uint64_t id = 1; id <= OBJECTS; id++)
        assert_true(is_there(st, id, id));
    EQ(COUNT(st, recovered_objects), OBJECTS);
    EQ(COUNT(st, recovered_blocks), OBJECTS * EACH);
    store_destroy(&st);
}

/* 1: as it was. 2: purged by key. 3: replaced. 4: replaced, and that is gone too. */
static void check_changes(struct store *st)
{
    assert_true(is_there(st, 1, 1));
    assert_false(is_there(st, 2, 2));
    assert_true(is_there(st, 3, 103));
    assert_false(is_there(st, 4, 4));
    assert_true(is_there(st, 5, 5));
}

static void what_happens_meanwhile_is_younger_than_what_is_read(void **state)
{
    const char *path = *state;
    char text[32];
    struct disk_io io;
    fill_disk(path);
    struct store *st = disk_store_opening(path, gated(&io));
    struct store_key key = key_for(text, 2);
    EQ(store_purge(st, &key, false), 0);
    struct object *three = put_as(st, 3, 103), *four = put_as(st, 4, 104);
    store_remove(st, four);
    object_unref(&three);
    object_unref(&four);
    is_open = true;
    assert_true(store_wait_open(st, PATIENCE_S * 1000));
    check_changes(st);
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    check_changes(st);
    store_destroy(&st);
}

static void a_purge_of_many_meets_what_is_not_read_yet(void **state)
{
    const char *path = *state;
    struct disk_io io;
    fill_disk(path);
    struct store *st = disk_store_opening(path, gated(&io));
    store_purge_many(st, &(struct purge_scope){.kind = PURGE_SITE, .site = SPAN("site")}, false);
    is_open = true;
    assert_true(store_wait_open(st, PATIENCE_S * 1000));
    for (uint64_t id = 1; id <= OBJECTS; id++)
        assert_false(is_there(st, id, id));
    store_destroy(&st);
}

static void a_stop_while_it_is_read_loses_nothing(void **state)
{
    const char *path = *state;
    struct disk_io io;
    fill_disk(path);
    struct store *st = disk_store_opening(path, gated(&io));
    is_open = true;
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= OBJECTS; id++)
        assert_true(is_there(st, id, id));
    store_destroy(&st);
}

/* What is written meanwhile needs a segment, and none is given up before all are known. */
static void a_full_disk_gives_nothing_up_before_it_is_read(void **state)
{
    const char *path = *state;
    struct disk_io io;
    fill_disk(path);
    struct store *st = disk_store_opening(path, gated(&io));
    for (uint64_t id = 201; id <= 204; id++) {
        struct object *o = put_as(st, id, id);
        object_unref(&o);
    }
    EQ(COUNT(st, disk_evicted_blocks), 0);
    is_open = true;
    assert_true(store_wait_open(st, PATIENCE_S * 1000));
    for (uint64_t id = 205; id <= 260; id++)
        assert_true(object_put(st, id, EACH));
    UNTIL(COUNT(st, disk_evicted_blocks) > 0);
    assert_true(is_there(st, 260, 260));
    store_destroy(&st);
}

static struct store *open_two(const char *a, const char *b, double weight, struct disk_io *io)
{
    struct store *st;
    struct buf why;
    const struct store_disk disks[2] = {
        {.path = a, .size_bytes = 64 * MIB, .weight = 1, .io = io},
        {.path = b, .size_bytes = 64 * MIB, .weight = weight, .io = io}};
    struct store_config config = {.memory_bytes = 32 * MIB,
                                  .block_max_bytes = BLOCK,
                                  .disks = disks,
                                  .disk_count = 2,
                                  .disk_admission = STORE_ADMIT_ALL,
                                  .disk_slow_ms = 10 * PATIENCE_S * 1000};
    buf_init(&why, 1000);
    EQ(store_create(&st, &config, &why), 0);
    buf_finish(&why);
    return st;
}

static uint32_t unread_of_two(const struct store *st)
{
    struct store_disk_usage u;
    assert_true(store_disk_usage(st, 1, &u));
    return unread(st) + u.unread_segments;
}

/* Among the same disks each has its own keys; where a weight is another one, what is of which is
 * known when all of both is read. */
static void disks_are_served_early_where_they_have_their_own_keys_alone(void **state)
{
    const char *path = *state;
    char a[80], b[80];
    struct disk_io io;
    snprintf(a, sizeof(a), "%s/a", path);
    snprintf(b, sizeof(b), "%s/b", path);
    struct store *st = open_two(a, b, 1, NULL);
    for (uint64_t id = 1; id <= 2 * OBJECTS; id++)
        assert_true(object_put(st, id, EACH));
    store_destroy(&st);

    gated(&io);
    st = open_two(a, b, 1, &io);
    assert_true(unread_of_two(st) > 0);
    is_open = true;
    assert_true(store_wait_open(st, PATIENCE_S * 1000));
    store_destroy(&st);

    slow_ms = 150;
    for (int round = 0; round < 2; round++) { /* what moved makes the next start wait as well */
        st = open_two(a, b, 0.1, &io);
        EQ(unread_of_two(st), 0);
        EQ(COUNT(st, recovered_objects), 2 * OBJECTS);
        store_destroy(&st);
    }
    slow_ms = 0;
}

static void small_put(struct store *st, uint64_t id)
{
    char text[32];
    struct store_key key = key_for(text, id);
    struct generation *g = generation_create(st, 100, BLOCK);
    struct object *o = object_for(st, &key, g, id);
    EQ(store_insert(st, o, store_moment(st)), 0);
    EQ(block_fill(g, id, 0), 0);
    object_unref(&o);
    generation_unref(&g);
}

static void what_memory_has_no_room_to_know_is_counted(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= SMALL_ONES; id++)
        small_put(st, id);
    UNTIL(on_disk(st) == SMALL_ONES);
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){.memory_bytes = 4 * MIB});
    assert_true(COUNT(st, forgotten_objects) > 0 && COUNT(st, recovered_objects) > 1000);
    EQ(COUNT(st, forgotten_objects) + COUNT(st, recovered_objects), SMALL_ONES);
    EQ(COUNT(st, forgotten_blocks) + COUNT(st, recovered_blocks), COUNT(st, recovered_objects));
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    EQ(COUNT(st, forgotten_objects), 0);
    EQ(COUNT(st, recovered_blocks), SMALL_ONES); /* the disk has them all still */
    store_destroy(&st);
}

static void that_objects_leave_for_want_of_room_for_heads_is_told_once(void **state)
{
    static const char event[] = "disk-forgets";
    const char *path = *state;
    char log[PATH_MAX];
    struct sink *sink;
    struct buf text;
    snprintf(log, sizeof(log), "%s.log", path);
    EQ(sink_open(&sink, log, MIB), 0);
    log_start(sink);
    struct store *st = disk_store(path, (struct disk_setup){.memory_bytes = 4 * MIB});
    for (uint64_t id = 1; id <= SMALL_ONES; id++)
        small_put(st, id);
    assert_true(COUNT(st, evicted_objects) > 1);
    store_destroy(&st);
    log_start(NULL);
    sink_close(&sink);
    buf_init(&text, MIB);
    EQ(whole_file_read(log, &text), 0);
    buf_add_char(&text, '\0');
    const char *first = strstr(text.p, event);
    assert_non_null(first);
    assert_null(strstr(first + 1, event));
    buf_finish(&text);
    unlink(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(that_objects_leave_for_want_of_room_for_heads_is_told_once),
        IN_FOLDER(the_newest_is_there_before_the_rest_is_read),
        IN_FOLDER(what_happens_meanwhile_is_younger_than_what_is_read),
        IN_FOLDER(a_purge_of_many_meets_what_is_not_read_yet),
        IN_FOLDER(a_stop_while_it_is_read_loses_nothing),
        IN_FOLDER(disks_are_served_early_where_they_have_their_own_keys_alone),
        IN_FOLDER(what_memory_has_no_room_to_know_is_counted),
        IN_FOLDER(a_full_disk_gives_nothing_up_before_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
