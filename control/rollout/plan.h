/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROLLOUT_PLAN_H
#define CONTROL_ROLLOUT_PLAN_H

#include "lib/base/check.h"
#include "lib/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a new configuration reaches the edges: first one of them, then a share, then all; and back,
 * where those that have it do worse than the others. Pure: time comes in as an argument.
 *
 *            put                members have it, and       the same
 *   DONE ──────────▶ CANARY ── hold is over ──▶ SHARE ─────────────────▶ DONE
 *     ▲                 └───── refused, or errors rose ───────┘
 *     └── a new version with the old content ◀────────────────┘
 * Members are the first of the edges that are heard, by a hash of their names: the canary is among
 * the share, and one that falls silent is replaced by the next. */
enum plan_stage { PLAN_DONE, PLAN_CANARY, PLAN_SHARE, PLAN_STAGES };
const char *plan_stage_name(enum plan_stage s);

struct plan_rules {
    msec_t hold_ms; /* in each stage, from when the last member had it; 0: to all at once */
    double share;   /* of the edges in PLAN_SHARE, 0..1; two at least */
    double rise;    /* share of errors above that of the other edges that is too much */
    uint64_t least_requests; /* fewer tell nothing */
};

/* What an edge tells, counted since the stage's hold began. */
struct plan_node {
    uint64_t hash;
    bool is_heard, is_member;          /* is_member: set by plan_choose */
    bool refuses;                      /* this version */
    bool has_it;                       /* runs this version */
    uint64_t requests, errors;         /* answers, and those of them that are 5xx */
    uint64_t old_requests, old_errors; /* of this process, before */
};

/* plan_choose: sets is_member of those that shall have the new version; how many. */
size_t plan_choose(enum plan_stage stage, const struct plan_rules *rules, struct plan_node *v,
                   size_t count);

enum plan_verdict { PLAN_WAIT, PLAN_GO_ON, PLAN_RETURN };
struct plan_view {
    const struct plan_node *v;
    size_t count;
    msec_t held_ms; /* since the last member had it; < 0: not all have it yet */
};
/* plan_have_all: whether there are members, and all of them have it. */
bool plan_have_all(const struct plan_node *v, size_t count);
/* plan_judge: PLAN_RETURN with a sentence in why. */
#define PLAN_WHY_BYTES 160
enum plan_verdict plan_judge(const struct plan_view *view, const struct plan_rules *rules,
                             char why[PLAN_WHY_BYTES]);

#endif
