/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_HEALTH_H
#define CONTROL_REGISTRY_HEALTH_H

#include "lib/base/check.h"
#include "lib/base/clock.h"

#include <stdbool.h>
#include <stddef.h>

/* What heartbeats, or their absence, say about nodes. Pure: time comes in as an argument.
 *
 *              beat                silent for down_after
 *   UNSEEN ─────────▶ UP ────────────────────────────────▶ DOWN
 *                     ▲                                    │  ▲
 *       beats steady  │                              beat  │  │ silent for down_after
 *       for up_after  └──────────── RECOVERING ◀───────────┘  │
 *                                       └─────────────────────┘
 * A node that came back is not back again within a minute (settle): it may die at any moment, but
 * does not flap.
 * Freeze: where more than half of the nodes that are up (three at least) fall silent at once, it is
 * the control plane that lost its sight, not the nodes their lives: none goes down until so many
 * are heard again, or for a minute (freeze) at most: then they are taken at their silence, and
 * those that are left get the users. "At once" is told by nodes that missed a beat or two
 * (suspect_after) before the first of them would be down. */
enum health_state { HEALTH_UNSEEN, HEALTH_UP, HEALTH_DOWN, HEALTH_RECOVERING, HEALTH_STATE_COUNT };

struct health_rules {
    msec_t suspect_after_ms, down_after_ms, up_after_ms;
    msec_t settle_ms, freeze_ms;
    msec_t grace_ms; /* after a start: how long nodes last seen up have to be heard again */
};
extern const struct health_rules health_rules_default; /* 2 s, 3 s, 10 s, 60 s, 60 s, 5 s */

struct health {
    enum health_state state;
    msec_t heard_at;     /* monotonic; UNSEEN: of no meaning */
    msec_t steady_since; /* RECOVERING: first of the beats without a gap */
    msec_t back_at;      /* when it last came back; 0: never */
};

/* What control itself sees: of all nodes together. Zeroed at the beginning. */
struct health_sight {
    bool is_frozen;
    bool is_over; /* the freeze has lasted as long as it may, and its cause is still there */
    msec_t frozen_at;
};

const char *health_state_name(enum health_state s);
bool health_state_parse(const char *name, enum health_state *out);
/* health_restore: after a start, from the state it was last seen in. */
void health_restore(struct health *h, enum health_state last_seen, const struct health_rules *rules,
                    msec_t now);
/* true: the state changed. */
bool health_beat(struct health *h, const struct health_rules *rules, msec_t now);
/* health_judge: the silence of all nodes together; how many changed. */
size_t health_judge(struct health *const *v, size_t count, const struct health_rules *rules,
                    msec_t now, struct health_sight *sight);

#endif
