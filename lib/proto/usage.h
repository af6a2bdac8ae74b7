/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_USAGE_H
#define LIB_PROTO_USAGE_H

#include "lib/proto/ledger_sources.def"

#include <stdbool.h>
#include <stdint.h>

/* What one site used on one node: the counters that bills and offload are computed from. */
enum ledger_source {
#define X(id, name) LEDGER_##id,
    LEDGER_SOURCES(X)
#undef X
        LEDGER_SOURCE_COUNT
};

/* X(name, meaning): the plain counters. The name is the key in messages and in the state. What one
 * edge sends another is neither a client's nor an origin's: so sums over nodes count no byte twice.
 */
#define USAGE_COUNTERS(X)                                                                          \
    X(requests, "requests of clients answered, whatever the status")                               \
    X(hits, "of them, those served without waiting for any upstream")                              \
    X(upstream_bytes, "bytes received from origins")                                               \
    X(prefill_bytes, "of them, those that prefills asked for")                                     \
    X(tier_in_bytes, "bytes received from other edges")                                            \
    X(tier_out_bytes, "body bytes sent to other edges")

struct usage {
#define X(name, meaning) uint64_t name;
    USAGE_COUNTERS(X)
#undef X
    uint64_t out_bytes[LEDGER_SOURCE_COUNT]; /* bodies to clients, by where they came from */
};

const char *ledger_source_name(enum ledger_source source);
uint64_t usage_out_bytes(const struct usage *u); /* over all sources */
bool usage_is_zero(const struct usage *u);
void usage_add(struct usage *to, const struct usage *more);
/* usage_since: now - before, for each counter; one that went back counts whole (as after a fresh
 * start, though a new boot id should have told so). */
struct usage usage_since(const struct usage *now, const struct usage *before);

#endif
