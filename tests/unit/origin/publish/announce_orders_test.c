/* SPDX-License-Identifier: MIT */
#include "origin/publish/announce_orders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define OLD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct tree_file files[] = {
    {.entry = {.path = {"/a b.bin", 8}}},
    {.entry = {.path = {"/a b.bin.dcz-" OLD, 77}}},
    {.entry = {.path = {"/d/c", 4}}},
};
static const struct tree tree = {.files = files, .count = 3};

static struct announce_orders orders_of(const struct publish_changes *changes, const char *edges)
{
    return (struct announce_orders){.site = SPAN("http://dl.example"),
                                    .name = SPAN("game/1"),
                                    .edges = edges,
                                    .tree = &tree,
                                    .changes = changes};
}

static void says(const struct buf *body, const char *expected)
{
    assert_int_equal(body->n, strlen(expected));
    assert_memory_equal(body->p, expected, body->n);
}

static void a_new_release_is_purged_as_a_whole(void **state)
{
    (void)state;
    static const struct publish_changes none;
    struct announce_orders o = orders_of(&none, NULL);
    struct buf body;
    buf_init(&body, 65536);
    assert_true(announce_next_purge(&o, &body));
    says(&body, "{\"prefix\":\"http://dl.example/game/1/\"}");
    assert_true(announce_next_purge(&o, &body));
    says(&body, "{\"url\":\"http://dl.example/game/1.meta4\"}");
    assert_true(announce_next_purge(&o, &body));
    says(&body, "{\"url\":\"http://dl.example/game/1.torrent\"}");
    assert_false(announce_next_purge(&o, &body));
    assert_false(announce_next_prefill(&o, &body));
    buf_finish(&body);
}

static void few_changes_are_purged_one_by_one(void **state)
{
    (void)state;
    static const struct publish_changes two = {.paths = {{"/a b.bin", 8}, {"/gone", 5}},
                                               .count = 2};
    static const char *const urls[] = {"/a%20b.bin", "/a%20b.bin.meta4", "/a%20b.bin.torrent",
                                       "/gone",      "/gone.meta4",      "/gone.torrent",
                                       ".meta4",     ".torrent"};
    struct announce_orders o = orders_of(&two, NULL);
    struct buf body;
    char expected[256];
    buf_init(&body, 65536);
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        assert_true(announce_next_purge(&o, &body));
        snprintf(expected, sizeof expected, "{\"url\":\"http://dl.example/game/1%s\"}", urls[i]);
        says(&body, expected);
    }
    assert_false(announce_next_purge(&o, &body));
    buf_finish(&body);
}

static void a_prefill_names_the_files_and_the_edges(void **state)
{
    (void)state;
    static const struct publish_changes none;
    struct announce_orders o = orders_of(&none, "seoul-1,tokyo-1");
    struct buf body;
    buf_init(&body, 65536);
    assert_true(announce_next_prefill(&o, &body));
    says(&body, "{\"nodes\":[\"seoul-1\",\"tokyo-1\"],\"urls\":[\"http://dl.example/game/1/"
                "a%20b.bin\",\"http://dl.example/game/1/d/c\"]}");
    assert_false(announce_next_prefill(&o, &body));
    o = orders_of(&none, "all");
    assert_true(announce_next_prefill(&o, &body));
    assert_true(span_starts(buf_span(&body), SPAN("{\"urls\":[")));
    buf_finish(&body);
}

static void a_token_is_one_line(void **state)
{
    (void)state;
    assert_true(span_eq(announce_token(SPAN(" abc \n\nx")), SPAN("abc")));
    assert_true(span_eq(announce_token(SPAN("abc")), SPAN("abc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_release_is_purged_as_a_whole),
        cmocka_unit_test(few_changes_are_purged_one_by_one),
        cmocka_unit_test(a_prefill_names_the_files_and_the_edges),
        cmocka_unit_test(a_token_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
