/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CONTROL_DNS_DNS_WORLD_H
#define TESTS_UNIT_CONTROL_DNS_DNS_WORLD_H

#include "control/dns/dns_query.h"
#include "control/dns/dns_view.h"
#include "control/dns/dns_zone.h"

/* What the tests of this folder share: a zone "cdn.example", nodes and sites, a GeoIP database, and
 * questions written byte by byte. */
struct dns_world {
    struct picture *picture;
    struct geo_set *geo;
    struct override_table *overrides;
    struct decide_rules rules;
    struct dns_zone zone;
};
void dns_world_begin(struct dns_world *w);
void dns_world_end(struct dns_world *w);
struct dns_view dns_world_view(void *world);
struct picture_node *dns_world_add(struct dns_world *w, const char *id, double lat, double lon,
                                   const char *addresses); /* "192.0.2.1 2001:db8::1" */
/* dns_world_changed: after a node was. */
void dns_world_changed(struct dns_world *w);
/* dns_world_load: a database of a kind from lines of tests/unit/lib/geo/make_db.pl. */
void dns_world_load(struct dns_world *w, enum geo_kind kind, const char *csv);
void dns_world_override(struct dns_world *w, const struct override *v, size_t count);

/* dns_world_ask: a question with EDNS; subnet: bytes of the option's data, or {NULL, 0}. */
size_t dns_world_ask(uint8_t *out, const char *name, uint16_t type, struct span subnet);
struct dns_query dns_world_query(const char *name, uint16_t type, const char *client, unsigned bits,
                                 struct arena *mem);

#endif
