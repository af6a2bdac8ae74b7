/* SPDX-License-Identifier: MIT */

/* Who stays and who goes: each policy behind the same store. */
#include "tests/unit/edge/store/store_help.h"

#define MAIN     2 /* as evict_s3fifo.c numbers its queues */
#define SMALL    (256 * KIB)
#define REGULARS 6

static struct store *store_with(const char *eviction)
{
    struct store *st;
    struct buf why;
    struct store_config config = {
        .memory_bytes = 16 * MIB, .block_max_bytes = MIB, .eviction = eviction};
    buf_init(&why, 1000);
    assert_int_equal(store_create(&st, &config, &why), 0);
    buf_finish(&why);
    return st;
}

/* An object of one block; its bytes follow from its number. */
static struct object *add_of(struct store *st, uint64_t number, int64_t bytes)
{
    char text[32];
    struct store_key key = key_for(text, number);
    struct generation *g = generation_create(st, bytes, bytes);
    struct object *o = object_for(st, &key, g, number);
    assert_non_null(o);
    assert_int_equal(block_fill(g, number, 0), 0);
    assert_int_equal(store_insert(st, o, store_moment(st)), 0);
    generation_unref(&g);
    return o;
}

static struct object *add(struct store *st, uint64_t number)
{
    return add_of(st, number, MIB);
}

static void add_and_leave(struct store *st, uint64_t number)
{
    struct object *o = add(st, number);
    object_unref(&o);
}

static void add_small(struct store *st, uint64_t number)
{
    struct object *o = add_of(st, number, SMALL);
    object_unref(&o);
}

/* Each asked for once, and never again. */
static void scan(struct store *st, uint64_t from, uint64_t count)
{
    for (uint64_t i = from; i < from + count; i++)
        add_and_leave(st, i);
}

static bool use(struct store *st, uint64_t number, int times)
{
    char text[32];
    struct store_key key = key_for(text, number);
    struct object *o = store_select(st, &key, NULL, NULL);
    bool is_there = o != NULL;
    for (int i = 0; is_there && i < times; i++) {
        struct block_view v;
        is_there = generation_use(o->generation, 0, &v) == 1;
        if (is_there) {
            assert_true(bytes_are(number, 0, v.mem, v.len));
            block_view_release(&v);
        }
    }
    object_unref(&o);
    return is_there;
}

static void what_was_used_twice_outlives_a_scan(void **state)
{
    (void)state;
    struct store *st = store_with("s3-fifo");
    for (uint64_t i = 0; i < 8; i++) {
        add_and_leave(st, i);
        assert_true(use(st, i, 2));
    }
    scan(st, 100, 100);
    for (uint64_t i = 0; i < 8; i++)
        assert_true(use(st, i, 1));
    segments_check(&st->segments);
    store_destroy(&st);
}

static void one_use_is_not_enough(void **state)
{
    (void)state;
    struct store *st = store_with("s3-fifo");
    add_and_leave(st, 1);
    assert_true(use(st, 1, 1));
    scan(st, 100, 30);
    assert_false(use(st, 1, 1));
    store_destroy(&st);
}

/* Views of the same answer are no uses: a slow client is not a crowd. */
static void looking_again_is_no_use(void **state)
{
    (void)state;
    struct store *st = store_with("s3-fifo");
    struct object *o = add(st, 1);
    struct block_view v;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(generation_view(o->generation, 0, &v), 1);
        block_view_release(&v);
    }
    scan(st, 100, 30);
    assert_int_equal(generation_view(o->generation, 0, &v), ERR_NOT_FOUND);
    object_unref(&o);
    store_destroy(&st);
}

static void what_comes_back_is_proven(void **state)
{
    (void)state;
    struct store *st = store_with("s3-fifo");
    const struct evict_policy *p = st->segments.policy;
    struct object *o = add(st, 1);
    struct block *b = block_table_find(&o->generation->table, 0);
    assert_false(p->is_proven(&st->segments.v[b->segment], b));
    object_unref(&o);
    scan(st, 100, 18); /* it has left, and fewer bytes than memory has after it */
    assert_false(use(st, 1, 1));
    o = add(st, 1);
    b = block_table_find(&o->generation->table, 0);
    assert_int_equal(st->segments.v[b->segment].queue, MAIN);
    assert_true(p->is_proven(&st->segments.v[b->segment], b));
    object_unref(&o);
    store_destroy(&st);
}

