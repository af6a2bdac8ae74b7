/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_USAGE_H
#define LIB_PROTO_USAGE_H

#include "lib/proto/ledger_sources.def"

#include <stdint.h>

/* What one site used on one node: the counters that bills and offload are computed from. */
enum ledger_source {
#define X(id, name) LEDGER_##id,
    LEDGER_SOURCES(X)
#undef X
        LEDGER_SOURCE_COUNT
};

struct usage {
    uint64_t requests;                       /* answered, whatever the status */
    uint64_t hits;                           /* of them: served without waiting for any upstream */
    uint64_t out_bytes[LEDGER_SOURCE_COUNT]; /* bodies to clients, by where they came from */
    uint64_t upstream_bytes;                 /* bodies received from any upstream */
};

const char *ledger_source_name(enum ledger_source source);
uint64_t usage_out_bytes(const struct usage *u); /* over all sources */
void usage_add(struct usage *to, const struct usage *more);
/* usage_since: now - before, for each counter; one that went back counts whole (as after a fresh
 * start, though a new boot id should have told so). */
struct usage usage_since(const struct usage *now, const struct usage *before);

#endif
