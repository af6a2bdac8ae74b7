/* SPDX-License-Identifier: MIT */
#include "control/registry/health.h"

#include "control/registry/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define MAX 8
static const struct health_rules *const rules = &health_rules_default;

/* n nodes that beat every second until their time is up (last_beat_ms), judged four times a second
 * until `until_ms`. Returns whether the picture was frozen at the end. */
static bool run_until(struct health *v, size_t n, const msec_t *last_beat_ms, msec_t until_ms)
{
    struct health *all[MAX];
    struct health_sight sight = {false};
    for (size_t i = 0; i < n; i++)
        all[i] = &v[i];
    for (msec_t now = 0; now <= until_ms; now += 250) {
        for (size_t i = 0; i < n; i++)
            if (now % 1000 == 0 && now <= last_beat_ms[i])
                health_beat(&v[i], rules, now);
        health_judge(all, n, rules, now, &sight);
    }
    return sight.is_frozen;
}

static void a_first_beat_is_up_and_three_seconds_of_silence_are_down(void **state)
{
    (void)state;
    struct health v[1] = {{.state = HEALTH_UNSEEN}};
    msec_t last[] = {5000};
    run_until(v, 1, last, 7750);
    assert_int_equal(v[0].state, HEALTH_UP);
    v[0] = (struct health){.state = HEALTH_UNSEEN};
    run_until(v, 1, last, 8000);
    assert_int_equal(v[0].state, HEALTH_DOWN);
}

static void an_unseen_node_stays_so_and_counts_for_nothing(void **state)
{
    (void)state;
    struct health v[4] = {{.state = HEALTH_UNSEEN}};
    msec_t last[] = {60000, 60000, -1, -1};
    assert_false(run_until(v, 4, last, 60000));
    assert_int_equal(v[2].state, HEALTH_UNSEEN);
    assert_int_equal(v[0].state, HEALTH_UP);
}

static void a_node_that_was_down_is_up_after_ten_steady_seconds(void **state)
{
    (void)state;
    struct health h = {.state = HEALTH_DOWN};
    struct health *all[] = {&h};
    struct health_sight frozen = {false};
    for (msec_t now = 100000; now < 110000; now += 1000) {
        health_beat(&h, rules, now);
        health_judge(all, 1, rules, now, &frozen);
        assert_int_equal(h.state, HEALTH_RECOVERING);
    }
    health_beat(&h, rules, 110000);
    assert_int_equal(health_judge(all, 1, rules, 110000, &frozen), 1);
    assert_int_equal(h.state, HEALTH_UP);
}

static void a_gap_begins_the_ten_seconds_anew(void **state)
{
    (void)state;
    struct health h = {.state = HEALTH_DOWN};
    struct health *all[] = {&h};
    struct health_sight frozen = {false};
    health_beat(&h, rules, 1000);
    health_beat(&h, rules, 2000);
    health_judge(all, 1, rules, 5000, &frozen);
    assert_int_equal(h.state, HEALTH_DOWN);
    health_beat(&h, rules, 9000);
    health_beat(&h, rules, 10000);
    health_judge(all, 1, rules, 11500, &frozen);
    assert_int_equal(h.state, HEALTH_RECOVERING);
}

