/* SPDX-License-Identifier: MIT */

/* Marks against a model that remembers every purge: exact while there is room, and never too little
 * when there is none. */
#include "edge/store/purge_marks.h"

#include "tests/unit/edge/store/store_help.h"

#include <stdlib.h>

#define TABLE_BYTES (4 * MIB) /* of store: the smallest table */

static struct store *home; /* of objects: they are in no index */

/* An object with what is compared. The key is "SITE\nHOST\nPATH". */
static struct object *object_like(const char *key, const char *tags)
{
    static const struct freshness fresh;
    struct fields none = {.v = NULL};
    uint64_t hashes[3];
    struct tag_set set = {.v = hashes};
    struct span rest = span_of(tags);
    while (rest.n > 0) {
        struct span tag = span_cut(rest, ' ', &rest);
        set.groups += tag.p[0] == 'G';
        hashes[set.count++] = tag_hash(tag);
    }
    struct object_spec spec = {.key.text = span_of(key),
                               .site = span_cut(span_of(key), '\n', &(struct span){NULL, 0}),
                               .tags = set,
                               .status = 200,
                               .fields = &none,
                               .freshness = &fresh,
                               .generation = generation_create(home, 0, KIB)};
    struct object *o = object_create(home, &spec);
    assert_non_null(o);
    generation_unref(&spec.generation);
    return o;
}

static int home_make(void **state)
{
    (void)state;
    home = store_for_test(8 * MIB, MIB);
    return 0;
}

static int home_leave(void **state)
{
    (void)state;
    store_destroy(&home);
    return 0;
}

