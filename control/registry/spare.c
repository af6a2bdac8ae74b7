/* SPDX-License-Identifier: MIT
 * Loads smoothed, and what follows of them. Pure. */
#include "control/registry/spare.h"

#include <math.h>

#define SMOOTHING 0.25 /* of the newest heartbeat; they come once a second */

const struct spare_rules spare_rules_default = {
    .full_at = 0.95, .room_at = 0.8, .step_ms = 3000, .settle_ms = 60000};

void spare_init(struct spare *s)
{
    *s = (struct spare){.steps = SPARE_STEPS};
}

static void smooth(struct spare *s, const struct heartbeat_load *load)
{
    double part = s->is_known ? SMOOTHING : 1;
    double out_mbps = load->out_bytes_per_s * 8 / 1e6;
    s->out_mbps += part * (out_mbps - s->out_mbps);
    s->cpu += part * (load->cpu - s->cpu);
    s->is_known = true;
}

/* One step at a time, and not for less than three quarters of one: a load that moves around the
 * border of two steps moves no content. */
static void step(struct spare *s, double used, msec_t step_ms, msec_t now)
{
    double free = SPARE_STEPS * (used < 1 ? 1 - used : 0);
    if (fabs(free - s->steps) < 0.75 || (s->stepped_at != 0 && now - s->stepped_at < step_ms))
        return;
    int next = s->steps + (free > s->steps ? 1 : -1);
    if (next < 1 || next > SPARE_STEPS)
        return;
    s->steps = next;
    s->stepped_at = now;
}

static bool judge(struct spare *s, double used, const struct spare_rules *rules, msec_t now)
{
    double worst = fmax(used, s->cpu);
    bool is_full = s->is_full ? worst > rules->room_at : worst >= rules->full_at;
    if (is_full == s->is_full || (s->settled_at != 0 && now - s->settled_at < rules->settle_ms))
        return false;
    s->is_full = is_full;
    s->settled_at = now;
    return true;
}

bool spare_beat(struct spare *s, double capacity_mbps, const struct heartbeat_load *load,
                const struct spare_rules *rules, msec_t now)
{
    smooth(s, load);
    double used = capacity_mbps > 0 ? s->out_mbps / capacity_mbps : 0;
    step(s, used, rules->step_ms, now);
    return judge(s, used, rules, now);
}

double spare_share(const struct spare *s)
{
    return (double)s->steps / SPARE_STEPS;
}
