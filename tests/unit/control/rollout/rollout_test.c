/* SPDX-License-Identifier: MIT */
#include "control/rollout/rollout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define EDGES 20

static void put(struct rollout *r, uint64_t version, struct span text, bool is_direct)
{
    rollout_put(r, version, &(struct rollout_text){text, text}, is_direct);
}

static const struct plan_rules rules = {
    .hold_ms = 1000, .share = 0.2, .rise = 0.02, .least_requests = 10};

/* Edges that take what they are given, but for what they refuse. */
struct edge {
    char name[8];
    uint64_t version, refused, refuses, requests, errors, bad;
};

static void beat(struct rollout *r, struct edge *e, msec_t now)
{
    struct rollout_document *d;
    struct heartbeat h = {.node = span_of(e->name),
                          .boot = SPAN("b"),
                          .config_version = e->version,
                          .config_refused = e->refused,
                          .config_fault = SPAN("no such option")};
    e->requests += 10;
    e->errors += e->bad != 0 && e->version == e->bad ? 5 : 0;
    h.load.requests = e->requests;
    h.load.errors = e->errors;
    rollout_beat(r, &h, now);
    uint64_t version = rollout_for(r, &h, &d);
    if (d != NULL && version == e->refuses)
        e->refused = version;
    else if (d != NULL)
        e->version = version;
    rollout_document_unref(&d);
}

static size_t running(const struct edge *v, uint64_t version)
{
    size_t n = 0;
    for (size_t i = 0; i < EDGES; i++)
        n += v[i].version == version;
    return n;
}

/* Beats and ticks until something is for the caller to do, or `until`. */
static struct rollout_step play(struct rollout *r, struct edge *v, msec_t *now, msec_t until,
                                size_t *most)
{
    struct rollout_step step = {.act = ROLLOUT_NOTHING};
    *most = 0;
    for (; *now < until; *now += 250) {
        for (size_t i = 0; i < EDGES; i++)
            beat(r, &v[i], *now);
        step = rollout_tick(r, *now);
        *most = running(v, 2) > *most ? running(v, 2) : *most;
        if (step.act == ROLLOUT_SETTLE || step.act == ROLLOUT_RETURN)
            break;
    }
    return step;
}

static struct rollout *begin(struct edge *v, msec_t *now)
{
    size_t most;
    struct rollout *r = rollout_create(&rules);
    *now = 1000;
    for (size_t i = 0; i < EDGES; i++) {
        v[i] = (struct edge){.version = 0};
        snprintf(v[i].name, sizeof v[i].name, "e%zu", i);
    }
    put(r, 1, SPAN("{\"sites\":[]}"), false);
    play(r, v, now, *now + 500, &most);
    assert_int_equal(running(v, 1), EDGES);
    assert_int_equal(rollout_stable(r), 1);
    return r;
}

static void a_good_version_reaches_all_in_stages(void **state)
{
    (void)state;
    struct edge v[EDGES];
    msec_t now;
    size_t most;
    struct rollout *r = begin(v, &now);
    assert_true(rollout_would_hold(r));
    put(r, 2, SPAN("{\"sites\":[1]}"), false);
    play(r, v, &now, now + 1000, &most);
    assert_int_equal(most, 1);
    struct rollout_step step = play(r, v, &now, now + 10000, &most);
    assert_int_equal(most, 4);
    assert_int_equal(step.act, ROLLOUT_SETTLE);
    assert_int_equal(step.version, 2);
    rollout_settle(r, 2);
    play(r, v, &now, now + 500, &most);
    assert_int_equal(running(v, 2), EDGES);
    rollout_destroy(&r);
}

static void a_version_that_makes_errors_is_to_be_taken_back(void **state)
{
    (void)state;
    struct edge v[EDGES];
    msec_t now;
    size_t most;
    struct rollout *r = begin(v, &now);
    for (size_t i = 0; i < EDGES; i++)
        v[i].bad = 2;
    put(r, 2, SPAN("{}"), false);
    struct rollout_step step = play(r, v, &now, now + 10000, &most);
    assert_int_equal(step.act, ROLLOUT_RETURN);
    assert_int_equal(step.stable, 1);
    assert_int_equal(most, 1);
    assert_non_null(strstr(step.why, "errors"));
    put(r, 3, SPAN("{}"), true);
    play(r, v, &now, now + 500, &most);
    assert_int_equal(running(v, 3), EDGES);
    rollout_destroy(&r);
}

static void a_refusal_names_the_edge_and_is_said_once(void **state)
{
    (void)state;
    struct edge v[EDGES];
    msec_t now;
    size_t most;
    struct rollout *r = begin(v, &now);
    for (size_t i = 0; i < EDGES; i++)
        v[i].refuses = 2;
    put(r, 2, SPAN("{}"), false);
    struct rollout_step step = play(r, v, &now, now + 10000, &most);
    assert_int_equal(step.act, ROLLOUT_RETURN);
    assert_non_null(strstr(step.why, "refuses it: no such option"));
    assert_int_equal(most, 0);
    assert_int_equal(rollout_tick(r, now + 1).act, ROLLOUT_NOTHING);
    rollout_destroy(&r);
}

static void an_edge_that_ran_the_canary_goes_back_when_another_version_comes(void **state)
{
    (void)state;
    struct edge v[EDGES];
    msec_t now;
    size_t most;
    struct rollout *r = begin(v, &now);
    put(r, 2, SPAN("{}"), false);
    play(r, v, &now, now + 3000, &most);
    assert_true(running(v, 2) > 1);
    put(r, 3, SPAN("{}"), false);
    play(r, v, &now, now + 750, &most);
    assert_int_equal(running(v, 3), 1);
    assert_int_equal(running(v, 1), EDGES - 1);
    rollout_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_version_reaches_all_in_stages),
        cmocka_unit_test(a_version_that_makes_errors_is_to_be_taken_back),
        cmocka_unit_test(a_refusal_names_the_edge_and_is_said_once),
        cmocka_unit_test(an_edge_that_ran_the_canary_goes_back_when_another_version_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
