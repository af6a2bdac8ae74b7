/* SPDX-License-Identifier: MIT */
#ifndef EDGE_CLUSTER_HOT_KEYS_H
#define EDGE_CLUSTER_HOT_KEYS_H

#include "lib/base/clock.h"

#include <stdint.h>

/* How often keys were asked for lately, nearly: a table that forgets. Two keys in one slot push
 * each other out, so a rate may be too low, never too high. Pure but for its own table; one
 * thread's. */
#define HOT_KEYS 1024

struct hot_key {
    uint64_t key;
    float count; /* of asks; halves in a second */
    uint32_t at; /* low bits of the moment of the last ask, in ms */
};

struct hot_keys {
    struct hot_key v[HOT_KEYS];
};

/* hot_keys_ask: key is asked for now; returns how often a second it was before. */
double hot_keys_ask(struct hot_keys *h, uint64_t key, msec_t now);

#endif
