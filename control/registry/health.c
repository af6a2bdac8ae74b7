/* SPDX-License-Identifier: MIT
 * The state of nodes from their heartbeats. Pure; what an operator says is laid over it elsewhere.
 */
#include "control/registry/health.h"

#include <string.h>

#define FREEZE_MIN_NODES 3

const struct health_rules health_rules_default = {.suspect_after_ms = 2000,
                                                  .down_after_ms = 3000,
                                                  .up_after_ms = 10000,
                                                  .settle_ms = 60000,
                                                  .freeze_ms = 60000,
                                                  .grace_ms = 5000};

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

static void look(struct health_sight *s, bool is_blind_now, msec_t freeze_ms, msec_t now)
{
    if (is_blind_now && !s->is_frozen && !s->is_over)
        s->frozen_at = now;
    s->is_over = is_blind_now && (s->is_over || now - s->frozen_at >= freeze_ms);
    s->is_frozen = is_blind_now && !s->is_over;
}

static bool is_back(const struct health *h, const struct health_rules *rules, msec_t now)
{
    return now - h->steady_since >= rules->up_after_ms &&
           (h->back_at == 0 || now - h->back_at >= rules->settle_ms);
}

static void judge(struct health *h, const struct health_rules *rules, msec_t now, bool is_frozen)
{
    bool is_silent = now - h->heard_at >= rules->down_after_ms;
    if (h->state == HEALTH_UP && is_silent && !is_frozen) {
        h->state = HEALTH_DOWN;
    } else if (h->state == HEALTH_RECOVERING && is_silent) {
        h->state = HEALTH_DOWN;
    } else if (h->state == HEALTH_RECOVERING && is_back(h, rules, now)) {
        h->state = HEALTH_UP;
        h->back_at = now;
    }
}

size_t health_judge(struct health *const *v, size_t count, const struct health_rules *rules,
                    msec_t now, struct health_sight *sight)
{
    size_t changed = 0;
    look(sight, is_blind(v, count, rules, now), rules->freeze_ms, now);
    for (size_t i = 0; i < count; i++) {
        enum health_state before = v[i]->state;
        judge(v[i], rules, now, sight->is_frozen);
        changed += v[i]->state != before;
    }
    return changed;
}
