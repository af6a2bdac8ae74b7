/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_FORWARDED_H
#define EDGE_POLICY_FORWARDED_H

#include "edge/policy/site.h"
#include "lib/http/message.h"

/* What origins are told about the client behind us (RFC 7239, X-Forwarded-For). What a client says
 * of itself is dropped; only what a proxy says that the site trusts is kept, and added to. Pure. */
enum forwarded_rule { FORWARDED_NONE, FORWARDED_X, FORWARDED_STANDARD, FORWARDED_BOTH };

/* An address or a network: "192.0.2.1", "10.0.0.0/8", "2001:db8::/32". */
struct network {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;      /* 0..128 of them count */
};
/* False: it is none, or bits are set beyond its prefix. */
bool network_parse(struct span text, struct network *out);
/* ip: an address without port. */
bool network_has(const struct network *n, struct span ip);

struct forwarded_ask {
    const struct site *site;
    const struct request_head *request; /* as it came */
    struct span client_ip;              /* of the connection */
    bool is_passed;                     /* for this client alone: it is told the scheme as well */
};
/* forwarded_add: to has none of these fields; values from mem, or borrowed from the request. */
void forwarded_add(struct fields *to, const struct forwarded_ask *ask, struct arena *mem);

#endif
