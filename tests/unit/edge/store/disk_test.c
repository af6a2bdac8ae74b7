/* SPDX-License-Identifier: MIT */
#include "tests/unit/edge/store/disk_damage.h"

#include "edge/store/disks.h"

#include <signal.h>
#include <sys/wait.h>

static void a_block_that_left_memory_comes_back_from_the_disk(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){.memory_bytes = 8 * MIB});
    for (uint64_t id = 1; id <= 12; id++) {
        assert_true(object_put(st, id, 8));
        UNTIL(on_disk(st) == (int64_t)id * 8);
    }
    struct store_usage u;
    store_usage(st, &u);
    assert_true(u.memory_bytes <= 8 * MIB);
    assert_true(u.blocks < 12 * 8);
    for (uint64_t id = 1; id <= 12; id++) {
        struct object_state s = object_read(st, id, 8);
        EQ(s.good, 8);
    }
    assert_true(COUNT(st, disk_read_blocks) > 0);
    EQ(COUNT(st, evicted_blocks), 0);
    EQ(COUNT(st, disk_corrupt), 0);
    store_destroy(&st);
}

static void what_is_asked_for_once_is_not_written(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){.takes_used = true});
    assert_true(object_put(st, 1, 4));
    assert_true(object_put(st, 2, 4));
    EQ(object_read(st, 2, 4).good, 4);
    UNTIL(on_disk(st) == 4);
    UNTIL(COUNT(st, disk_written_blocks) == 4);
    store_destroy(&st);
}

static void a_disk_is_filled_once_and_then_waits_for_proof(void **state)
{
    const char *path = *state;
    struct disk_setup setup = {.size_bytes = 32 * MIB, .takes_proven = true};
    struct store *st = disk_store(path, setup);
    const struct disk *d = disks_at(st->disks, 0);
    uint64_t id = 1;
    for (; disk_has_room(d); id++) {
        assert_true(object_put(st, id, 4));
        UNTIL(atomic_load(&d->queued_bytes) == 0);
    }
    assert_true(COUNT(st, disk_written_blocks) > 64 && COUNT(st, disk_written_blocks) <= 128);
    int64_t held = on_disk(st); /* all but the segment that has to be free again */
    uint64_t written = COUNT(st, disk_written_blocks);
    assert_true(held > 32);
    for (uint64_t end = id + 8; id < end; id++)
        assert_true(object_put(st, id, 4));
    EQ(atomic_load(&d->queued_bytes), 0);
    EQ(COUNT(st, disk_written_blocks), written);
    store_destroy(&st);

    st = disk_store(path, setup); /* full from its start on */
    assert_true(on_disk(st) >= held);
    assert_true(object_put(st, id, 4));
    EQ(atomic_load(&disks_at(st->disks, 0)->queued_bytes), 0);
    EQ(object_read(st, id, 4).good, 4);
    EQ(object_read(st, id, 4).good, 4);
    UNTIL(COUNT(st, disk_written_blocks) >= 4);
    store_destroy(&st);
}

static void everything_comes_back_after_a_stop(void **state)
{
    const char *path = *state;
    char text[32];
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 10; id++)
        assert_true(object_put(st, id, 3));
    store_destroy(&st);

    st = disk_store(path, (struct disk_setup){0});
    EQ(COUNT(st, recovered_objects), 10);
    EQ(COUNT(st, recovered_blocks), 30);
    for (uint64_t id = 1; id <= 10; id++)
        EQ(object_read(st, id, 3).good, 3);
    struct store_key key = key_for(text, 4);
    struct object *o = store_select(st, &key, NULL, NULL);
    assert_true(span_eq(object_site(o), SPAN("site")));
    assert_true(span_eq(object_validators(o).etag, SPAN("\"v1\"")));
    EQ(o->status, 200);
    EQ(object_stored_wall(o), 4);
    struct freshness freshness;
    object_freshness(o, &freshness);
    EQ(freshness.lifetime_ms, 60000);
    struct fields fields = object_fields(o);
    EQ(fields.count, 2);
    assert_true(span_eq(fields_value(&fields, FIELD_CONTENT_TYPE), SPAN("text/plain")));
    EQ(generation_length(o->generation), 3 * BLOCK - 7);
    object_unref(&o);
    store_destroy(&st);
}

