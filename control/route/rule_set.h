/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_RULE_SET_H
#define CONTROL_ROUTE_RULE_SET_H

#include "control/route/decide.h"
#include "lib/base/arena.h"
#include "lib/proto/routing_doc.h"

/* Routing rules from where operators say them, the document and the configuration file, to the
 * tables that decisions read. Where both have a rule for the same network, operator or region, the
 * document's holds. The same code reads what the file and what the API brings. Pure. */

/* rule_asn_read: "64500" or "AS64500"; false: it is none. */
bool rule_asn_read(struct span text, uint32_t *out);
/* rule_region_read: "" or what is wrong with it. Its name is borrowed. */
const char *rule_region_read(const struct routing_region *from, struct region *out);

struct rule_set {
    struct override_table *overrides; /* the caller's, to be destroyed */
    struct asn_rule *asns;            /* ascending; these and regions live in mem */
    size_t asn_count;
    struct region_table *regions; /* NULL: none */
};
/* rule_set_make: document: NULL: none. Both outlive the set. 0, or ERR_SYNTAX, ERR_EXISTS with a
 * sentence in why. */
MUST_USE int rule_set_make(struct rule_set *out, const struct routing_doc *document,
                           const struct routing_doc *file, struct arena *mem, struct buf *why);

#endif
