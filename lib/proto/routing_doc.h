/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_ROUTING_DOC_H
#define LIB_PROTO_ROUTING_DOC_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/proto/site_doc.h"

/* Routing rules as a document (lib/proto/README.md, "Routing"): forms and bounds only; what the
 * rules mean, and whether they are sound, is control/route/rule_set.h's. Pure. Threads: any. */
#define ROUTING_DOC_MAX_BYTES (1 << 20)
#define ROUTING_DOC_MAX_RULES 16384
#define ROUTING_DOC_MAX_EDGES 64
#define ROUTING_DOC_MAX_KM    20000

/* Users of a network ("203.0.113.0/24") or of a network operator ("64500"), and their edges. */
struct routing_rule {
    struct span users;
    struct site_doc_texts edges; /* ids in order of preference */
};

struct routing_region {
    struct span name;
    struct site_doc_texts countries;
    struct span continent; /* empty: none */
    bool takes_guests;
};

struct routing_doc {
    struct routing_rule *overrides, *asns;
    size_t override_count, asn_count;
    struct routing_region *regions;
    size_t region_count;
    bool has_near, has_vague;
    uint64_t near_km, vague_km;
};

/* 0, or ERR_TOO_BIG, ERR_SYNTAX with a sentence in why; spans live as long as mem. */
MUST_USE int routing_doc_read(struct span text, struct routing_doc *out, struct arena *mem,
                              struct buf *why);
/* routing_doc_find: member "routing" of a whole configuration document; no rules where there is
 * none, or the document is empty. */
MUST_USE int routing_doc_find(struct span document, struct routing_doc *out, struct arena *mem,
                              struct buf *why);

#endif
