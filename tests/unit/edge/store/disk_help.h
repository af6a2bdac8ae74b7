/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_EDGE_STORE_DISK_HELP_H
#define TESTS_UNIT_EDGE_STORE_DISK_HELP_H

#include "tests/unit/edge/store/store_help.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the tests of disks share: folders of their own, stores over them, and patience. */
#define EQ(a, b)   assert_int_equal(a, b)
#define PATIENCE_S 60
#ifndef BLOCK
#define BLOCK (256 * KIB)
#endif

static inline int file_remove(const char *name, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(name);
}

/* A test's own folder: *state is its path, and it goes with the test, however that ended. What a
 * test that failed has still open is left to the end of the process. */
static inline int folder_begin(void **state)
{
    static char path[64];
    const char *base = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/byeori-disk-XXXXXX", base != NULL ? base : "/tmp");
    *state = mkdtemp(path);
    return *state != NULL ? 0 : -1;
}

static inline int folder_end(void **state)
{
    return nftw(*state, file_remove, 8, FTW_DEPTH | FTW_PHYS);
}
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_begin, folder_end)

struct disk_setup {
    int64_t memory_bytes, size_bytes;
    const struct disk_io *io;
    bool is_reformat, takes_used, takes_proven;
    int64_t scrub_per_s;
    msec_t slow_ms; /* 0: no pause of the machine makes it slow */
    int code_level;
};

static inline int disk_store_try(struct store **st, const char *path, struct disk_setup s,
                                 struct buf *why)
{
    struct store_disk disk = {.path = path,
                              .size_bytes = s.size_bytes > 0 ? s.size_bytes : 64 * MIB,
                              .weight = 1,
                              .is_reformat = s.is_reformat,
                              .io = s.io};
    struct store_config config = {.memory_bytes = s.memory_bytes > 0 ? s.memory_bytes : 32 * MIB,
                                  .block_max_bytes = BLOCK,
                                  .variants_max = 4,
                                  .disks = &disk,
                                  .disk_count = 1,
                                  .disk_admission = s.takes_proven ? STORE_ADMIT_PROVEN
                                                    : s.takes_used ? STORE_ADMIT_USED
                                                                   : STORE_ADMIT_ALL,
                                  .disk_scrub_per_s = s.scrub_per_s,
                                  .disk_slow_ms =
                                      s.slow_ms > 0 ? s.slow_ms : 10 * PATIENCE_S * 1000,
                                  .disk_code_level = s.code_level};
    return store_create(st, &config, why);
}

/* disk_store_opening: what lies on the disk may not all be known yet. disk_store: it is. */
static inline struct store *disk_store_opening(const char *path, struct disk_setup s)
{
    struct store *st;
    struct buf why;
    buf_init(&why, 1000);
    if (disk_store_try(&st, path, s, &why) != 0)
        fail_msg("%.*s", SPAN_FMT(buf_span(&why)));
    buf_finish(&why);
    return st;
}

static inline struct store *disk_store(const char *path, struct disk_setup s)
{
    struct store *st = disk_store_opening(path, s);
    assert_true(store_wait_open(st, PATIENCE_S * 1000));
    return st;
}

/* Asks until it is so. */
#define UNTIL(question)                                                                            \
    do {                                                                                           \
        int tries_ = PATIENCE_S * 1000;                                                            \
        while (!(question) && --tries_ > 0)                                                        \
            usleep(1000);                                                                          \
        assert_true(tries_ > 0);                                                                   \
    } while (0)

/* The bytes at pos once they are there: 1, or what the view says, or -1000 where they are wrong. */
static inline int bytes_check(struct generation *g, uint64_t id, int64_t pos)
{
    struct block_view v;
    int r = ERR_AGAIN;
    for (int i = 0; i < PATIENCE_S * 10000 && r == ERR_AGAIN; i++) {
        r = generation_use(g, pos, &v);
        if (r == ERR_AGAIN)
            usleep(100);
    }
    if (r != 1)
        return r;
    r = bytes_are(id, pos, v.mem, v.len) ? 1 : -1000;
    block_view_release(&v);
    return r;
}

struct object_state {
    int64_t found, good, absent, wrong;
};

/* Reads all blocks of object id. */
static inline struct object_state object_read(struct store *st, uint64_t id, int64_t blocks)
{
    char text[32];
    struct store_key key = key_for(text, id);
    struct object_state s = {0};
    struct object *o = store_select(st, &key, NULL, NULL);
    s.found = o != NULL;
    for (int64_t i = 0; i < blocks && o != NULL; i++) {
        int r = bytes_check(o->generation, id, i * BLOCK);
        s.good += r == 1;
        s.absent += r == ERR_NOT_FOUND;
        s.wrong += r == -1000;
    }
    object_unref(&o);
    return s;
}

static inline uint64_t count_of(const struct store *st, size_t offset)
{
    return counter_get(
        (const counter_t *)(const void *)((const char *)store_counters_of(st) + offset));
}
#define COUNT(st, name) count_of(st, offsetof(struct store_counters, name))

static inline int64_t on_disk(const struct store *st)
{
    struct store_usage u;
    store_usage(st, &u);
    return u.disk_blocks;
}

static inline int64_t queued_bytes(const struct store *st)
{
    struct store_disk_usage u;
    assert_true(store_disk_usage(st, 0, &u));
    return u.queued_bytes;
}

static inline enum store_disk_state disk_state(const struct store *st)
{
    struct store_disk_usage u;
    assert_true(store_disk_usage(st, 0, &u));
    return u.state;
}

/* An object of `blocks` blocks, in the index, whole, as fast as the disk takes them. */
static inline bool object_put(struct store *st, uint64_t id, int64_t blocks)
{
    char text[32];
    struct store_key key = key_for(text, id);
    struct generation *g = generation_create(st, blocks * BLOCK - 7, BLOCK);
    struct object *o = g != NULL ? object_for(st, &key, g, id) : NULL;
    bool is_whole = o != NULL && store_insert(st, o, store_moment(st)) == 0;
    for (int64_t i = 0; i < blocks && is_whole; i++) {
        is_whole = block_fill(g, id, i) == 0;
        UNTIL(queued_bytes(st) < 4 * BLOCK);
    }
    object_unref(&o);
    generation_unref(&g);
    return is_whole;
}

#endif
