/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_TIER_H
#define EDGE_UPSTREAM_TIER_H

/* Where bytes that were not here came from. Also the mark that blocks carry (generation.h), so at
 * most four. */
enum tier { TIER_ORIGIN, TIER_SHIELD, TIER_SIBLING, TIER_MEMCACHED, TIER_COUNT };

#endif
