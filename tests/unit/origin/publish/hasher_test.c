/* SPDX-License-Identifier: MIT */
#include "origin/publish/hasher.h"

#include "lib/base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define BLOCK    16384
#define FILES    7
#define WHOLE    (8 * BLOCK)
#define FOLDER_T "/tmp/byeori-hasher-XXXXXX"

static uint8_t bytes[WHOLE]; /* of all files, one after the other */

static void sha1_of(const uint8_t *p, size_t n, uint8_t out[DIGEST_SHA1_BYTES])
{
    struct digest_stream *d = digest_sha1_create();
    digest_add(d, p, n);
    digest_end(&d, out);
}

static void put(const char *folder, int i, const uint8_t *p, size_t n)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%d", folder, i);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

static void drop_folder(const char *folder)
{
    char path[64];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%d", folder, i);
        unlink(path);
    }
    rmdir(folder);
}

/* Files of these sizes, hashed; every digest compared with one made the plain way. */
static void is_right(const size_t sizes[FILES])
{
    char folder[] = FOLDER_T;
    struct tree tree;
    struct buf why;
    size_t total = 0;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < FILES; total += sizes[i++])
        put(folder, i, bytes + total, sizes[i]);
    tree_open(&tree);
    buf_init(&why, 1024);
    assert_int_equal(tree_add(&tree, folder, &why), 0);
    struct hasher_spec spec = {.tree = &tree, .block_bytes = BLOCK, .threads = 2};
    assert_int_equal(hasher_run(&spec, &why), 0);
    assert_int_equal(tree.piece_count, (total + BLOCK - 1) / BLOCK);
    for (size_t at = 0; at < total; at += BLOCK) {
        uint8_t sha1[DIGEST_SHA1_BYTES];
        sha1_of(bytes + at, total - at < BLOCK ? total - at : BLOCK, sha1);
        assert_memory_equal(tree.pieces[at / BLOCK], sha1, sizeof sha1);
    }
    size_t from = 0;
    for (size_t i = 0; i < tree.count; from += sizes[i++]) {
        const struct manifest_file *e = &tree.files[i].entry;
        uint8_t sha256[DIGEST_SHA256_BYTES], sha1[DIGEST_SHA1_BYTES];
        digest_sha256(span_make(bytes + from, sizes[i]), sha256);
        assert_memory_equal(e->sha256, sha256, sizeof sha256);
        assert_int_equal(e->block_count, (sizes[i] + BLOCK - 1) / BLOCK);
        for (size_t b = 0; b < e->block_count; b++) {
            size_t n = sizes[i] - b * BLOCK < BLOCK ? sizes[i] - b * BLOCK : BLOCK;
            sha1_of(bytes + from + b * BLOCK, n, sha1);
            assert_memory_equal(e->pieces[b], sha1, sizeof sha1);
            digest_sha256(span_make(bytes + from + b * BLOCK, n), sha256);
            assert_memory_equal(e->blocks[b], sha256, sizeof sha256);
        }
    }
    tree_close(&tree);
    buf_finish(&why);
    drop_folder(folder);
}

static void blocks_of_files_and_of_the_release_are_right_however_they_lie(void **state)
{
    (void)state;
    static const size_t cases[][FILES] = {
        {BLOCK, 2 * BLOCK, BLOCK, 0, 0, BLOCK, 3 * BLOCK}, /* all aligned */
        {1, 2 * BLOCK, 0, 3, BLOCK - 1, 7, 3 * BLOCK},     /* small ones between large ones */
        {0, 0, 0, 0, 0, 0, 0},
        {5, 5, 5, 5, 5, 5, 5}, /* one block of many files */
        {2 * BLOCK - 1, 1, BLOCK, BLOCK / 2, BLOCK / 2, 2 * BLOCK, 1},
    };
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)((i * 2654435761U) >> 13);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        is_right(cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_files_and_of_the_release_are_right_however_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
