/* SPDX-License-Identifier: MIT */
#include "tests/unit/edge/store/store_help.h"

#include "lib/net/mailbox_owner.h"

#include <stdlib.h>
#include <unistd.h>

#define BLOCK (64 * KIB)

static int woken_count, moved_count;

static void on_woken(struct block_waiter *w)
{
    (void)w;
    woken_count++;
}

static void on_moved(struct generation_fill *f)
{
    (void)f;
    moved_count++;
}

static struct block_waiter waiter_at(struct mailbox *home, int64_t pos)
{
    woken_count = 0;
    return (struct block_waiter){.home = home, .pos = pos, .woken = on_woken};
}

static void a_reader_follows_a_block_while_it_fills(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct generation *g = generation_create(st, BLOCK + 10, BLOCK);
    struct mailbox *home = mailbox_create();
    struct block_writer w;
    struct block_view v;
    int64_t first;
    assert_int_equal(generation_view(g, 0, &v), ERR_NOT_FOUND);
    assert_int_equal(generation_claim(g, 0, 1, &first), 1);
    assert_int_equal(block_write_begin(&w, g, 0), 0);
    assert_int_equal(w.room, BLOCK);
    struct block_waiter waiter = waiter_at(home, 5);
    assert_int_equal(generation_wait(g, &waiter), 0);
    memcpy(w.at, "hello", 5);
    block_write_add(&w, 5);
    mailbox_deliver(home);
    assert_int_equal(woken_count, 0); /* byte 5 is the sixth */
    memcpy(w.at, " world", 6);
    block_write_add(&w, 6);
    mailbox_deliver(home);
    assert_int_equal(woken_count, 1);
    assert_int_equal(generation_view(g, 5, &v), 1);
    assert_memory_equal(v.mem, " world", 6);
    assert_int_equal(v.len, 6);
    char from_file[6];
    assert_int_equal(pread(v.fd, from_file, 6, v.from), 6);
    assert_memory_equal(from_file, " world", 6);
    block_view_release(&v);
    assert_int_equal(generation_wait(g, &waiter), ERR_EXISTS);
    block_write_abort(&w);
    assert_int_equal(generation_view(g, 0, &v), ERR_AGAIN); /* still claimed */
    generation_release(g, 0, 1);
    assert_int_equal(generation_view(g, 0, &v), ERR_NOT_FOUND);
    assert_int_equal(generation_view(g, BLOCK + 10, &v), 0);
    mailbox_destroy(&home);
    generation_unref(&g);
    store_destroy(&st);
}

static void a_waiter_is_told_of_release_end_and_abandon_and_can_leave(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct generation *g = generation_create(st, LENGTH_UNKNOWN, BLOCK);
    struct mailbox *home = mailbox_create();
    int64_t first;
    struct block_waiter w = waiter_at(home, 100);
    assert_int_equal(generation_wait(g, &w), ERR_EXISTS); /* nobody brings it */
    generation_claim(g, 0, INT64_MAX, &first);
    assert_int_equal(generation_wait(g, &w), 0);
    assert_true(generation_wait_cancel(g, &w));
    assert_int_equal(generation_wait(g, &w), 0);
    generation_release(g, 0, 1);
    assert_false(generation_wait_cancel(g, &w)); /* on its way */
    mailbox_deliver(home);
    assert_int_equal(woken_count, 1);
    assert_true(generation_wait_cancel(g, &w));
    w = waiter_at(home, 5 * BLOCK);
    assert_int_equal(generation_wait(g, &w), 0);
    generation_end(g, 4 * BLOCK);
    mailbox_deliver(home);
    assert_int_equal(woken_count, 1);
    assert_int_equal(generation_length(g), 4 * BLOCK);
    w = waiter_at(home, 2 * BLOCK);
    assert_int_equal(generation_wait(g, &w), 0);
    generation_abandon(g);
    mailbox_deliver(home);
    assert_int_equal(woken_count, 1);
    assert_true(generation_is_abandoned(g));
    struct block_view v;
    assert_int_equal(generation_view(g, 0, &v), ERR_CHANGED);
    assert_int_equal(generation_claim(g, 0, 1, &first), 0);
    mailbox_destroy(&home);
    generation_unref(&g);
    store_destroy(&st);
}

