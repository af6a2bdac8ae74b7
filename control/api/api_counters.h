/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_COUNTERS_H
#define CONTROL_API_API_COUNTERS_H

#include "lib/base/counter.h"

/* One per worker, written by its thread. */
#define API_COUNTERS(X)                                                                            \
    X(routes, "routing decisions told as JSON")                                                    \
    X(redirects, "users sent to an edge")                                                          \
    X(routes_by_override, "decisions, by JSON or redirect, that an override made")                 \
    X(routes_by_asn, "decisions that a rule for the network operator (AS) made")                   \
    X(routes_by_city, "decisions that distance made")                                              \
    X(routes_by_country, "decisions that the country made")                                        \
    X(routes_by_continent, "decisions that the continent made")                                    \
    X(routes_by_default, "decisions that no rule made")                                            \
    X(routes_degraded, "decisions whose first edge was neither able nor full")                     \
    X(routes_without_edge, "requests for which there was no edge at all")                          \
    X(unknown_hosts, "requests to a router for a host of no site")                                 \
    X(mirror_lists, "lists of mirrors given")                                                      \
    X(mirror_failures, "times an edge did not give a list of mirrors")                             \
    X(heartbeats, "heartbeats taken")                                                              \
    X(heartbeats_refused, "heartbeats not understood, or of unknown nodes")                        \
    X(purges, "purges ordered")                                                                    \
    X(tokens_refused, "requests without a token that is known")                                    \
    X(rights_refused, "requests whose token has not the right")                                    \
    X(requests_limited, "requests refused because they, or wrong tokens, came too often")          \
    X(state_failures, "changes refused because the state could not keep them")

struct api_counters {
#define X(name, help) counter_t name;
    API_COUNTERS(X)
#undef X
};

extern const struct counter_table api_counter_table; /* prefix "byeori_control_" */

#endif
