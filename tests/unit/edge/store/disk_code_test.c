/* SPDX-License-Identifier: MIT */
#include "tests/unit/edge/store/disk_damage.h"

#include <signal.h>
#include <sys/wait.h>

#define CODING  ((struct disk_setup){.code_level = 1})
#define TEXT(n) ((uint64_t)(n) | ID_TEXT)

static void put_all(struct store *st, uint64_t first, uint64_t last, int64_t blocks)
{
    uint64_t all = COUNT(st, disk_written_blocks) + (last - first + 1) * (uint64_t)blocks;
    for (uint64_t id = first; id <= last; id++)
        assert_true(object_put(st, id, blocks));
    UNTIL(COUNT(st, disk_written_blocks) == all);
}

static bool is_read_as(struct store *st, uint64_t id, struct object_state want)
{
    struct object_state s = object_read(st, id, want.good + want.absent);
    EQ(s.found, 1);
    EQ(s.wrong, 0);
    return s.good == want.good && s.absent == want.absent;
}

/* All of them whole, or with all blocks absent. A disk that was slow is passed by. */
static void read_all(struct store *st, uint64_t first, uint64_t last, struct object_state want)
{
    for (uint64_t id = first; id <= last; id++)
        UNTIL(is_read_as(st, id, want));
}
#define GOOD(n)   ((struct object_state){.good = (n)})
#define ABSENT(n) ((struct object_state){.absent = (n)})

static unsigned label_version(const char *path)
{
    char name[128];
    unsigned version = 0;
    snprintf(name, sizeof(name), "%s/byeori-disk", path);
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    EQ(fscanf(f, "byeori-disk %u", &version), 1);
    fclose(f);
    return version;
}

static void text_lies_coded_and_comes_back(void **state)
{
    const char *path = *state;
    struct store *st =
        disk_store(path, (struct disk_setup){.memory_bytes = 16 * MIB, .code_level = 1});
    put_all(st, TEXT(1), TEXT(30), 4);
    EQ(COUNT(st, disk_coded_blocks), 120);
    EQ(COUNT(st, disk_code_refused), 0);
    assert_true(COUNT(st, disk_coded_saved_bytes) > 60 * (uint64_t)BLOCK);
    assert_true(COUNT(st, disk_written_bytes) < 60 * (uint64_t)BLOCK);
    assert_true(COUNT(st, disk_coding_ns) > 0);
    read_all(st, TEXT(1), TEXT(30), GOOD(4)); /* half of them from the disk */
    assert_true(COUNT(st, disk_read_blocks) > 0 && COUNT(st, disk_decoding_ns) > 0);
    EQ(COUNT(st, disk_corrupt), 0);
    store_destroy(&st);
}

static void it_comes_back_where_nothing_is_coded_any_more(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, CODING);
    put_all(st, TEXT(1), TEXT(10), 3);
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){.scrub_per_s = 1024 * MIB});
    EQ(COUNT(st, recovered_blocks), 30);
    read_all(st, TEXT(1), TEXT(10), GOOD(3));
    put_all(st, TEXT(11), TEXT(12), 3);
    EQ(COUNT(st, disk_coded_blocks), 0);
    UNTIL(COUNT(st, disk_scrub_rounds) > 0);
    EQ(COUNT(st, disk_corrupt), 0);
    store_destroy(&st);
}

static void what_does_not_pay_lies_as_it_came_and_is_not_asked_for_long(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, CODING);
    put_all(st, 1, 2, 12);
    EQ(COUNT(st, disk_coded_blocks), 0);
    EQ(COUNT(st, disk_code_refused), 2 * 4);
    put_all(st, TEXT(3), TEXT(3), 12);
    EQ(COUNT(st, disk_coded_blocks), 12);
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    read_all(st, 1, 2, GOOD(12));
    read_all(st, TEXT(3), TEXT(3), GOOD(12));
    store_destroy(&st);
}

static atomic_bool is_shut;