static void what_was_written_outlives_a_kill(void **state)
{
    const char *path = *state;
    pid_t child = fork();
    if (child == 0) {
        struct store *st = disk_store(path, (struct disk_setup){.size_bytes = 64 * MIB});
        for (uint64_t id = 1; id <= 40; id++)
            object_put(st, id, 4);
        while (on_disk(st) < 160)
            usleep(1000);
        raise(SIGKILL);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    for (int round = 0; round < 2; round++) {
        struct store *st = disk_store(path, (struct disk_setup){.size_bytes = 64 * MIB});
        int64_t good = 0;
        for (uint64_t id = 1; id <= 40; id++) {
            struct object_state s = object_read(st, id, 4);
            good += s.good;
            EQ(s.wrong, 0);
        }
        EQ(good, 160);
        store_destroy(&st);
    }
}

static void what_was_removed_does_not_come_back(void **state)
{
    const char *path = *state;
    char text[32];
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 3; id++)
        assert_true(object_put(st, id, 2));
    UNTIL(on_disk(st) == 6);
    struct store_key key = key_for(text, 2);
    EQ(store_purge(st, &key, false), 1);
    struct generation *g = generation_create(st, 2 * BLOCK, BLOCK);
    key = key_for(text, 3);
    struct object *newer = object_for(st, &key, g, 1003);
    EQ(store_insert(st, newer, store_moment(st)), 0);
    object_unref(&newer);
    generation_unref(&g);
    store_destroy(&st);

    st = disk_store(path, (struct disk_setup){0});
    EQ(object_read(st, 1, 2).good, 2);
    EQ(object_read(st, 2, 2).found, 0);
    EQ(object_read(st, 3, 2).found, 0);
    store_destroy(&st);
}

/* A purge by a mark, none of whose objects was looked up before the end. */
static void a_purge_of_many_outlives_a_kill(void **state)
{
    const char *path = *state;
    pid_t child = fork();
    if (child == 0) {
        struct store *st = disk_store(path, (struct disk_setup){0});
        for (uint64_t id = 1; id <= 6; id++)
            object_put(st, id, 2);
        while (on_disk(st) < 12)
            usleep(1000);
        store_purge_many(st, &(struct purge_scope){.kind = PURGE_SITE, .site = SPAN("site")},
                         false);
        object_put(st, 100, 2);
        while (on_disk(st) < 14)
            usleep(1000);
        store_purge_many(st, &(struct purge_scope){.kind = PURGE_SITE, .site = SPAN("other")},
                         false);
        if (store_settle(st, PATIENCE_S * 1000))
            raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    for (int round = 0; round < 2; round++) {
        struct store *st = disk_store(path, (struct disk_setup){0});
        for (uint64_t id = 1; id <= 6; id++)
            EQ(object_read(st, id, 2).found, 0);
        EQ(object_read(st, 100, 2).good, 2);
        store_destroy(&st);
    }
}

static void a_soft_purge_is_still_one_after_a_restart(void **state)
{
    const char *path = *state;
    char text[32];
    struct store *st = disk_store(path, (struct disk_setup){0});
    assert_true(object_put(st, 1, 2));
    UNTIL(on_disk(st) == 2);
    store_purge_many(st, &(struct purge_scope){.kind = PURGE_ALL}, true);
    assert_true(store_settle(st, PATIENCE_S * 1000));
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    struct store_key key = key_for(text, 1);
    struct object *o = store_select(st, &key, NULL, NULL);
    assert_true(o != NULL && object_is(o, OBJECT_SOFT_PURGED));
    object_unref(&o);
    store_destroy(&st);
}

static void tags_mean_the_same_after_a_restart(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    assert_true(object_put(st, 1, 2));
    UNTIL(on_disk(st) == 2);
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){0});
    EQ(object_read(st, 1, 2).good, 2);
    store_purge_many(st, &(struct purge_scope){.kind = PURGE_TAG, .value = SPAN("tag")}, false);
    EQ(object_read(st, 1, 2).found, 0);
    store_destroy(&st);
}

static void a_full_disk_lets_the_oldest_go(void **state)
{
    const char *path = *state;
    struct disk_setup setup = {.size_bytes = 32 * MIB, .memory_bytes = 8 * MIB};
    struct store *st = disk_store(path, setup);
    for (uint64_t id = 1; id <= 60; id++) {
        assert_true(object_put(st, id, 4));
        UNTIL(COUNT(st, disk_written_blocks) >= id * 4);
    }
    struct store_disk_usage u;
    assert_true(store_disk_usage(st, 0, &u));
    assert_true(u.used_bytes <= 32 * MIB);
    assert_true(COUNT(st, disk_evicted_blocks) > 0);
    EQ(object_read(st, 60, 4).good, 4);
    EQ(object_read(st, 1, 4).good, 0);
    int64_t had = on_disk(st);
    assert_true(had > 0 && had <= 128);
    store_destroy(&st);
    st = disk_store(path, setup);
    assert_true(on_disk(st) >= had); /* what was given up, and not yet written over, is back */
    for (uint64_t id = 1; id <= 60; id++)
        EQ(object_read(st, id, 4).wrong, 0);
    store_destroy(&st);
}

