/* SPDX-License-Identifier: MIT */
#include "control/rollout/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct plan_rules rules = {
    .hold_ms = 10000, .share = 0.1, .rise = 0.02, .least_requests = 50};

static size_t members(enum plan_stage stage, struct plan_node *v, size_t count)
{
    return plan_choose(stage, &rules, v, count);
}

static void first_one_then_a_share_then_all(void **state)
{
    (void)state;
    struct plan_node v[100] = {{.hash = 0}};
    for (size_t i = 0; i < 100; i++)
        v[i] = (struct plan_node){.hash = (i * 7919) % 1000 + 1, .is_heard = true};
    assert_int_equal(members(PLAN_CANARY, v, 100), 1);
    size_t canary = 0;
    while (!v[canary].is_member)
        canary++;
    assert_int_equal(members(PLAN_SHARE, v, 100), 10);
    assert_true(v[canary].is_member);
    v[canary].is_heard = false;
    assert_int_equal(members(PLAN_CANARY, v, 100), 1);
    assert_false(v[canary].is_member);
    assert_int_equal(members(PLAN_DONE, v, 100), 100);
    assert_int_equal(members(PLAN_SHARE, v, 5), 2);
    assert_int_equal(members(PLAN_SHARE, v, 1), v[0].is_heard ? 1 : 0);
    assert_int_equal(members(PLAN_CANARY, v, 0), 0);
    assert_false(plan_have_all(v, 0));
}

static void the_verdict_is_by_table(void **state)
{
    (void)state;
    static const struct {
        struct plan_node member, other;
        msec_t held_ms;
        enum plan_verdict verdict;
        const char *word;
    } rows[] = {
        {{.requests = 100}, {.requests = 100}, 9999, PLAN_WAIT, ""},
        {{.requests = 100}, {.requests = 100}, 10000, PLAN_GO_ON, ""},
        {{.requests = 100}, {.requests = 100}, -1, PLAN_WAIT, ""},
        {{.requests = 0}, {.requests = 0}, 10000, PLAN_GO_ON, ""},
        {{.requests = 100, .errors = 3}, {.requests = 100}, 1, PLAN_RETURN, "other edges"},
        {{.requests = 100, .errors = 2}, {.requests = 100}, 1, PLAN_WAIT, ""},
        {{.requests = 49, .errors = 49}, {.requests = 100}, 1, PLAN_WAIT, ""},
        {{.requests = 100, .errors = 30}, {.requests = 100, .errors = 29}, 1, PLAN_WAIT, ""},
        {{.requests = 100, .errors = 30}, {.requests = 10, .errors = 3}, 1, PLAN_RETURN, "before"},
        {{.requests = 100, .errors = 30, .old_requests = 1000, .old_errors = 300},
         {.requests = 0},
         1,
         PLAN_WAIT,
         ""},
        {{.refuses = true}, {.requests = 0}, -1, PLAN_RETURN, "refuses"},
        {{.requests = 1}, {.refuses = true}, 10000, PLAN_GO_ON, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char why[PLAN_WHY_BYTES];
        struct plan_node v[2] = {rows[i].member, rows[i].other};
        v[0].is_member = true;
        struct plan_view view = {v, 2, rows[i].held_ms};
        assert_int_equal(plan_judge(&view, &rules, why), rows[i].verdict);
        assert_non_null(strstr(why, rows[i].word));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_one_then_a_share_then_all),
        cmocka_unit_test(the_verdict_is_by_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
