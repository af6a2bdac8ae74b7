/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_ATLAS_H
#define CONTROL_DNS_DNS_ATLAS_H

#include "control/dns/dns_view.h"
#include "lib/net/addr.h"

/* All addresses divided into the widest networks whose users are answered alike, for each name at
 * once: the scope of an answer (RFC 7871 s.7.2.1), and a region to remember answers by.
 *
 * Made from the GeoIP tree and the overrides by asking decide_shape for each place there is, with
 * neighbours of the same shape made one. Holds for one `routing` of the picture and one
 * configuration only. Immutable once made. About a second for 3 million networks and 500 edges, so
 * not on a loop (dns_surveyor.h). Threads: any. */
struct dns_atlas;

struct dns_region {
    uint32_t id;   /* the same for all networks with the same answers */
    unsigned bits; /* length of this network */
};

/* Somebody in the region, who is answered as all the others. */
struct dns_resident {
    struct addr client;
    struct place place;
};

/* dns_atlas_create: wanted: edges in an answer, at most. One reference. ERR_CORRUPT: the databases'
 * trees together are beyond measure. */
MUST_USE int dns_atlas_create(struct dns_atlas **out, const struct dns_view *view, size_t wanted);
struct dns_atlas *dns_atlas_ref(struct dns_atlas *a);
void dns_atlas_unref(struct dns_atlas **a); /* takes *a; NULL is fine */

/* dns_atlas_fits: whether what it says holds for the view. */
bool dns_atlas_fits(const struct dns_atlas *a, const struct dns_view *view);
/* dns_atlas_find: of `count` clients, side by side: what one look-up misses in the processor's
 * caches is waited for together with what the others do. */
void dns_atlas_find(const struct dns_atlas *a, const struct addr *const *clients, size_t count,
                    struct dns_region *out);
const struct dns_resident *dns_atlas_resident(const struct dns_atlas *a, uint32_t region);
size_t dns_atlas_regions(const struct dns_atlas *a);
size_t dns_atlas_networks(const struct dns_atlas *a);

#endif
