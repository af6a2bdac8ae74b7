/* SPDX-License-Identifier: MIT
 *
 * A mean that halves with time: each ask adds one to a count that decays by half in HALF_MS; the
 * count of a steady rate settles at that rate times MEAN_S. */
#include "edge/cluster/hot_keys.h"

#include <math.h>

#define HALF_MS 1000.0
#define MEAN_S  (HALF_MS / 1000.0 / 0.6931)

double hot_keys_ask(struct hot_keys *h, uint64_t key, msec_t now)
{
    struct hot_key *k = &h->v[key % HOT_KEYS];
    uint32_t passed = (uint32_t)now - k->at;
    double count = (double)k->count * exp2(-(double)passed / HALF_MS);
    if (k->key != key) {
        if (count > 1) { /* its owner goes on being counted; this one is not hot yet */
            k->count = (float)(count - 1);
            k->at = (uint32_t)now;
            return 0;
        }
        count = 0;
        k->key = key;
    }
    k->count = (float)(count + 1);
    k->at = (uint32_t)now;
    return count / MEAN_S;
}
