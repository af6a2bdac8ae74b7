/* SPDX-License-Identifier: MIT */
#include "control/access/audit.h"

#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void note(struct audit *a, struct state *s, struct span what)
{
    struct state_change changes[AUDIT_CHANGES];
    struct arena mem;
    arena_init(&mem, 1 << 16);
    struct audit_entry e = {.at_wall_ms = 1000, .who = SPAN("ops"), .what = what};
    size_t count = audit_next(a, &e, changes, &mem);
    if (state_commit(s, changes, count) == 0)
        audit_done(a);
    arena_finish(&mem);
}

/* How many entries, and the number of the first. */
static size_t entries(struct state *s, uint64_t from, uint64_t before, uint64_t *first)
{
    struct buf text;
    struct json_out o;
    struct json_in in;
    buf_init(&text, 1 << 20);
    json_out_begin(&o, &text);
    json_out_array(&o, NULL);
    assert_int_equal(audit_write(s, from, before, &o), 0);
    json_out_end_array(&o);
    assert_int_equal(json_in_parse(&in, buf_span(&text), 1 << 20), 0);
    size_t count = json_in_count(in.root);
    *first = count > 0 ? json_in_u64(&in, json_in_at(in.root, 0), "seq", 0) : 0;
    json_in_finish(&in);
    buf_finish(&text);
    return count;
}

static void numbers_go_on_and_the_oldest_go(void **state)
{
    (void)state;
    struct state *s = state_memory_create(-1);
    struct audit *a;
    uint64_t first;
    assert_int_equal(audit_open(&a, s, 5), 0);
    assert_int_equal(entries(s, 1, 100, &first), 0);
    for (int i = 0; i < 8; i++)
        note(a, s, SPAN("PUT /v1/sites/x"));
    audit_close(&a);
    assert_int_equal(audit_open(&a, s, 5), 0);
    assert_int_equal(audit_head(a), 8);
    assert_int_equal(entries(s, 1, 100, &first), 5);
    assert_int_equal(first, 4);
    assert_int_equal(entries(s, 5, 7, &first), 2);
    assert_int_equal(first, 5);
    audit_close(&a);
    state_close(&s);
}

static void a_number_is_free_again_where_the_commit_failed(void **state)
{
    (void)state;
    struct state *s = state_memory_create(1);
    struct audit *a;
    assert_int_equal(audit_open(&a, s, 5), 0);
    note(a, s, SPAN("one"));
    note(a, s, SPAN("lost"));
    assert_int_equal(audit_head(a), 1);
    audit_close(&a);
    state_close(&s);
}

static void long_texts_are_cut_and_any_bytes_are_json(void **state)
{
    (void)state;
    char text[5000];
    struct state *s = state_memory_create(-1);
    struct audit *a;
    uint64_t first;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(1 + i % 250); /* no path holds a zero */
    assert_int_equal(audit_open(&a, s, 5), 0);
    note(a, s, span_make(text, sizeof text));
    assert_int_equal(entries(s, 1, 100, &first), 1);
    audit_close(&a);
    state_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_go_on_and_the_oldest_go),
        cmocka_unit_test(a_number_is_free_again_where_the_commit_failed),
        cmocka_unit_test(long_texts_are_cut_and_any_bytes_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