static void more_than_half_of_at_least_three_freeze(void **state)
{
    (void)state;
    static const struct {
        size_t nodes, vanish;
        bool is_frozen;
    } rows[] = {{1, 1, false}, {2, 2, false}, {3, 1, false}, {3, 2, true}, {3, 3, true},
                {4, 2, false}, {4, 3, true},  {8, 4, false}, {8, 5, true}, {8, 8, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct health v[MAX] = {{.state = HEALTH_UNSEEN}};
        msec_t last[MAX];
        for (size_t k = 0; k < MAX; k++)
            last[k] = k < rows[i].vanish ? 10000 : 60000;
        bool is_frozen = run_until(v, rows[i].nodes, last, 20000);
        assert_int_equal(is_frozen, rows[i].is_frozen);
        for (size_t k = 0; k < rows[i].vanish; k++)
            assert_int_equal(v[k].state, rows[i].is_frozen ? HEALTH_UP : HEALTH_DOWN);
    }
}

static void nodes_that_vanish_one_after_the_other_go_down(void **state)
{
    (void)state;
    struct health v[4] = {{.state = HEALTH_UNSEEN}};
    msec_t last[] = {10000, 15000, 60000, 60000};
    assert_false(run_until(v, 4, last, 30000));
    assert_int_equal(v[0].state, HEALTH_DOWN);
    assert_int_equal(v[1].state, HEALTH_DOWN);
    assert_int_equal(v[2].state, HEALTH_UP);
}

static void a_frozen_picture_thaws_when_enough_are_heard(void **state)
{
    (void)state;
    struct health v[3] = {{.state = HEALTH_UNSEEN}};
    struct health *all[] = {&v[0], &v[1], &v[2]};
    msec_t last[] = {10000, 10000, 10000};
    struct health_sight sight = {.is_frozen = run_until(v, 3, last, 30000), .frozen_at = 12000};
    assert_true(sight.is_frozen);
    health_beat(&v[0], rules, 31000);
    health_judge(all, 3, rules, 31000, &sight);
    assert_true(sight.is_frozen);
    health_beat(&v[1], rules, 31100);
    health_judge(all, 3, rules, 31100, &sight);
    assert_false(sight.is_frozen);
    assert_int_equal(v[0].state, HEALTH_UP);
    assert_int_equal(v[2].state, HEALTH_DOWN);
}

static void a_freeze_ends_after_a_minute(void **state)
{
    (void)state;
    struct health v[4] = {{.state = HEALTH_UNSEEN}};
    msec_t last[] = {10000, 10000, 10000, 900000};
    assert_true(run_until(v, 4, last, 71000));
    for (int i = 0; i < 4; i++)
        v[i] = (struct health){.state = HEALTH_UNSEEN};
    assert_false(run_until(v, 4, last, 73000));
    assert_int_equal(v[0].state, HEALTH_DOWN);
    assert_int_equal(v[3].state, HEALTH_UP);
}

static void a_node_that_came_back_does_not_come_back_twice_a_minute(void **state)
{
    (void)state;
    struct health h = {.state = HEALTH_DOWN};
    struct health *all[] = {&h};
    struct health_sight sight = {false};
    msec_t back[2] = {0, 0};
    for (msec_t now = 100000, n = 0; now < 200000 && n < 2; now += 250) {
        bool is_gone = h.state == HEALTH_UP; /* it dies as soon as it is up */
        if (!is_gone && now % 1000 == 0)
            health_beat(&h, rules, now);
        enum health_state before = h.state;
        health_judge(all, 1, rules, now, &sight);
        if (before == HEALTH_RECOVERING && h.state == HEALTH_UP)
            back[n++] = now;
    }
    assert_true(back[0] > 0 && back[1] - back[0] >= 60000 && back[1] - back[0] < 61000);
}

static void probes_cut_off_and_bring_back_slowly(void **state)
{
    (void)state;
    struct reach r = {false};
    assert_false(reach_note(&r, false, 1000));
    assert_false(reach_note(&r, false, 2000));
    assert_false(reach_note(&r, true, 3000)); /* not in a row */
    assert_false(reach_note(&r, false, 4000));
    assert_false(reach_note(&r, false, 5000));
    assert_true(reach_note(&r, false, 6000));
    assert_true(r.is_cut);
    for (msec_t now = 7000; now < 66000; now += 1000)
        assert_false(reach_note(&r, true, now));
    assert_true(reach_note(&r, true, 66000));
    assert_false(r.is_cut);
}

static void after_a_restart_there_is_a_grace(void **state)
{
    (void)state;
    struct health h;
    struct health *all[] = {&h};
    struct health_sight frozen = {false};
    health_restore(&h, HEALTH_UP, rules, 1000);
    health_judge(all, 1, rules, 5999, &frozen);
    assert_int_equal(h.state, HEALTH_UP);
    health_judge(all, 1, rules, 6000, &frozen);
    assert_int_equal(h.state, HEALTH_DOWN);
    health_restore(&h, HEALTH_RECOVERING, rules, 1000);
    assert_int_equal(h.state, HEALTH_DOWN);
    health_restore(&h, HEALTH_UNSEEN, rules, 1000);
    assert_true(health_beat(&h, rules, 1001));
    assert_int_equal(h.state, HEALTH_UP);
}

static void names_are_read_back(void **state)
{
    (void)state;
    enum health_state s;
    for (int i = 0; i < HEALTH_STATE_COUNT; i++) {
        assert_true(health_state_parse(health_state_name((enum health_state)i), &s));
        assert_int_equal(s, i);
    }
    assert_false(health_state_parse("well", &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_beat_is_up_and_three_seconds_of_silence_are_down),
        cmocka_unit_test(an_unseen_node_stays_so_and_counts_for_nothing),
        cmocka_unit_test(a_node_that_was_down_is_up_after_ten_steady_seconds),
        cmocka_unit_test(a_gap_begins_the_ten_seconds_anew),
        cmocka_unit_test(more_than_half_of_at_least_three_freeze),
        cmocka_unit_test(nodes_that_vanish_one_after_the_other_go_down),
        cmocka_unit_test(a_frozen_picture_thaws_when_enough_are_heard),
        cmocka_unit_test(a_freeze_ends_after_a_minute),
        cmocka_unit_test(a_node_that_came_back_does_not_come_back_twice_a_minute),
        cmocka_unit_test(probes_cut_off_and_bring_back_slowly),
        cmocka_unit_test(after_a_restart_there_is_a_grace),
        cmocka_unit_test(names_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
