/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_NODE_ADDRESSES_H
#define CONTROL_REGISTRY_NODE_ADDRESSES_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* IP addresses of a node, IPv4 and IPv6 apart, each in the order they were given: what DNS answers
 * with. A plain value. Pure. */
#define NODE_ADDRESSES 4 /* of each family */

enum node_family { NODE_ANY_FAMILY, NODE_IPV4, NODE_IPV6, NODE_FAMILIES };

struct node_addresses {
    uint8_t v4[NODE_ADDRESSES][4];
    uint8_t v6[NODE_ADDRESSES][16];
    uint8_t v4_count, v6_count;
};

/* node_addresses_add: ERR_SYNTAX: no IP address; ERR_TOO_BIG: one too many; ERR_EXISTS. */
MUST_USE int node_addresses_add(struct node_addresses *a, struct span text);
/* node_addresses_of_url: its host, where that is an IP address. */
void node_addresses_of_url(struct node_addresses *a, struct span url);
static inline bool node_addresses_is_empty(const struct node_addresses *a)
{
    return a->v4_count == 0 && a->v6_count == 0;
}

struct json_in;
struct json_t;
struct json_out;
/* The member "addresses" of an object that is open: an array of texts, left out when empty. Faults
 * stick to `in`. */
void node_addresses_write(const struct node_addresses *a, struct json_out *o);
struct node_addresses node_addresses_read(struct json_in *in, const struct json_t *o);

#endif