static void what_somebody_waits_for_is_passed_once(void **state)
{
    (void)state;
    struct store *st = store_with("s3-fifo");
    struct generation *g = generation_create(st, 2 * MIB, MIB);
    struct generation_reader reader = {.pos = 0, .last = 2 * MIB - 1};
    struct block_view v;
    generation_reader_attach(g, &reader);
    assert_int_equal(block_fill(g, 7, 0), 0);
    generation_reader_detach(g, &reader);
    assert_int_equal(block_fill(g, 7, 1), 0); /* nobody waits for this one */
    scan(st, 100, 22);
    assert_int_equal(generation_view(g, 0, &v), 1);
    block_view_release(&v);
    assert_int_equal(generation_view(g, MIB, &v), ERR_NOT_FOUND);
    scan(st, 200, 40);
    assert_int_equal(generation_view(g, 0, &v), ERR_NOT_FOUND);
    generation_unref(&g);
    store_destroy(&st);
}

/* The main queue goes round: what is no longer used makes room for what is. */
static void what_is_no_longer_used_leaves_the_main_queue(void **state)
{
    (void)state;
    struct store *st = store_with("s3-fifo");
    add_and_leave(st, 1);
    assert_true(use(st, 1, 3));
    for (uint64_t i = 100; i < 180; i++) {
        add_and_leave(st, i);
        assert_true(use(st, i, 2));
    }
    assert_false(use(st, 1, 1));
    segments_check(&st->segments);
    store_destroy(&st);
}

static void the_least_recently_used_goes_first(void **state)
{
    (void)state;
    struct store *st = store_with("lru");
    for (uint64_t i = 0; i < 8; i++)
        add_and_leave(st, i);
    for (uint64_t i = 100; i < 160; i++) {
        add_and_leave(st, i);
        assert_true(use(st, 3, 1)); /* it alone is asked for again and again */
    }
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(use(st, i, 1), i == 3);
    assert_true(use(st, 159, 1));
    assert_false(use(st, 120, 1));
    segments_check(&st->segments);
    store_destroy(&st);
}

/* Eight that are asked for in every round, and as many that never come back as memory holds. */
static void what_is_read_again_and_again_is_learned(void **state)
{
    (void)state;
    struct store *st = store_with("learned");
    uint64_t lost = 0;
    for (uint64_t round = 0; round < 60; round++) {
        for (uint64_t i = 0; i < 8; i++) {
            bool is_there = use(st, i, 1);
            lost += round >= 30 && !is_there;
            if (!is_there)
                add_and_leave(st, i);
        }
        scan(st, 1000 + 16 * round, 16);
    }
    assert_true(lost < 30 * 8 / 10);
    segments_check(&st->segments);
    store_destroy(&st);
}

/* How many of the regulars are there, without asking for them, which would be a use. */
static int regulars_of(struct store *st)
{
    int count = 0;
    for (uint64_t i = 0; i < REGULARS; i++) {
        char text[32];
        struct store_key key = key_for(text, i);
        struct object *o = store_peek(st, &key, NULL, NULL);
        count += o != NULL && block_table_held(&o->generation->table) > 0;
        object_unref(&o);
    }
    return count;
}

/* They fill the main queue; then nothing that comes is worth as much as they were. */
static void what_was_read_again_and_again_leaves_when_it_is_no_more(void **state)
{
    (void)state;
    struct store *st = store_evicting(16 * SMALL, SMALL, "learned");
    uint64_t number = 1000;
    for (uint64_t round = 0; round < 60; round++) {
        for (uint64_t i = 0; i < REGULARS; i++) {
            if (!use(st, i, 1))
                add_small(st, i);
        }
        for (int i = 0; i < 12; i++)
            add_small(st, number++);
    }
    assert_true(regulars_of(st) > REGULARS / 2);
    while (regulars_of(st) > 0 && number < 5000)
        add_small(st, number++);
    assert_int_equal(regulars_of(st), 0);
    segments_check(&st->segments);
    store_destroy(&st);
}

static void no_policy_of_that_name(void **state)
{
    (void)state;
    struct store *st;
    struct buf why;
    struct store_config config = {
        .memory_bytes = 16 * MIB, .block_max_bytes = MIB, .eviction = "best"};
    buf_init(&why, 1000);
    assert_int_equal(store_create(&st, &config, &why), ERR_CONFIG);
    assert_null(st);
    assert_true(why.n > 0);
    buf_finish(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_used_twice_outlives_a_scan),
        cmocka_unit_test(one_use_is_not_enough),
        cmocka_unit_test(looking_again_is_no_use),
        cmocka_unit_test(what_comes_back_is_proven),
        cmocka_unit_test(what_somebody_waits_for_is_passed_once),
        cmocka_unit_test(what_is_no_longer_used_leaves_the_main_queue),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(what_is_read_again_and_again_is_learned),
        cmocka_unit_test(what_was_read_again_and_again_leaves_when_it_is_no_more),
        cmocka_unit_test(no_policy_of_that_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
