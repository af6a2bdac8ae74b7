/* SPDX-License-Identifier: MIT
 * private to edge/policy: freshness as its parts are computed */
#ifndef EDGE_POLICY_FRESHNESS_INNER_H
#define EDGE_POLICY_FRESHNESS_INNER_H

#include "edge/policy/freshness.h"

/* freshness_directives: what the response says to us: CDN-Cache-Control where it is valid (true),
 * else Cache-Control (false). */
bool freshness_directives(const struct fields *fs, struct cache_control *cc);
void freshness_of(const struct response_seen *seen, const struct cache_control *cc,
                  bool is_targeted, struct freshness *out);
/* freshness_may_guess: whether a lifetime may be assumed where none is said (RFC 9111 s.4.2.2). */
bool freshness_may_guess(const struct response_head *response, const struct cache_control *cc);

#endif
