/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_ZONE_H
#define CONTROL_DNS_DNS_ZONE_H

#include "control/registry/node_addresses.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/option.h"
#include "lib/net/addr.h"

/* `dns` sections of the configuration, and a zone as one of them describes it. Immutable. Pure. */
struct dns_options {
    const char *name;
    int line;
    const char *address, *zone, *contact, *identity;
    struct option_texts servers;
    int64_t ttl_ms, negative_ttl_ms, answers, rate, slip;
};
extern const struct option_section dns_section; /* titled, any number */

#define DNS_SERVERS_MAX    8
#define DNS_IDENTITY_BYTES 63

/* Names are as in messages, in lower case. */
struct dns_name {
    uint8_t v[255];
    size_t bytes;
};

struct dns_zone_server {
    struct dns_name name;
    struct node_addresses addresses; /* where its name is in the zone */
};

struct dns_zone {
    struct dns_name name;
    struct dns_name contact;
    struct dns_zone_server servers[DNS_SERVERS_MAX]; /* the first is the SOA's */
    size_t server_count;
    struct addr address;                   /* where it is asked */
    char identity[DNS_IDENTITY_BYTES + 1]; /* what this server is called; "": it does not tell */
    uint32_t serial, ttl_s, negative_ttl_s;
    size_t answers;     /* edges in an answer, at most */
    int64_t rate, slip; /* answers a second and network, 0: any number; each how manieth is cut */
};

/* dns_zone_read: 0, or ERR_CONFIG and a sentence. */
MUST_USE int dns_zone_read(struct dns_zone *out, const struct dns_options *o, struct buf *why);
/* dns_name_parse: "a.example", with or without the last dot; "*" is a label as any other. */
MUST_USE int dns_name_parse(struct dns_name *out, struct span text);
/* dns_name_below: bytes that stand before the zone's name in a name that is in it; else -1. */
ptrdiff_t dns_name_below(const uint8_t *name, size_t bytes, const struct dns_name *zone);

/* dns_check: all sections, for --check-config: ERR_CONFIG and a line each. */
MUST_USE int dns_check(const struct option_records *sections, const char *file, struct buf *why);

#endif