static void what_is_read_again_outlives_its_segment(void **state)
{
    const char *path = *state;
    struct disk_setup setup = {.size_bytes = 32 * MIB, .memory_bytes = 8 * MIB};
    struct store *st = disk_store(path, setup);
    for (uint64_t id = 1; id <= 80; id++) {
        assert_true(object_put(st, id, 4));
        UNTIL(COUNT(st, disk_written_blocks) >= id * 4);
        if (id % 10 == 0) /* rarely enough to have left memory */
            EQ(object_read(st, 1, 4).good, 4);
    }
    assert_true(COUNT(st, disk_moved_bytes) > 0);
    store_destroy(&st);
    st = disk_store(path, setup);
    EQ(object_read(st, 1, 4).good, 4);
    store_destroy(&st);
}

/* What lies in the first segment, and is read more often than the disk is filled. */
static void read_hot(struct store *st)
{
    static const uint64_t hot[] = {1, 2, 4, 5, 6, 7};
    for (size_t i = 0; i < ARRAY_LEN(hot); i++)
        UNTIL(object_read(st, hot[i], 4).good == 4); /* a disk that was slow is passed by */
}

/* Object 3 lies there too, and is purged. */
static void a_segment_in_use_stays_and_purges_still_hold(void **state)
{
    const char *path = *state;
    char text[32];
    struct disk_setup setup = {.size_bytes = 64 * MIB, .memory_bytes = 8 * MIB};
    struct store *st = disk_store(path, setup);
    uint64_t blocks = 0;
    for (uint64_t id = 1; id <= 150; id++) {
        int64_t count = id == 3 ? 1 : 4;
        blocks += (uint64_t)count;
        assert_true(object_put(st, id, count));
        UNTIL(COUNT(st, disk_written_blocks) >= blocks);
        struct store_key key = key_for(text, 3);
        if (id == 10)
            EQ(store_purge(st, &key, false), 1);
        if (id % 10 == 0)
            read_hot(st);
    }
    assert_true(COUNT(st, disk_evicted_blocks) > 0);
    EQ(COUNT(st, disk_moved_bytes), 0);
    store_destroy(&st);
    st = disk_store(path, setup);
    read_hot(st);
    EQ(object_read(st, 3, 1).found, 0);
    store_destroy(&st);
}

static void a_flipped_byte_is_never_given(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 10; id++)
        assert_true(object_put(st, id, 4));
    store_destroy(&st);
    EQ(blocks_flip(path, true), 40);
    st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 10; id++)
        EQ(object_read(st, id, 4).absent, 4);
    EQ(COUNT(st, disk_corrupt), 40);
    EQ(on_disk(st), 0);
    store_destroy(&st);
}

static void the_scrub_finds_flipped_bytes_before_anybody_asks(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 10; id++)
        assert_true(object_put(st, id, 4));
    store_destroy(&st);
    EQ(blocks_flip(path, true), 40);
    st = disk_store(path, (struct disk_setup){.scrub_per_s = 1024 * MIB});
    EQ(COUNT(st, recovered_blocks), 40); /* not on_disk: the scrub is at work already */
    UNTIL(COUNT(st, disk_scrub_rounds) == 1);
    EQ(COUNT(st, disk_scrubbed_blocks), 40);
    EQ(COUNT(st, disk_scrub_damaged), 40);
    EQ(COUNT(st, disk_corrupt), 40);
    EQ(on_disk(st), 0);
    for (uint64_t id = 1; id <= 10; id++)
        EQ(object_read(st, id, 4).absent, 4);
    EQ(COUNT(st, disk_corrupt), 40);
    store_destroy(&st);
}

static void the_scrub_keeps_to_its_rate_and_leaves_what_is_well(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 4; id++)
        assert_true(object_put(st, id, 4));
    store_destroy(&st);
    msec_t began = clock_mono_ms();
    st = disk_store(path, (struct disk_setup){.scrub_per_s = 8 * MIB});
    UNTIL(COUNT(st, disk_scrub_rounds) == 1); /* 4 MiB */
    assert_true(clock_mono_ms() - began >= 350);
    EQ(COUNT(st, disk_scrubbed_blocks), 16);
    EQ(COUNT(st, disk_corrupt), 0);
    EQ(object_read(st, 4, 4).good, 4);
    store_destroy(&st);
}

