/* SPDX-License-Identifier: MIT
 * The state of nodes from their heartbeats. Pure; what an operator says is laid over it elsewhere.
 */
#include "control/registry/health.h"

#include <string.h>

#define FREEZE_MIN_NODES 3

const struct health_rules health_rules_default = {
    .suspect_after_ms = 2000, .down_after_ms = 3000, .up_after_ms = 10000, .grace_ms = 5000};

static const char *const names[] = {[HEALTH_UNSEEN] = "unseen",
                                    [HEALTH_UP] = "up",
                                    [HEALTH_DOWN] = "down",
                                    [HEALTH_RECOVERING] = "recovering"};

const char *health_state_name(enum health_state s)
{
    return names[s];
}

bool health_state_parse(const char *name, enum health_state *out)
{
    for (int i = 0; i < HEALTH_STATE_COUNT; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum health_state)i;
            return true;
        }
    return false;
}

void health_restore(struct health *h, enum health_state last_seen, const struct health_rules *rules,
                    msec_t now)
{
    /* One that was recovering has to show anew that it is steady. */
    *h = (struct health){.state = last_seen == HEALTH_RECOVERING ? HEALTH_DOWN : last_seen,
                         .heard_at = now + rules->grace_ms - rules->down_after_ms,
                         .steady_since = now};
}

bool health_beat(struct health *h, const struct health_rules *rules, msec_t now)
{
    enum health_state before = h->state;
    switch (before) {
    case HEALTH_UNSEEN:
        h->state = HEALTH_UP;
        break;
    case HEALTH_DOWN:
        h->state = HEALTH_RECOVERING;
        h->steady_since = now;
        break;
    case HEALTH_RECOVERING:
        if (now - h->heard_at >= rules->down_after_ms)
            h->steady_since = now;
        break;
    case HEALTH_UP:
    case HEALTH_STATE_COUNT:
        break;
    }
    h->heard_at = now;
    return h->state != before;
}

static bool is_blind(struct health *const *v, size_t count, const struct health_rules *rules,
                     msec_t now)
{
    size_t up = 0, silent = 0;
    for (size_t i = 0; i < count; i++) {
        if (v[i]->state != HEALTH_UP)
            continue;
        up++;
        if (now - v[i]->heard_at >= rules->suspect_after_ms)
            silent++;
    }
    return up >= FREEZE_MIN_NODES && silent * 2 > up;
}

size_t health_judge(struct health *const *v, size_t count, const struct health_rules *rules,
                    msec_t now, bool *is_frozen)
{
    size_t changed = 0;
    *is_frozen = is_blind(v, count, rules, now);
    for (size_t i = 0; i < count; i++) {
        struct health *h = v[i];
        enum health_state before = h->state;
        bool is_silent = now - h->heard_at >= rules->down_after_ms;
        if (before == HEALTH_UP && is_silent && !*is_frozen)
            h->state = HEALTH_DOWN;
        else if (before == HEALTH_RECOVERING && is_silent)
            h->state = HEALTH_DOWN;
        else if (before == HEALTH_RECOVERING && now - h->steady_since >= rules->up_after_ms)
            h->state = HEALTH_UP;
        changed += h->state != before;
    }
    return changed;
}
