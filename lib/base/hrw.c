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

/* 53 bits and a half: never 0 nor 1, so its logarithm is finite and not 0. */
static double unit(uint64_t key_hash, uint64_t node_hash)
{
    return ((double)(mix(key_hash, node_hash) >> 12) + 0.5) * 0x1p-52;
}

double hrw_score(uint64_t key_hash, uint64_t node_hash, double weight)
{
    return weight > 0 ? -weight / log(unit(key_hash, node_hash)) : 0;
}

double hrw_score_above(uint64_t key_hash, uint64_t node_hash, double weight, double least)
{
    double u = unit(key_hash, node_hash);
    if (!(weight >
          least * (1 - u))) /* -ln(u) >= 1 - u, so the score is not above weight / (1 - u) */
        return 0;
    double score = -weight / log(u);
    return score > least ? score : 0;
}
