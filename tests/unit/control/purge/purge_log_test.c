/* SPDX-License-Identifier: MIT */
#include "control/purge/fanout.h"
#include "control/purge/purge_log.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static int append_one(struct purge_log *l, struct state *s, struct purge_record *r)
{
    struct state_change changes[PURGE_LOG_CHANGES];
    struct arena mem;
    arena_init(&mem, 64 << 10);
    int err = state_commit(s, changes, purge_log_next(l, r, changes, &mem));
    if (err == 0)
        purge_log_put(l, r);
    arena_finish(&mem);
    return err;
}

static void append(struct purge_log *l, struct state *s, int count)
{
    for (int i = 0; i < count; i++) {
        char url[64];
        int n = snprintf(url, sizeof url, "http://h/%d", (int)purge_log_head(l) + 1);
        struct purge_record r = {.purge = {.kind = HEARTBEAT_PURGE_URL,
                                           .site = SPAN("games"),
                                           .value = span_make(url, (size_t)n)},
                                 .at_wall_ms = 1000 + i};
        assert_int_equal(append_one(l, s, &r), 0);
    }
}

static void numbers_go_on_after_a_restart_and_the_id_stays(void **state)
{
    (void)state;
    struct state *s = state_memory_create(-1);
    struct purge_log *l;
    struct arena mem;
    struct purge_record r;
    arena_init(&mem, 1 << 20);
    assert_int_equal(purge_log_open(&l, s, 10), 0);
    struct span id = arena_dup(&mem, purge_log_id(l));
    assert_int_equal(id.n, PURGE_LOG_ID_BYTES);
    append(l, s, 25);
    purge_log_close(&l);
    assert_int_equal(purge_log_open(&l, s, 10), 0);
    assert_true(span_eq(purge_log_id(l), id));
    assert_int_equal(purge_log_head(l), 25);
    append(l, s, 1);
    assert_int_equal(purge_log_find(l, 16, &r, &mem), ERR_NOT_FOUND);
    assert_int_equal(purge_log_find(l, 17, &r, &mem), 0);
    assert_true(span_eq(r.purge.value, SPAN("http://h/17")));
    assert_true(span_eq(r.purge.site, SPAN("games")));
    assert_int_equal(purge_log_find(l, 26, &r, &mem), 0);
    assert_int_equal(purge_log_find(l, 27, &r, &mem), ERR_NOT_FOUND);
    assert_int_equal(purge_log_find(l, 0, &r, &mem), ERR_NOT_FOUND);
    purge_log_close(&l);
    arena_finish(&mem);
    state_close(&s);
}

static void an_edge_gets_what_follows_its_position(void **state)
{
    (void)state;
    static const struct {
        uint64_t seq;
        size_t count;
        uint64_t first;
    } rows[] = {{0, 0, 0},      {690, 0, 0},  {699, 256, 700},
                {950, 50, 951}, {1000, 0, 0}, {1001, 0, 0}};
    struct state *s = state_memory_create(-1);
    struct purge_log *l;
    assert_int_equal(purge_log_open(&l, s, 301), 0);
    append(l, s, 1000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct heartbeat_answer a = {0};
        struct arena mem;
        arena_init(&mem, 1 << 20);
        purge_log_answer(l, purge_log_id(l), rows[i].seq, &a, &mem);
        assert_int_equal(a.purge_head, 1000);
        assert_int_equal(a.purge_floor, 700);
        assert_int_equal(a.purge_count, rows[i].count);
        for (size_t k = 0; k < a.purge_count; k++)
            assert_int_equal(a.purges[k].seq, rows[i].first + k);
        purge_log_answer(l, SPAN("other"), rows[i].seq, &a, &mem);
        assert_int_equal(a.purge_count, 0);
        arena_finish(&mem);
    }
    purge_log_close(&l);
    state_close(&s);
}