static void a_purge_falls_on_exactly_what_is_in_its_scope(void **state)
{
    (void)state;
    const struct {
        struct purge_scope scope;
        const char *key, *tags;
        bool is_met;
    } rows[] = {
        {{.kind = PURGE_ALL}, "a\nh\n/x", "", true},
        {{PURGE_SITE, SPAN("a"), SPAN_NONE, SPAN_NONE}, "a\nh\n/x", "", true},
        {{PURGE_SITE, SPAN("a"), SPAN_NONE, SPAN_NONE}, "b\nh\n/x", "", false},
        {{PURGE_HOST, SPAN("a"), SPAN("h"), SPAN_NONE}, "a\nh\n/x", "", true},
        {{PURGE_HOST, SPAN("a"), SPAN("h"), SPAN_NONE}, "a\nh.h\n/x", "", false},
        {{PURGE_HOST, SPAN("a"), SPAN("h"), SPAN_NONE}, "b\nh\n/x", "", false},
        {{PURGE_PREFIX, SPAN("a"), SPAN("h"), SPAN("/x/")}, "a\nh\n/x/1", "", true},
        {{PURGE_PREFIX, SPAN("a"), SPAN("h"), SPAN("/x/")}, "a\nh\n/x/", "", true},
        {{PURGE_PREFIX, SPAN("a"), SPAN("h"), SPAN("/x/")}, "a\nh\n/x", "", false},
        {{PURGE_PREFIX, SPAN("a"), SPAN("h"), SPAN("/x/")}, "a\nh\n/X/1", "", false},
        {{PURGE_PREFIX, SPAN("a"), SPAN("h"), SPAN("/x/")}, "a\ni\n/x/1", "", false},
        {{PURGE_PREFIX, SPAN("a"), SPAN("h"), SPAN("/x?v=")}, "a\nh\n/x?v=1", "", true},
        {{PURGE_TAG, SPAN("a"), SPAN_NONE, SPAN("t")}, "a\nh\n/x", "s t", true},
        {{PURGE_TAG, SPAN("a"), SPAN_NONE, SPAN("t")}, "a\nh\n/x", "s tt T", false},
        {{PURGE_TAG, SPAN("a"), SPAN_NONE, SPAN("t")}, "b\nh\n/x", "t", false},
        {{PURGE_TAG, SPAN_NONE, SPAN_NONE, SPAN("t")}, "b\nh\n/x", "t", true},
        {{PURGE_TAG, SPAN("a"), SPAN_NONE, SPAN("G1")}, "a\nh\n/x", "t G1", true},
        {{PURGE_GROUP, SPAN("a"), SPAN("h"), SPAN("G1")}, "a\nh\n/x", "t G1", true},
        {{PURGE_GROUP, SPAN("a"), SPAN("h"), SPAN("t")}, "a\nh\n/x", "t G1", false},
        {{PURGE_GROUP, SPAN("a"), SPAN("h"), SPAN("G1")}, "a\ni\n/x", "t G1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t bytes;
        struct purge_marks *pm = purge_marks_create(TABLE_BYTES, &bytes);
        struct object *o = object_like(rows[i].key, rows[i].tags);
        for (int is_soft = 1; is_soft >= 0; is_soft--) { /* hard after soft is hard */
            enum purge_verdict met = is_soft ? PURGE_VERDICT_SOFT : PURGE_VERDICT_HARD;
            uint64_t newest, before = purge_marks_now(pm);
            purge_marks_add(pm, &rows[i].scope, is_soft != 0);
            enum purge_verdict verdict = purge_marks_judge(pm, o, before, &newest);
            if (verdict != (rows[i].is_met ? met : PURGE_VERDICT_NONE))
                fail_msg("row %zu: %d", i, verdict);
            assert_true(newest == purge_marks_newest(pm) && newest > before);
            assert_int_equal(purge_marks_judge(pm, o, newest, &newest), PURGE_VERDICT_NONE);
        }
        purge_marks_destroy(&pm);
        object_unref(&o);
    }
}

/* A purge of one of many, by a number. */
static struct purge_scope scope_of(uint64_t n, bool is_prefix, char text[2][24])
{
    int site = snprintf(text[0], 24, "s%llu", (unsigned long long)(n % 7));
    int value = snprintf(text[1], 24, "/%llu/", (unsigned long long)n);
    struct purge_scope s = {.kind = PURGE_TAG,
                            .site = span_make(text[0], (size_t)site),
                            .value = span_make(text[1], (size_t)value)};
    if (is_prefix) {
        s.kind = PURGE_PREFIX;
        s.host = SPAN("h");
    }
    return s;
}

/* Whether an object of 1 that purge n meets is met, from `since`. */
static bool is_met(struct purge_marks *pm, uint64_t n, uint64_t since)
{
    char key[48];
    uint64_t newest;
    snprintf(key, sizeof(key), "s%llu\nh\n/%llu/", (unsigned long long)(n % 7),
             (unsigned long long)n);
    char tag[24];
    snprintf(tag, sizeof(tag), "/%llu/", (unsigned long long)n);
    struct object *o = object_like(key, tag);
    bool is = purge_marks_judge(pm, o, since, &newest) != PURGE_VERDICT_NONE;
    object_unref(&o);
    return is;
}

static void at_the_bound_too_much_goes_and_never_too_little(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static uint64_t before[COUNT];
    char text[2][24];
    size_t bytes;
    struct purge_marks *pm = purge_marks_create(TABLE_BYTES, &bytes);
    for (uint64_t n = 0; n < COUNT; n++) {
        struct purge_scope scope = scope_of(n, n % 11 == 0, text);
        before[n] = purge_marks_now(pm);
        purge_marks_add(pm, &scope, n % 3 == 0);
        assert_true(purge_marks_count(pm) <= 512);
        uint64_t older = n * 7919 % (n + 1);
        if (!is_met(pm, older, before[older]))
            fail_msg("after %llu purges the one of %llu is lost", (unsigned long long)n,
                     (unsigned long long)older);
    }
    assert_false(is_met(pm, 5, purge_marks_now(pm)));
    purge_marks_destroy(&pm);
}

static void what_was_swept_is_forgotten_before_anything_is_merged(void **state)
{
    (void)state;
    char text[2][24];
    size_t bytes;
    struct purge_marks *pm = purge_marks_create(TABLE_BYTES, &bytes);
    uint64_t first = purge_marks_now(pm), lost = 0;
    for (uint64_t n = 0; n < 20000; n++) {
        struct purge_scope scope = scope_of(n, n % 11 == 0, text);
        uint64_t before = purge_marks_now(pm);
        purge_marks_add(pm, &scope, false);
        lost += !is_met(pm, n, before);
        lost += is_met(pm, n + 1000000, first); /* purged by nobody */
        if (n % 50 == 49)
            purge_marks_swept(pm, purge_marks_newest(pm));
    }
    assert_int_equal(lost, 0);
    assert_true(purge_marks_floor(pm) > first);
    purge_marks_destroy(&pm);
}

static void many_sites_at_the_bound_do_not_take_everything(void **state)
{
    (void)state;
    char site[24];
    size_t bytes;
    struct purge_marks *pm = purge_marks_create(TABLE_BYTES, &bytes);
    uint64_t newest, first = purge_marks_now(pm);
    struct object *quiet = object_like("quiet\nh\n/x", "t");
    for (int n = 0; n < 2000; n++) { /* one site is busy, forty are not */
        int length = snprintf(site, sizeof(site), "s%d", n % 5 == 0 ? n % 41 : 99);
        struct purge_scope scope = {.kind = PURGE_TAG,
                                    .site = span_make(site, (size_t)length),
                                    .value = span_make(&n, sizeof(n))};
        purge_marks_add(pm, &scope, false);
    }
    assert_int_equal(purge_marks_judge(pm, quiet, first, &newest), PURGE_VERDICT_NONE);
    object_unref(&quiet);
    purge_marks_destroy(&pm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_purge_falls_on_exactly_what_is_in_its_scope),
        cmocka_unit_test(at_the_bound_too_much_goes_and_never_too_little),
        cmocka_unit_test(what_was_swept_is_forgotten_before_anything_is_merged),
        cmocka_unit_test(many_sites_at_the_bound_do_not_take_everything),
    };
    return cmocka_run_group_tests(tests, home_make, home_leave);
}
