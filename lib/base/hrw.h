/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_HRW_H
#define LIB_BASE_HRW_H

#include <stddef.h>
#include <stdint.h>

/* Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by Schindelhauer and
 * Schomaker 2005): each node's score for a key is -weight / ln(u), u in (0,1) from hash(key, node).
 * When a node goes, only its keys move. Pure. */
double hrw_score(uint64_t key_hash, uint64_t node_hash, double weight); /* 0 for weight <= 0 */

/* hrw_score_above: the score, or 0 where it is not above `least`: most losers are told without the
 * logarithm. */
double hrw_score_above(uint64_t key_hash, uint64_t node_hash, double weight, double least);

#endif
