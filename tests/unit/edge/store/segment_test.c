/* SPDX-License-Identifier: MIT */

/* When a segment's pages may be used again, and when they may not. */
#include "tests/unit/edge/store/store_help.h"

#include <fcntl.h>
#include <unistd.h>

#define MEMORY       (64 * MIB) /* one segment is put by with its pages */
#define BLOCKS       (MEMORY / MIB)
#define LENT_BYTES   ((size_t)64 * 1024) /* as many as a pipe takes */
#define FIRST_NUMBER 1

/* An object of one block that nobody but its writer knows of. */
static struct object *add(struct store *st, uint64_t number)
{
    char text[32];
    struct store_key key = key_for(text, number);
    struct generation *g = generation_create(st, MIB, MIB);
    struct object *o = object_for(st, &key, g, number);
    assert_int_equal(block_fill(g, number, 0), 0);
    assert_int_equal(store_insert(st, o, store_moment(st)), 0);
    generation_unref(&g);
    return o;
}

static void add_many(struct store *st, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct object *o = add(st, FIRST_NUMBER + 1 + i);
        object_unref(&o);
    }
}

/* Whether the first block of a new generation gets room with all of its pages. */
static bool begins_with_pages(struct store *st)
{
    int64_t first;
    struct block_writer w;
    struct generation *g = generation_create(st, MIB, MIB);
    assert_int_equal(generation_claim(g, 0, 1, &first), 1);
    assert_int_equal(block_write_begin(&w, g, 0), 0);
    bool is_ready = w.prepared == w.room;
    block_write_abort(&w);
    generation_release(g, 0, 1);
    generation_unref(&g);
    return is_ready;
}

static void pages_that_nobody_was_lent_are_used_again(void **state)
{
    struct store *st = store_for_test(MEMORY, MIB);
    (void)state;
    assert_false(begins_with_pages(st));
    add_many(st, 2 * BLOCKS);
    assert_true(begins_with_pages(st));
    store_destroy(&st);
}

/* A reader for whom a block was brought copies it; who comes upon it is lent its pages. */
static void what_is_brought_is_copied_and_what_is_found_is_lent(void **state)
{
    struct store *st = store_for_test(MEMORY, MIB);
    struct object *o = add(st, FIRST_NUMBER);
    struct block_view v;
    (void)state;
    assert_int_equal(generation_view(o->generation, 0, &v), 1);
    assert_int_equal(v.fd, -1);
    block_view_release(&v);
    assert_int_equal(generation_use(o->generation, 0, &v), 1);
    assert_true(v.fd >= 0);
    block_view_release(&v);
    assert_int_equal(generation_view(o->generation, 0, &v), 1);
    assert_true(v.fd >= 0);
    block_view_release(&v);
    object_unref(&o);
    store_destroy(&st);
}

/* A pipe keeps references to pages, as the queue of a socket does after sendfile. */
static void what_was_lent_is_never_written_over(void **state)
{
    struct store *st = store_for_test(MEMORY, MIB);
    struct object *o = add(st, FIRST_NUMBER);
    struct block_view v;
    uint8_t seen[LENT_BYTES];
    int queue[2];
    (void)state;
    assert_int_equal(pipe(queue), 0);
    assert_int_equal(generation_use(o->generation, 0, &v), 1);
    loff_t from = v.from;
    assert_int_equal(splice(v.fd, &from, queue[1], NULL, LENT_BYTES, 0), LENT_BYTES);
    block_view_release(&v);
    object_unref(&o);
    add_many(st, 3 * BLOCKS);

    char text[32];
    struct store_key key = key_for(text, FIRST_NUMBER);
    assert_null(store_select(st, &key, NULL, NULL));
    assert_int_equal(read(queue[0], seen, LENT_BYTES), LENT_BYTES);
    assert_true(bytes_are(FIRST_NUMBER, 0, seen, LENT_BYTES));
    close(queue[0]);
    close(queue[1]);
    store_destroy(&st);
}

/* A fill that breaks leaves room of which some pages were never made. */
static void what_was_not_written_whole_is_not_put_by(void **state)
{
    struct store *st = store_for_test(MEMORY, MIB);
    int64_t first;
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct block_writer w;
        struct generation *g = generation_create(st, MIB, MIB);
        assert_int_equal(generation_claim(g, 0, 1, &first), 1);
        assert_int_equal(block_write_begin(&w, g, 0), 0);
        assert_int_equal(w.prepared, 0);
        assert_int_equal(block_write_prepare(&w, 10000), 0);
        bytes_make(FIRST_NUMBER, 0, w.at, 10000);
        block_write_add(&w, 10000);
        block_write_abort(&w);
        generation_release(g, 0, 1);
        generation_unref(&g);
    }
    store_destroy(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_nobody_was_lent_are_used_again),
        cmocka_unit_test(what_is_brought_is_copied_and_what_is_found_is_lent),
        cmocka_unit_test(what_was_lent_is_never_written_over),
        cmocka_unit_test(what_was_not_written_whole_is_not_put_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
