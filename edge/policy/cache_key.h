/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_CACHE_KEY_H
#define EDGE_POLICY_CACHE_KEY_H

#include "lib/site/site.h"
#include "lib/base/hash.h"

/* Cache keys (RFC 9111 s.2): site, host and target as bytes, and their 128-bit hash. The text is
 * kept with the object and compared on a hit, so that a collision can never mix two resources.
 * Text form: "<site>\n<host>\n<path>[?<query>][\nhttps]". The path is normalised only where RFC
 * 3986 says that it is equivalent. What the site's options leave out of the key is not sent
 * upstream either, so that it cannot change what others get. Pure. */
struct cache_target {
    struct span host, path, query; /* query p == NULL: none */
    enum scheme scheme;
};

struct cache_key {
    struct span text;
    struct hash128 hash;
    struct span host, query; /* as they stand in the text: what upstream is asked for */
};

/* All from mem. */
struct cache_key cache_key_make(const struct site *site, const struct cache_target *target,
                                struct arena *mem);
/* cache_key_host: a host of the site as it stands in keys. */
struct span cache_key_host(const struct site *site, struct span host, struct arena *mem);

#endif
