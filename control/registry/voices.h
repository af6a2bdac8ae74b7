/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_VOICES_H
#define CONTROL_REGISTRY_VOICES_H

#include "lib/base/check.h"
#include "lib/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a node's neighbours say of it: each of them the last word, as long as it is fresh. One that
 * cannot reach it may be the one that is cut off, so it takes two, and more than half of those that
 * speak. Pure. */
#define VOICES_MAX      16
#define VOICES_FRESH_MS 5000

struct voices {
    struct voice {
        uint64_t who; /* hash of the neighbour's id */
        bool is_reached;
        msec_t at;
    } v[VOICES_MAX];
    size_t count;
};

/* voices_add: past VOICES_MAX neighbours the oldest word makes room. */
void voices_add(struct voices *s, uint64_t who, bool is_reached, msec_t now);

enum voices_verdict { VOICES_SILENT, VOICES_REACHED, VOICES_NOT_REACHED };
enum voices_verdict voices_verdict(const struct voices *s, msec_t now);

#endif
