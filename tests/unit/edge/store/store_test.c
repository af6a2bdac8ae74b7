/* SPDX-License-Identifier: MIT */
#include "tests/unit/edge/store/store_help.h"

#include <stdlib.h>

static struct object *add(struct store *st, uint64_t number, uint64_t id, int64_t length)
{
    char text[32];
    struct store_key key = key_for(text, number);
    struct generation *g = generation_create(st, length, MIB);
    assert_non_null(g);
    struct object *o = object_for(st, &key, g, id);
    assert_non_null(o);
    for (int64_t i = 0; i * MIB < length; i++)
        assert_int_equal(block_fill(g, id, i), 0);
    assert_int_equal(store_insert(st, o, store_moment(st)), 0);
    generation_unref(&g);
    return o;
}

static struct object *find(struct store *st, uint64_t number)
{
    char text[32];
    struct store_key key = key_for(text, number);
    return store_select(st, &key, NULL, NULL);
}

static bool is_found(struct store *st, uint64_t number)
{
    struct object *o = find(st, number);
    bool is = o != NULL;
    object_unref(&o);
    return is;
}

static void an_object_is_a_copy_of_what_it_was_made_of(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct object *o = add(st, 7, 42, 10);
    struct object *found = find(st, 7);
    assert_ptr_equal(found, o);
    assert_int_equal(object_stored_wall(o), 42);
    assert_true(span_eq(object_key(o).text, SPAN("site\nhost\n/7")));
    assert_true(span_eq(object_fields(o).lines, SPAN("Content-Type: text/plain\r\nX-Empty: \r\n")));
    struct fields fields = object_fields(o);
    assert_int_equal(fields.count, 2);
    assert_true(span_eq(fields_value(&fields, FIELD_CONTENT_TYPE), SPAN("text/plain")));
    assert_non_null(fields_value(&fields, FIELD_OTHER).p);
    assert_true(span_eq(object_vary_names(o), SPAN("")));
    assert_int_equal(object_tags(o).count, 1);
    assert_true(object_tags(o).v[0] == tag_hash(SPAN("tag")));
    assert_true(span_eq(object_validators(o).etag, SPAN("\"v1\"")));
    assert_true(span_eq(object_site(o), SPAN("site")));
    assert_int_equal(object_uses(o), 1);
    assert_false(is_found(st, 8));
    object_unref(&found);
    assert_null(found);
    store_remove(st, o);
    store_remove(st, o);
    assert_false(is_found(st, 7));
    object_unref(&o);
    store_destroy(&st);
}

static bool is_id(void *ctx, const struct object *o)
{
    return object_stored_wall(o) == *(msec_t *)ctx;
}

static struct object *add_variant(struct store *st, const char *values, uint64_t id)
{
    char text[32];
    struct freshness fresh = {.response_wall = (msec_t)id, .lifetime_ms = 60000};
    struct fields none = {0};
    struct object_spec spec = {.key = key_for(text, 1),
                               .site = SPAN("site"),
                               .vary_names = SPAN("x"),
                               .vary_values = span_of(values),
                               .status = 200,
                               .fields = &none,
                               .freshness = &fresh,
                               .generation = generation_create(st, 0, MIB)};
    struct object *o = object_create(st, &spec);
    assert_int_equal(store_insert(st, o, store_moment(st)), 0);
    generation_unref(&spec.generation);
    return o;
}

static void variants_stand_beside_each_other_up_to_a_bound(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB); /* at most 4 */
    char text[32];
    struct store_key key = key_for(text, 1);
    static const char *const values[] = {"=a\n", "=b\n", "=c\n", "=a\n", "=d\n", "=e\n"};
    /* a is replaced by the second a; then b is the oldest of five */
    static const msec_t left[] = {3, 4, 5, 6}, gone[] = {1, 2};
    for (uint64_t i = 0; i < ARRAY_LEN(values); i++) {
        struct object *o = add_variant(st, values[i], i + 1);
        object_unref(&o);
    }
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        msec_t id = left[i];
        struct object *o = store_select(st, &key, is_id, &id);
        assert_non_null(o);
        object_unref(&o);
    }
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        msec_t id = gone[i];
        assert_null(store_select(st, &key, is_id, &id));
    }
    struct object *newest = find(st, 1);
    assert_int_equal(object_stored_wall(newest), 6);
    object_unref(&newest);
    assert_int_equal(counter_get(&store_counters_of(st)->replaced), 2);
    assert_int_equal(store_purge(st, &key, false), 4);
    store_destroy(&st);
}