static void fills_hear_of_readers_once_until_they_looked(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct generation *g = generation_create(st, 10 * BLOCK, BLOCK);
    struct mailbox *home = mailbox_create();
    struct generation_fill f = {.home = home, .moved = on_moved};
    struct generation_reader r = {.pos = 0, .last = 10 * BLOCK},
                             s = {.pos = 5 * BLOCK, .last = 5 * BLOCK};
    int64_t furthest = -7;
    moved_count = 0;
    generation_fill_attach(g, &f);
    generation_reader_attach(g, &r);
    generation_reader_attach(g, &s);
    mailbox_deliver(home);
    assert_int_equal(moved_count, 1);
    generation_reader_move(g, &r, 10);
    mailbox_deliver(home);
    assert_int_equal(moved_count, 1); /* within a block */
    generation_reader_move(g, &r, BLOCK);
    mailbox_deliver(home);
    assert_int_equal(moved_count, 2);
    assert_int_equal(generation_readers(g, 0, 10 * BLOCK, &furthest), 2);
    assert_int_equal(furthest, 5 * BLOCK);
    assert_int_equal(generation_readers(g, 6 * BLOCK, 10 * BLOCK, &furthest), 1);
    assert_int_equal(furthest, BLOCK);
    assert_int_equal(generation_readers(g, 0, BLOCK, &furthest), 0);
    generation_reader_detach(g, &s);
    assert_false(generation_fill_detach(g, &f));
    mailbox_deliver(home);
    assert_int_equal(moved_count, 3);
    generation_fill_attach(g, &f);
    assert_true(generation_fill_detach(g, &f));
    generation_reader_detach(g, &r);
    mailbox_destroy(&home);
    generation_unref(&g);
    store_destroy(&st);
}

static void no_more_is_brought_ahead_than_a_part_of_memory(void **state)
{
    (void)state;
    int64_t most = 64 * MIB / 64 / BLOCK, ahead = 0;
    struct store *st = store_for_test(64 * MIB, MIB);
    struct generation *g = generation_create(st, 1024 * BLOCK, BLOCK);
    uint32_t wants;
    for (int64_t at = 0, i = 0; i < 10; i++) {
        ahead = generation_want(g, at, 1, 512, &wants);
        assert_in_range(ahead, 0, most);
        at += 1 + ahead;
    }
    assert_int_equal(ahead, most);
    generation_unref(&g);
    store_destroy(&st);
}

static void an_answer_of_unknown_length_keeps_only_the_room_it_needs(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct store_usage before, after;
    struct generation *g = generation_create(st, LENGTH_UNKNOWN, MIB);
    struct block_writer w;
    struct block_view v;
    int64_t first;
    generation_claim(g, 0, INT64_MAX, &first);
    store_usage(st, &before);
    assert_int_equal(block_write_begin(&w, g, 0), 0);
    memcpy(w.at, "short", 5);
    block_write_add(&w, 5);
    block_write_end(&w);
    assert_int_equal(generation_view(g, 5, &v), ERR_AGAIN);
    generation_end(g, 5);
    assert_int_equal(generation_view(g, 5, &v), 0);
    assert_int_equal(generation_view(g, 0, &v), 1);
    assert_int_equal(v.len, 5);
    block_view_release(&v);
    store_usage(st, &after);
    assert_in_range(after.memory_bytes - before.memory_bytes, 1, 4096 + 200);
    segments_check(&st->segments);
    /* a writer that is done may end and abort again */
    block_write_end(&w);
    block_write_abort(&w);
    /* one of known length that ends early is not kept */
    struct generation *known = generation_create(st, BLOCK, BLOCK);
    generation_claim(known, 0, 1, &first);
    assert_int_equal(block_write_begin(&w, known, 0), 0);
    block_write_add(&w, 100);
    block_write_end(&w);
    assert_int_equal(generation_present(known, 0, 1), 0);
    generation_release(known, 0, 1);
    generation_unref(&known);
    generation_unref(&g);
    store_destroy(&st);
}

static void a_block_that_does_not_verify_is_dropped(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct generation *g = generation_create(st, 3 * BLOCK, BLOCK);
    struct block_view v;
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(block_fill(g, 9, i), 0);
    assert_int_equal(generation_scrub(g), 0);
    assert_int_equal(generation_present(g, 0, INT64_MAX), 3);
    assert_int_equal(generation_view(g, BLOCK + 7, &v), 1);
    uint8_t flipped = (uint8_t)(v.mem[0] ^ 1);
    assert_int_equal(pwrite(v.fd, &flipped, 1, v.from), 1);
    block_view_release(&v);
    assert_int_equal(generation_scrub(g), 1);
    assert_int_equal(generation_view(g, BLOCK + 7, &v), ERR_NOT_FOUND);
    assert_int_equal(generation_present(g, 0, 3), 2);
    generation_unref(&g);
    store_destroy(&st);
}