static void without_summaries_the_records_tell(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 20; id++)
        assert_true(object_put(st, id, 4));
    store_destroy(&st);
    feet_remove(path);
    st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 20; id++)
        EQ(object_read(st, id, 4).good, 4);
    store_destroy(&st);
}

static void a_torn_record_costs_itself(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){0});
    for (uint64_t id = 1; id <= 20; id++) {
        assert_true(object_put(st, id, 4));
        UNTIL(on_disk(st) == (int64_t)id * 4);
    }
    store_destroy(&st);
    feet_remove(path);
    EQ(blocks_flip(path, false), 80);
    st = disk_store(path, (struct disk_setup){0});
    EQ(COUNT(st, recovered_blocks), 0);
    EQ(COUNT(st, recovered_objects), 20); /* their heads are whole */
    for (uint64_t id = 1; id <= 20; id++)
        EQ(object_read(st, id, 4).absent, 4);
    store_destroy(&st);
}

static void another_format_is_refused_until_reformatted(void **state)
{
    const char *path = *state;
    char name[128];
    struct store *st;
    struct buf why;
    st = disk_store(path, (struct disk_setup){0});
    assert_true(object_put(st, 1, 4));
    store_destroy(&st);
    snprintf(name, sizeof(name), "%s/byeori-disk", path);
    int fd = open(name, O_WRONLY | O_TRUNC);
    assert_true(write(fd, "byeori-disk 99 x=1\n", 19) == 19);
    close(fd);
    buf_init(&why, 1000);
    EQ(disk_store_try(&st, path, (struct disk_setup){0}, &why), ERR_VERSION);
    buf_add_char(&why, 0);
    assert_non_null(strstr(why.p, "format 99"));
    assert_non_null(strstr(why.p, "--reformat"));
    buf_finish(&why);
    st = disk_store(path, (struct disk_setup){.is_reformat = true});
    EQ(on_disk(st), 0);
    store_destroy(&st);
}

static void a_folder_has_one_user(void **state)
{
    const char *path = *state;
    struct store *other;
    struct buf why;
    struct store *st = disk_store(path, (struct disk_setup){0});
    buf_init(&why, 1000);
    EQ(disk_store_try(&other, path, (struct disk_setup){0}, &why), ERR_CONFIG);
    buf_finish(&why);
    store_destroy(&st);
}

static void a_smaller_size_keeps_the_newest(void **state)
{
    const char *path = *state;
    struct store *st = disk_store(path, (struct disk_setup){.size_bytes = 96 * MIB});
    for (uint64_t id = 1; id <= 80; id++) {
        assert_true(object_put(st, id, 4));
        UNTIL(on_disk(st) == (int64_t)id * 4);
    }
    store_destroy(&st);
    st = disk_store(path, (struct disk_setup){.size_bytes = 32 * MIB});
    EQ(object_read(st, 80, 4).good, 4);
    assert_true(on_disk(st) > 80 && on_disk(st) <= 128);
    store_destroy(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_block_that_left_memory_comes_back_from_the_disk),
        IN_FOLDER(what_is_asked_for_once_is_not_written),
        IN_FOLDER(a_disk_is_filled_once_and_then_waits_for_proof),
        IN_FOLDER(everything_comes_back_after_a_stop),
        IN_FOLDER(what_was_written_outlives_a_kill),
        IN_FOLDER(what_was_removed_does_not_come_back),
        IN_FOLDER(a_purge_of_many_outlives_a_kill),
        IN_FOLDER(a_soft_purge_is_still_one_after_a_restart),
        IN_FOLDER(tags_mean_the_same_after_a_restart),
        IN_FOLDER(a_full_disk_lets_the_oldest_go),
        IN_FOLDER(what_is_read_again_outlives_its_segment),
        IN_FOLDER(a_segment_in_use_stays_and_purges_still_hold),
        IN_FOLDER(a_flipped_byte_is_never_given),
        IN_FOLDER(the_scrub_finds_flipped_bytes_before_anybody_asks),
        IN_FOLDER(the_scrub_keeps_to_its_rate_and_leaves_what_is_well),
        IN_FOLDER(without_summaries_the_records_tell),
        IN_FOLDER(a_torn_record_costs_itself),
        IN_FOLDER(another_format_is_refused_until_reformatted),
        IN_FOLDER(a_folder_has_one_user),
        IN_FOLDER(a_smaller_size_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