static void what_was_asked_for_before_a_purge_is_not_stored_after_it(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    char text[32], other_text[32];
    struct store_key key = key_for(text, 1), other = key_for(other_text, 2);
    struct generation *g = generation_create(st, 0, MIB), *h = generation_create(st, 0, MIB);
    for (int is_soft = 0; is_soft < 2; is_soft++) {
        uint64_t before = store_moment(st);
        store_purge(st, &key, is_soft != 0);
        uint64_t after = store_moment(st);
        struct object *o = object_for(st, &key, g, 1), *p = object_for(st, &other, h, 2);
        assert_int_equal(store_insert(st, o, before), ERR_CHANGED);
        assert_int_equal(store_insert(st, p, before), 0);
        assert_int_equal(store_insert(st, o, after), 0);
        store_remove(st, o);
        store_remove(st, p);
        object_unref(&o);
        object_unref(&p);
    }
    /* more purges than are remembered one by one: what is older than those is refused */
    uint64_t before = store_moment(st);
    store_purge(st, &key, false);
    for (uint64_t i = 0; i < 64 * 100; i++) {
        char many_text[32];
        struct store_key many = key_for(many_text, 1000 + i);
        store_purge(st, &many, false);
    }
    struct object *o = object_for(st, &key, g, 1);
    assert_int_equal(store_insert(st, o, before), ERR_CHANGED);
    assert_int_equal(store_insert(st, o, store_moment(st)), 0);
    object_unref(&o);
    generation_unref(&h);
    generation_unref(&g);
    store_destroy(&st);
}

static void a_soft_purge_marks_and_a_hard_one_removes_while_readers_go_on(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    char text[32];
    struct store_key key = key_for(text, 1);
    struct object *o = add(st, 1, 5, 100);
    struct block_view v;
    assert_int_equal(store_purge(st, &key, true), 1);
    assert_true(object_is(o, OBJECT_SOFT_PURGED) && object_is(o, OBJECT_INDEXED));
    assert_true(is_found(st, 1));
    assert_int_equal(store_purge(st, &key, false), 1);
    assert_false(object_is(o, OBJECT_INDEXED));
    assert_false(is_found(st, 1));
    assert_int_equal(generation_view(o->generation, 0, &v), 1);
    assert_true(bytes_are(5, 0, v.mem, v.len));
    block_view_release(&v);
    assert_int_equal(store_purge(st, &key, false), 0);
    assert_int_equal(counter_get(&store_counters_of(st)->purged), 2);
    object_unref(&o);
    store_destroy(&st);
}

static void purge_site(struct store *st, struct span site, bool is_soft)
{
    store_purge_many(st, &(struct purge_scope){.kind = PURGE_SITE, .site = site}, is_soft);
}

static void a_whole_site_or_everything_is_purged(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    for (uint64_t i = 0; i < 200; i++) {
        struct object *o = add(st, i, i, 10);
        object_unref(&o);
    }
    uint64_t before = store_moment(st);
    purge_site(st, SPAN("other"), false);
    struct object *kept = find(st, 3);
    assert_false(object_is(kept, OBJECT_SOFT_PURGED) || store_is_purged(st, kept));
    purge_site(st, SPAN("site"), true);
    object_unref(&kept);
    kept = find(st, 3);
    assert_true(object_is(kept, OBJECT_SOFT_PURGED) && !store_is_purged(st, kept));
    purge_site(st, SPAN("site"), false);
    assert_false(is_found(st, 3));
    assert_true(store_is_purged(st, kept));
    object_unref(&kept);
    struct generation *g = generation_create(st, 0, MIB);
    char text[32];
    struct store_key key = key_for(text, 1);
    struct object *o = object_for(st, &key, g, 1);
    assert_int_equal(store_insert(st, o, before), ERR_CHANGED);
    object_unref(&o);
    generation_unref(&g);
    struct store_usage usage;
    store_usage(st, &usage);
    assert_int_equal(usage.objects, 199); /* until somebody comes by */
    while (store_upkeep(st)) {
    }
    store_usage(st, &usage);
    assert_int_equal(usage.objects, 0);
    assert_int_equal(usage.blocks, 0);
    assert_int_equal(usage.segments, 0);
    assert_int_equal(counter_get(&store_counters_of(st)->purged), 200);
    store_destroy(&st);
}

static void a_huge_object_goes_at_once_and_its_blocks_by_and_by(void **state)
{
    (void)state;
    struct store *st = store_for_test(64 * MIB, MIB);
    char text[32];
    struct store_key key = key_for(text, 1);
    struct generation *g = generation_create(st, 700 * 64 * KIB, 64 * KIB);
    struct object *o = object_for(st, &key, g, 1);
    struct store_usage usage;
    for (int64_t i = 0; i < 700; i++)
        assert_int_equal(block_fill(g, 1, i), 0);
    assert_int_equal(store_insert(st, o, store_moment(st)), 0);
    generation_unref(&g);
    object_unref(&o);
    assert_int_equal(store_purge(st, &key, false), 1);
    store_usage(st, &usage);
    assert_int_equal(usage.objects, 0);
    assert_in_range(usage.blocks, 600, 699);
    int64_t before = usage.memory_bytes;
    while (store_upkeep(st)) {
        store_usage(st, &usage);
        assert_true(usage.memory_bytes <= before);
        before = usage.memory_bytes;
    }
    assert_int_equal(usage.blocks, 0);
    /* what is still to be given back makes room before anything that lives */
    struct object *small = add(st, 2, 2, 10);
    g = generation_create(st, 900 * 64 * KIB, 64 * KIB);
    for (int64_t i = 0; i < 900; i++)
        assert_int_equal(block_fill(g, 1, i), 0);
    generation_unref(&g);
    struct object *next = add(st, 3, 3, 40 * MIB);
    assert_true(is_found(st, 2) && is_found(st, 3));
    assert_int_equal(counter_get(&store_counters_of(st)->evicted_blocks), 0);
    segments_check(&st->segments);
    object_unref(&small);
    object_unref(&next);
    store_destroy(&st); /* with blocks that are still to be given back */
}

