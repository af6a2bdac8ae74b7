/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_NAMES_H
#define CONTROL_DNS_DNS_NAMES_H

#include "control/dns/dns_zone.h"
#include "control/registry/picture.h"

/* What the names of a zone mean, by the nodes and sites of a picture:
 *   <zone>                     the zone itself
 *   a server's name            its addresses, as configured
 *   <node>.<zone>              that node's own addresses
 *   <host>.<zone>              the best edges for a host of a site ("dl.example.com.cdn.example",
 *                              what a customer's dl.example.com is a CNAME of)
 *   a host that is in <zone>   the same
 *   <site>.<zone>              the best edges for a site, by its name
 * The first of these that fits stands. A wildcard host matches at any depth, as it does over HTTP.
 * Immutable once made. */
struct dns_names;

enum dns_meaning_kind {
    DNS_NAME_ABSENT,
    DNS_NAME_BRANCH, /* no records, but names below it: it is there (RFC 8020) */
    DNS_NAME_ZONE,
    DNS_NAME_SERVER,
    DNS_NAME_NODE,
    DNS_NAME_SITE,
};

struct dns_meaning {
    enum dns_meaning_kind kind;
    uint32_t id;         /* from 1, of its table */
    uint32_t index;      /* of SERVER in the zone, of NODE in the picture */
    uint64_t key_hash;   /* of SITE, for decide */
    uint8_t price_class; /* of SITE, as in picture_site */
};

struct dns_names *dns_names_create(const struct dns_zone *zone, const struct picture *picture)
    __attribute__((returns_nonnull));
void dns_names_destroy(struct dns_names **n);
/* dns_names_fits: whether it still says what is in this picture. */
bool dns_names_fits(const struct dns_names *n, const struct picture *picture);
/* dns_names_find: the meanings of `count` names, side by side. labels: what stands before the
 * zone's name, as in messages, in lower case. out: borrowed from n. */
void dns_names_find(const struct dns_names *n, const struct span *labels, size_t count,
                    const struct dns_meaning **out);

#endif