static void a_view_pins_its_bytes_whatever_is_evicted(void **state)
{
    (void)state;
    struct store *st = store_for_test(4 * MIB, MIB);
    struct generation *old = generation_create(st, MIB, MIB);
    struct generation *g = generation_create(st, 64 * MIB, MIB);
    struct block_view v;
    assert_int_equal(block_fill(old, 1, 0), 0);
    assert_int_equal(generation_view(old, 0, &v), 1);
    for (int64_t i = 0; i < 64; i++)
        assert_int_equal(block_fill(g, 2, i), 0);
    assert_true(bytes_are(1, 0, v.mem, v.len));
    assert_int_equal(generation_present(old, 0, 1), 1); /* a pinned segment is no victim */
    block_view_release(&v);
    assert_in_range(generation_present(g, 0, 64), 1, 3);
    segments_check(&st->segments);
    generation_unref(&g);
    generation_unref(&old);
    store_destroy(&st);
}

static void where_nothing_can_leave_there_is_no_space(void **state)
{
    (void)state;
    struct store *st = store_for_test(4 * MIB, MIB);
    struct generation *g = generation_create(st, 64 * MIB, MIB);
    struct block_view v[4];
    int n = 0;
    while (n < 4 && block_fill(g, 2, n) == 0) {
        assert_int_equal(generation_view(g, n * MIB, &v[n]), 1);
        n++;
    }
    assert_in_range(n, 2, 3);
    assert_int_equal(block_fill(g, 2, 10), ERR_NO_SPACE);
    assert_in_range(counter_get(&store_counters_of(st)->no_space), 1, 2);
    while (n > 0)
        block_view_release(&v[--n]);
    assert_int_equal(block_fill(g, 2, 10), 0);
    generation_unref(&g);
    store_destroy(&st);
}

static void gather_at(struct generation *g, struct generation_fill *f, int64_t first, int64_t end)
{
    *f = (struct generation_fill){
        .gather_first = first, .gather_end = end, .gather_most = 8, .gather_may_go = true};
    generation_fill_attach(g, f);
    generation_gather(g, f);
}

static void assert_run(const struct generation_fill *f, int64_t first, int64_t end)
{
    assert_int_equal(f->gather_first, first);
    assert_int_equal(f->gather_end, end);
}

/* Whoever gathered them, on whatever worker: what adjoins is asked for in one range. */
static void wants_that_adjoin_become_one(void **state)
{
    (void)state;
    struct store *st = store_for_test(4 * MIB, MIB);
    struct generation *g = generation_create(st, 64 * BLOCK, BLOCK);
    struct generation_fill f[4];
    gather_at(g, &f[0], 10, 12);
    gather_at(g, &f[1], 14, 16);
    gather_at(g, &f[2], 20, 21);
    gather_at(g, &f[3], 16, 17);
    f[3].gather_may_go = false;
    assert_false(generation_gather_join(g, 18, 1));
    assert_true(generation_gather_join(g, 12, 2));
    assert_run(&f[0], 10, 14);
    assert_true(generation_gather_join(g, 9, 1));
    assert_false(generation_gather_join(g, 5, 4)); /* of all there would be more than eight */

    generation_gathered(g, &f[0]);
    assert_run(&f[0], 9, 16); /* took over f[1], not f[3], which is about to begin */
    assert_run(&f[1], 14, 14);
    generation_gathered(g, &f[1]);
    assert_run(&f[1], 14, 14);
    generation_gathered(g, &f[3]);
    assert_run(&f[3], 16, 17);
    assert_false(generation_gather_join(g, 17, 1)); /* these have asked */
    assert_true(generation_gather_join(g, 19, 1));
    assert_run(&f[2], 19, 21);
    for (int i = 0; i < 4; i++)
        assert_true(generation_fill_detach(g, &f[i]));
    generation_unref(&g);
    store_destroy(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_follows_a_block_while_it_fills),
        cmocka_unit_test(a_waiter_is_told_of_release_end_and_abandon_and_can_leave),
        cmocka_unit_test(fills_hear_of_readers_once_until_they_looked),
        cmocka_unit_test(wants_that_adjoin_become_one),
        cmocka_unit_test(no_more_is_brought_ahead_than_a_part_of_memory),
        cmocka_unit_test(an_answer_of_unknown_length_keeps_only_the_room_it_needs),
        cmocka_unit_test(a_block_that_does_not_verify_is_dropped),
        cmocka_unit_test(a_view_pins_its_bytes_whatever_is_evicted),
        cmocka_unit_test(where_nothing_can_leave_there_is_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