static void a_refresh_shares_the_bytes_and_the_old_record_goes(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct object *o = add(st, 1, 5, 3 * MIB / 2);
    struct store_key key = object_key(o);
    struct object *fresh = object_for(st, &key, o->generation, 6);
    assert_int_equal(store_insert(st, fresh, store_moment(st)), 0);
    object_unref(&o);
    struct object *found = find(st, 1);
    assert_ptr_equal(found, fresh);
    assert_int_equal(generation_present(found->generation, 0, 2), 2);
    object_unref(&found);
    object_unref(&fresh);
    store_destroy(&st);
}

static void an_object_whose_last_block_left_is_no_longer_found(void **state)
{
    (void)state;
    struct store *st = store_for_test(4 * MIB, MIB);
    for (uint64_t i = 0; i < 50; i++) {
        struct object *o = add(st, i, i, MIB);
        object_unref(&o);
        segments_check(&st->segments);
    }
    uint64_t found = 0;
    for (uint64_t i = 0; i < 50; i++)
        found += is_found(st, i);
    struct store_usage usage;
    store_usage(st, &usage);
    assert_in_range(found, 2, 3);
    assert_int_equal(usage.objects, found);
    assert_int_equal(usage.blocks, found);
    assert_int_equal(counter_get(&store_counters_of(st)->evicted_objects), 50 - found);
    assert_int_equal(counter_get(&store_counters_of(st)->evicted_bytes), (50 - found) * MIB);
    store_destroy(&st);
}

static void what_is_read_again_and_again_stays(void **state)
{
    (void)state;
    struct store *st = store_for_test(8 * MIB, MIB);
    struct object *o = add(st, 1000, 7, 2000); /* small: carried from segment to segment */
    struct object *big = add(st, 1001, 8, MIB);
    for (uint64_t i = 0; i < 200; i++) {
        struct object *passing = add(st, i, i, i % 3 == 0 ? MIB : 200 * KIB);
        struct block_view v;
        object_unref(&passing);
        assert_int_equal(generation_use(o->generation, 0, &v), 1);
        assert_true(bytes_are(7, 0, v.mem, v.len));
        block_view_release(&v);
        assert_int_equal(generation_use(big->generation, 0, &v), 1);
        assert_true(bytes_are(8, 0, v.mem, v.len));
        block_view_release(&v);
    }
    assert_true(counter_get(&store_counters_of(st)->carried_bytes) > 0);
    segments_check(&st->segments);
    object_unref(&o);
    object_unref(&big);
    store_destroy(&st);
}

static void empty_objects_too_are_bounded(void **state)
{
    (void)state;
    struct store *st = store_for_test(4 * MIB, MIB);
    struct store_usage usage;
    for (uint64_t i = 0; i < 20000; i++) {
        struct object *o = add(st, i, i, 0);
        object_unref(&o);
        store_usage(st, &usage);
        assert_true(usage.memory_bytes <= usage.memory_cap_bytes);
    }
    assert_in_range(usage.objects, 1000, 19999);
    assert_true(is_found(st, 19999));
    assert_false(is_found(st, 0));
    store_destroy(&st);
}

static void a_store_that_is_too_small_says_so(void **state)
{
    (void)state;
    struct store *st;
    struct buf why;
    struct store_config config = {.memory_bytes = 3 * MIB, .block_max_bytes = MIB};
    buf_init(&why, 1000);
    assert_int_equal(store_create(&st, &config, &why), ERR_CONFIG);
    assert_null(st);
    buf_add_char(&why, '\0');
    buf_add_char(&why, 0);
    assert_non_null(strstr(why.p, "4194304"));
    buf_finish(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_a_copy_of_what_it_was_made_of),
        cmocka_unit_test(variants_stand_beside_each_other_up_to_a_bound),
        cmocka_unit_test(what_was_asked_for_before_a_purge_is_not_stored_after_it),
        cmocka_unit_test(a_soft_purge_marks_and_a_hard_one_removes_while_readers_go_on),
        cmocka_unit_test(a_whole_site_or_everything_is_purged),
        cmocka_unit_test(a_huge_object_goes_at_once_and_its_blocks_by_and_by),
        cmocka_unit_test(a_refresh_shares_the_bytes_and_the_old_record_goes),
        cmocka_unit_test(an_object_whose_last_block_left_is_no_longer_found),
        cmocka_unit_test(what_is_read_again_and_again_stays),
        cmocka_unit_test(empty_objects_too_are_bounded),
        cmocka_unit_test(a_store_that_is_too_small_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