static ssize_t gated_write(int fd, const void *from, size_t n, off_t at)
{
    while (atomic_load(&is_shut))
        usleep(1000);
    return disk_io_system.write(fd, from, n, at);
}

/* Of 6 MiB that wait, 4 are half of what may: the writer codes none before 8 blocks are written. */
static void a_writer_who_lags_codes_nothing(void **state)
{
    struct disk_io io = disk_io_system;
    const char *path = *state;
    char text[32];
    io.write = gated_write;
    struct store *st = disk_store(path, (struct disk_setup){.io = &io, .code_level = 1});
    struct store_key key = key_for(text, TEXT(1));
    struct generation *g = generation_create(st, 24 * BLOCK, BLOCK);
    struct object *o = object_for(st, &key, g, TEXT(1));
    EQ(store_insert(st, o, store_moment(st)), 0);
    atomic_store(&is_shut, true);
    for (int64_t i = 0; i < 24; i++)
        EQ(block_fill(g, TEXT(1), i), 0);
    EQ(queued_bytes(st), 24 * BLOCK);
    atomic_store(&is_shut, false);
    UNTIL(COUNT(st, disk_written_blocks) == 24);
    assert_true(COUNT(st, disk_coded_blocks) > 0 && COUNT(st, disk_coded_blocks) <= 16);
    EQ(COUNT(st, disk_code_refused), 0);
    object_unref(&o);
    generation_unref(&g);
    store_destroy(&st);
}

static void without_summaries_the_records_of_both_kinds_tell(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, CODING);
    put_all(st, 1, 5, 2);
    put_all(st, TEXT(1), TEXT(10), 2);
    put_all(st, 6, 10, 2);
    store_destroy(&st);
    feet_remove(path);
    st = disk_store(path, CODING);
    EQ(COUNT(st, recovered_blocks), 40);
    read_all(st, 1, 10, GOOD(2));
    read_all(st, TEXT(1), TEXT(10), GOOD(2));
    store_destroy(&st);
}

static void what_was_written_coded_outlives_a_kill(void **state)
{
    const char *path = *state;
    pid_t child = fork();
    if (child == 0) {
        struct store *st = disk_store(path, CODING);
        for (uint64_t id = 1; id <= 40; id++)
            object_put(st, TEXT(id), 4);
        while (on_disk(st) < 160)
            usleep(1000);
        raise(SIGKILL);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    for (int round = 0; round < 2; round++) {
        struct store *st = disk_store(path, CODING);
        EQ(COUNT(st, recovered_blocks), 160);
        read_all(st, TEXT(1), TEXT(40), GOOD(4));
        store_destroy(&st);
    }
}

static void a_flipped_byte_costs_its_block(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, CODING);
    put_all(st, TEXT(1), TEXT(10), 4);
    store_destroy(&st);
    EQ(blocks_flip(path, true), 40);
    st = disk_store(path, CODING);
    put_all(st, TEXT(11), TEXT(11), 4);
    read_all(st, TEXT(1), TEXT(10), ABSENT(4));
    EQ(COUNT(st, disk_corrupt), 40);
    EQ(on_disk(st), 4);
    store_destroy(&st);
    st = disk_store(path, CODING);
    read_all(st, TEXT(11), TEXT(11), GOOD(4));
    store_destroy(&st);
}

static void a_flipped_record_is_not_taken_for_another(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, CODING);
    put_all(st, TEXT(1), TEXT(10), 4);
    store_destroy(&st);
    EQ(blocks_flip(path, false), 40); /* summaries are whole */
    st = disk_store(path, CODING);
    EQ(COUNT(st, recovered_blocks), 40);
    read_all(st, TEXT(1), TEXT(10), ABSENT(4));
    EQ(COUNT(st, disk_corrupt), 40);
    store_destroy(&st);
    feet_remove(path);
    st = disk_store(path, CODING);
    EQ(COUNT(st, recovered_blocks), 0);
    store_destroy(&st);
}

