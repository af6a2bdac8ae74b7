/* SPDX-License-Identifier: MIT */

/* Weighted rendezvous. Pure; the same on every node, so it stands on nothing but IEEE doubles. */
#include "lib/base/hrw.h"

#include <math.h>

/* Key and node into one well-mixed word: the finalizer of SplitMix64. */
static uint64_t mix(uint64_t key_hash, uint64_t node_hash)
{
    uint64_t x = key_hash ^ (node_hash * 0x9e3779b97f4a7c15U);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

double hrw_score(uint64_t key_hash, uint64_t node_hash, double weight)
{
    if (!(weight > 0))
        return 0;
    /* 53 bits and a half: never 0 nor 1, so the logarithm is finite and not 0. */
    double u = ((double)(mix(key_hash, node_hash) >> 12) + 0.5) * 0x1p-52;
    return -weight / log(u);
}
