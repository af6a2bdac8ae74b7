/* SPDX-License-Identifier: MIT
 * Who gets a new configuration next, and whether it may go on. */
#include "control/rollout/plan.h"

#include "lib/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *plan_stage_name(enum plan_stage s)
{
    static const char *const names[PLAN_STAGES] = {
        [PLAN_DONE] = "done", [PLAN_CANARY] = "canary", [PLAN_SHARE] = "share"};
    return names[s];
}

static size_t wanted(enum plan_stage stage, const struct plan_rules *rules, size_t heard)
{
    size_t share = (size_t)ceil(rules->share * (double)heard);
    if (stage == PLAN_CANARY)
        return 1;
    return share > 2 ? share : 2;
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The hash up to which the edges that are heard are members. */
static uint64_t last_hash(const struct plan_node *v, size_t count, enum plan_stage stage,
                          const struct plan_rules *rules)
{
    uint64_t *hashes = mem_zarray(count + 1, sizeof *hashes);
    size_t heard = 0;
    for (size_t i = 0; i < count; i++)
        if (v[i].is_heard)
            hashes[heard++] = v[i].hash;
    qsort(hashes, heard, sizeof *hashes, by_hash);
    size_t members = wanted(stage, rules, heard);
    members = members < heard ? members : heard;
    uint64_t last = members > 0 ? hashes[members - 1] : 0;
    mem_free(hashes);
    return last;
}

size_t plan_choose(enum plan_stage stage, const struct plan_rules *rules, struct plan_node *v,
                   size_t count)
{
    uint64_t last = stage == PLAN_DONE ? UINT64_MAX : last_hash(v, count, stage, rules);
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        v[i].is_member = stage == PLAN_DONE || (v[i].is_heard && v[i].hash <= last);
        members += v[i].is_member;
    }
    return members;
}

bool plan_have_all(const struct plan_node *v, size_t count)
{
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        if (v[i].is_member && !v[i].has_it)
            return false;
        members += v[i].is_member;
    }
    return members > 0;
}

struct tally {
    uint64_t requests, errors;
};

static double share_of(struct tally t)
{
    return t.requests > 0 ? (double)t.errors / (double)t.requests : 0;
}

static void add(struct tally *t, uint64_t requests, uint64_t errors)
{
    t->requests += requests;
    t->errors += errors;
}

/* Compared with the other edges of the same minutes, since an origin that fails does so for all;
 * where they say too little, with what the members themselves did before. */
static bool has_risen(const struct plan_view *view, const struct plan_rules *rules,
                      char why[PLAN_WHY_BYTES])
{
    struct tally members = {0}, others = {0}, before = {0};
    for (size_t i = 0; i < view->count; i++) {
        const struct plan_node *n = &view->v[i];
        add(n->is_member ? &members : &others, n->requests, n->errors);
        if (n->is_member)
            add(&before, n->old_requests, n->old_errors);
    }
    bool has_others = others.requests >= rules->least_requests;
    double usual = share_of(has_others ? others : before);
    if (members.requests < rules->least_requests || share_of(members) <= usual + rules->rise)
        return false;
    snprintf(why, PLAN_WHY_BYTES,
             "%" PRIu64 " of %" PRIu64 " answers were errors (%.1f %%), %.1f %% %s", members.errors,
             members.requests, 100 * share_of(members), 100 * usual,
             has_others ? "on the other edges" : "before");
    return true;
}

enum plan_verdict plan_judge(const struct plan_view *view, const struct plan_rules *rules,
                             char why[PLAN_WHY_BYTES])
{
    why[0] = '\0';
    for (size_t i = 0; i < view->count; i++)
        if (view->v[i].is_member && view->v[i].refuses) {
            snprintf(why, PLAN_WHY_BYTES, "an edge refuses it");
            return PLAN_RETURN;
        }
    if (has_risen(view, rules, why))
        return PLAN_RETURN;
    return view->held_ms >= 0 && view->held_ms >= rules->hold_ms ? PLAN_GO_ON : PLAN_WAIT;
}
