/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_SPARE_H
#define CONTROL_REGISTRY_SPARE_H

#include "lib/base/check.h"
#include "lib/base/clock.h"
#include "lib/proto/heartbeat.h"

#include <stdbool.h>

/* What an edge has left, from the loads it reports. Pure.
 *
 * `share` is the free part of its bandwidth, smoothed and in steps: an edge that fills up loses
 * weight, and so contents, little by little, long before it is full. In steps and slowly, because
 * each change of a weight moves contents to edges that have to fetch them first.
 * `is_full` is the emergency behind it: at the threshold of bandwidth or processor it stops getting
 * users wherever there is another edge, and starts again well below it, a minute later at the
 * earliest. */
#define SPARE_STEPS                                                                                \
    16 /* of share; the last is never lost, so that an edge is never without weight */

struct spare_rules {
    double full_at, room_at; /* of capacity, and of all processors: 0..1 */
    msec_t step_ms;          /* between two changes of share, each by one step */
    msec_t settle_ms;        /* between two changes of is_full */
};
extern const struct spare_rules spare_rules_default; /* 0.95, 0.8, 3 s, 60 s */

struct spare {
    double out_mbps, cpu; /* smoothed */
    int steps;            /* that are free */
    bool is_full;
    bool is_known; /* a load was reported */
    msec_t stepped_at, settled_at;
};

void spare_init(struct spare *s);
/* spare_beat: true: is_full changed. capacity_mbps 0: unknown, only the processor counts
 * towards is_full, and all is free. */
bool spare_beat(struct spare *s, double capacity_mbps, const struct heartbeat_load *load,
                const struct spare_rules *rules, msec_t now);
double spare_share(const struct spare *s); /* 1/SPARE_STEPS .. 1 */

#endif