static void what_is_not_durable_did_not_happen(void **state)
{
    (void)state;
    struct state *s = state_memory_create(3); /* the id and two purges */
    struct purge_log *l;
    struct purge_record r = {.purge = {.kind = HEARTBEAT_PURGE_SITE}};
    assert_int_equal(purge_log_open(&l, s, 10), 0);
    append(l, s, 2);
    assert_int_equal(append_one(l, s, &r), ERR_IO);
    assert_int_equal(purge_log_head(l), 2);
    purge_log_close(&l);
    state_close(&s);
}

static void a_damaged_purge_is_read_as_the_widest(void **state)
{
    (void)state;
    static const char *const facts[] = {"{nonsense", "{\"kind\":\"tag\",\"site\":\"a\"}",
                                        "{\"kind\":\"prefix\",\"site\":\"a\",\"value\":1}",
                                        "{\"kind\":\"of tomorrow\",\"value\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        struct state *s = state_memory_create(-1);
        struct state_change damaged = {STATE_PURGE, SPAN("00000000000000000007"),
                                       span_of(facts[i])};
        struct purge_log *l;
        struct arena mem;
        struct purge_record r;
        arena_init(&mem, 4096);
        assert_int_equal(state_commit(s, &damaged, 1), 0);
        assert_int_equal(purge_log_open(&l, s, 10), 0);
        assert_int_equal(purge_log_find(l, 7, &r, &mem), 0);
        assert_int_equal(r.purge.kind, HEARTBEAT_PURGE_SITE);
        assert_int_equal(r.purge.site.n, 0);
        purge_log_close(&l);
        arena_finish(&mem);
        state_close(&s);
    }
}

static void a_purge_of_each_kind_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct state *s = state_memory_create(-1);
    struct purge_log *l;
    assert_int_equal(purge_log_open(&l, s, 10), 0);
    for (int kind = 0; kind < HEARTBEAT_PURGE_KINDS; kind++) {
        struct purge_record r = {.purge = {.kind = (enum heartbeat_purge_kind)kind,
                                           .site = SPAN("games"),
                                           .value = SPAN("http://h/")}};
        assert_int_equal(append_one(l, s, &r), 0);
    }
    purge_log_close(&l);
    assert_int_equal(purge_log_open(&l, s, 10), 0);
    for (int kind = 0; kind < HEARTBEAT_PURGE_KINDS; kind++) {
        struct arena mem;
        struct purge_record r;
        arena_init(&mem, 4096);
        assert_int_equal(purge_log_find(l, (uint64_t)kind + 1, &r, &mem), 0);
        assert_int_equal(r.purge.kind, kind);
        assert_true(span_eq(r.purge.value, SPAN("http://h/")));
        arena_finish(&mem);
    }
    purge_log_close(&l);
    state_close(&s);
}

static void a_purge_is_complete_when_all_that_are_heard_have_it(void **state)
{
    (void)state;
    struct registry_position nodes[] = {
        {.id = SPAN("a"), .purge_log = SPAN("x"), .purge_seq = 7, .is_heard = true},
        {.id = SPAN("b"), .purge_log = SPAN("x"), .purge_seq = 6, .is_heard = true},
        {.id = SPAN("c"), .purge_log = SPAN("y"), .purge_seq = 9, .is_heard = true},
        {.id = SPAN("d"), .purge_log = SPAN("x"), .purge_seq = 1, .is_heard = false},
        {.id = SPAN("e"), .purge_log = SPAN("x"), .purge_seq = 8, .is_heard = false},
    };
    struct fanout f = fanout_of(nodes, 5, SPAN("x"), 7);
    assert_int_equal(f.applied, 2);
    assert_int_equal(f.waiting, 2);
    assert_int_equal(f.away, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_go_on_after_a_restart_and_the_id_stays),
        cmocka_unit_test(an_edge_gets_what_follows_its_position),
        cmocka_unit_test(what_is_not_durable_did_not_happen),
        cmocka_unit_test(a_damaged_purge_is_read_as_the_widest),
        cmocka_unit_test(a_purge_of_each_kind_is_read_as_it_was_written),
        cmocka_unit_test(a_purge_is_complete_when_all_that_are_heard_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
