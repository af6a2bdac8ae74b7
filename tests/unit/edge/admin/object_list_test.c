/* SPDX-License-Identifier: MIT */
#include "edge/admin/object_list.h"

#include "lib/base/mem.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static void add(struct object_list *l, const char *key, int64_t bytes, uint64_t id)
{
    struct object_row r = {.key = span_of(key),
                           .id = id,
                           .hits = id % 7,
                           .bytes = bytes,
                           .disk_bytes = bytes / 2,
                           .stored_wall = (msec_t)(1000 + id)};
    object_list_add(l, &r);
}

/* 5,000 rows in no order, page by page: each one once, in order. */
static void pages_hold_every_row_once_and_in_order(void **state)
{
    (void)state;
    static const enum object_sort sorts[] = {OBJECT_SORT_BYTES, OBJECT_SORT_HITS, OBJECT_SORT_AGE};
    for (size_t s = 0; s < ARRAY_LEN(sorts); s++) {
        static bool seen[5000];
        struct object_mark after = {0}, before = {.value = INT64_MAX, .id = UINT64_MAX};
        bool has_after = false, has_more = true;
        memset(seen, 0, sizeof(seen));
        for (int pages = 0; has_more; pages++) {
            struct object_list l = {
                .sort = sorts[s], .limit = 700, .has_after = has_after, .after = after};
            object_list_init(&l);
            for (uint64_t i = 0; i < 5000; i++)
                add(&l, "s\nh\n/a", (int64_t)(i * 7919 % 613), i * 7919 % 5000);
            object_list_order(&l);
            assert_int_equal(l.total.objects, 5000);
            for (uint32_t i = 0; i < l.count; i++) {
                struct object_mark m = object_list_mark(&l, &l.rows[i]);
                assert_true(m.value < before.value ||
                            (m.value == before.value && m.id < before.id));
                assert_false(seen[l.rows[i].id]);
                seen[l.rows[i].id] = true;
                before = m;
            }
            char text[OBJECT_MARK_BYTES];
            object_mark_write(&before, text);
            assert_true(object_mark_read(span_of(text), &after));
            has_after = true;
            has_more = l.has_more;
            object_list_finish(&l);
            assert_true(pages < 8);
        }
        for (size_t i = 0; i < ARRAY_LEN(seen); i++)
            assert_true(seen[i]);
    }
}

static void sums_are_of_the_next_folder(void **state)
{
    (void)state;
    struct object_list l = {
        .filter = {.site = SPAN("s"), .path = SPAN("/games/")}, .limit = 2, .is_sums = true};
    object_list_init(&l);
    add(&l, "s\nh\n/games/a/1", 100, 1);
    add(&l, "s\nh\n/games/a/2?x=/y", 200, 2);
    add(&l, "s\nh\n/games/b/1\nhttps", 250, 3);
    add(&l, "s\nh\n/games/c", 10, 4);
    add(&l, "s\nh\n/games/d/", 20, 5);
    object_list_order(&l);
    assert_int_equal(l.sum_count, 2);
    assert_int_equal(l.sums[0].bytes, 300);
    assert_int_equal(l.sums[0].objects, 2);
    assert_true(span_eq(l.sums[0].name, SPAN("h\n/games/a/")));
    assert_true(span_eq(l.sums[1].name, SPAN("h\n/games/b/")));
    assert_int_equal(l.other.bytes, 30);
    assert_int_equal(l.total.bytes, 580);
    object_list_finish(&l);
}

static void sums_stay_within_their_bound(void **state)
{
    (void)state;
    struct object_list l = {.filter = {.site = SPAN("s")}, .limit = 10, .is_sums = true};
    char key[64];
    object_list_init(&l);
    for (uint64_t i = 0; i < 3 * OBJECT_SUMS_MAX; i++) {
        snprintf(key, sizeof(key), "s\nh\n/%llu/x", (unsigned long long)i);
        add(&l, key, 1, i);
    }
    object_list_order(&l);
    assert_int_equal(l.sum_count, 10);
    assert_int_equal(l.other.objects, 3 * OBJECT_SUMS_MAX - 10);
    object_list_finish(&l);
}

static void filters_compare_whole_names(void **state)
{
    (void)state;
    struct object_filter f = {.site = SPAN("s"), .host = SPAN("h"), .path = SPAN("/a")};
    assert_true(object_filter_fits(&f, SPAN("s\nh\n/ab")));
    assert_false(object_filter_fits(&f, SPAN("st\nh\n/ab")));
    assert_false(object_filter_fits(&f, SPAN("s\nhh\n/ab")));
    assert_false(object_filter_fits(&f, SPAN("s\nh\n/")));
    assert_true(object_filter_fits(&(struct object_filter){0}, SPAN("s\nh\n/")));
}

static void marks_are_strict(void **state)
{
    (void)state;
    struct object_mark m;
    assert_false(object_mark_read(SPAN(""), &m));
    assert_false(object_mark_read(SPAN("00000000000000010000000000000002x"), &m));
    assert_false(object_mark_read(SPAN("0000000000000001000000000000000G"), &m));
    assert_false(object_mark_read(SPAN("000000000000000100000000000000\0002"), &m));
    assert_true(object_mark_read(SPAN("ffffffffffffffff0000000000000002"), &m));
    assert_int_equal(m.value, -1);
    assert_int_equal(m.id, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_hold_every_row_once_and_in_order),
        cmocka_unit_test(sums_are_of_the_next_folder),
        cmocka_unit_test(sums_stay_within_their_bound),
        cmocka_unit_test(filters_compare_whole_names),
        cmocka_unit_test(marks_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