static void the_scrub_finds_flipped_bytes(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, CODING);
    put_all(st, TEXT(1), TEXT(10), 4);
    store_destroy(&st);
    EQ(blocks_flip(path, true), 40);
    st = disk_store(path, (struct disk_setup){.scrub_per_s = 1024 * MIB});
    UNTIL(COUNT(st, disk_scrub_rounds) == 1);
    EQ(COUNT(st, disk_scrub_damaged), 40);
    EQ(on_disk(st), 0);
    store_destroy(&st);
}

static void what_is_read_again_is_moved_as_it_lies(void **state)
{
    const char *path = *state;
    struct disk_setup setup = {.size_bytes = 32 * MIB, .memory_bytes = 8 * MIB, .code_level = 1};
    struct store *st = disk_store(path, setup);
    put_all(st, TEXT(1), TEXT(1), 4);
    for (uint64_t id = 1; id < 80; id += 10) {
        put_all(st, id, id + 9, 4);
        read_all(st, TEXT(1), TEXT(1), GOOD(4)); /* rarely enough to have left memory */
    }
    assert_true(COUNT(st, disk_moved_bytes) > 0);
    EQ(COUNT(st, disk_coded_blocks), 4);
    store_destroy(&st);
    setup.code_level = 0;
    st = disk_store(path, setup);
    read_all(st, TEXT(1), TEXT(1), GOOD(4));
    EQ(COUNT(st, disk_corrupt), 0);
    store_destroy(&st);
}

static void a_folder_of_the_first_format_is_written_on(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    put_all(st, TEXT(1), TEXT(5), 4);
    store_destroy(&st);
    EQ(label_version(path), 1);
    st = disk_store(path, CODING);
    EQ(label_version(path), 2);
    read_all(st, TEXT(1), TEXT(5), GOOD(4));
    put_all(st, TEXT(6), TEXT(10), 4);
    EQ(COUNT(st, disk_coded_blocks), 20);
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    EQ(label_version(path), 2); /* what is coded may lie there still */
    read_all(st, TEXT(1), TEXT(10), GOOD(4));
    store_destroy(&st);
}

static void a_spot_has_room_for_every_payload(void **state)
{
    (void)state;
    for (uint32_t bytes = 65; bytes < 3000000; bytes += bytes / 7 + 1) {
        for (uint32_t length = 1; length <= bytes / 64 * 63; length += length / 5 + 1) {
            struct disk_record r = {.kind = DISK_CODED, .length = length, .at = 0x3fffffc0};
            r.plain.bytes = bytes;
            uint32_t spot = disk_spot(&r), room = disk_spot_bytes(spot, bytes);
            assert_true(disk_spot_is_coded(spot) && disk_spot_at(spot) == r.at);
            assert_true(room >= length && room <= length + bytes / 64 + 1);
        }
    }
    struct disk_record plain = {.kind = DISK_BLOCK, .length = 77, .at = 4096};
    assert_false(disk_spot_is_coded(disk_spot(&plain)));
    EQ(disk_spot_at(disk_spot(&plain)), 4096);
    EQ(disk_spot_bytes(disk_spot(&plain), 77), 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(text_lies_coded_and_comes_back),
        IN_FOLDER(it_comes_back_where_nothing_is_coded_any_more),
        IN_FOLDER(what_does_not_pay_lies_as_it_came_and_is_not_asked_for_long),
        IN_FOLDER(a_writer_who_lags_codes_nothing),
        IN_FOLDER(without_summaries_the_records_of_both_kinds_tell),
        IN_FOLDER(what_was_written_coded_outlives_a_kill),
        IN_FOLDER(a_flipped_byte_costs_its_block),
        IN_FOLDER(a_flipped_record_is_not_taken_for_another),
        IN_FOLDER(the_scrub_finds_flipped_bytes),
        IN_FOLDER(what_is_read_again_is_moved_as_it_lies),
        IN_FOLDER(a_folder_of_the_first_format_is_written_on),
        cmocka_unit_test(a_spot_has_room_for_every_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
