/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_CACHE_KEY_H
#define EDGE_POLICY_CACHE_KEY_H

#include "edge/policy/site.h"
#include "lib/base/hash.h"

/* Cache keys (RFC 9111 s.2): site, host and target as bytes, and their 128-bit hash. The text is
 * kept with the object and compared on a hit, so that a collision can never mix two resources.
 * Text form: "<site>\n<host>\n<path>[?<query>]". Path normalised only where RFC 3986 says that it
 * is
 * equivalent; query as it is. Pure. */
struct cache_key {
    struct span text;
    struct hash128 hash;
};

/* From mem. host: lower case is made. */
struct cache_key cache_key_make(const struct site *site, struct span host, struct span path,
                                struct span query, struct arena *mem);

#endif
