/* SPDX-License-Identifier: MIT */
#ifndef LIB_SITE_NETWORK_H
#define LIB_SITE_NETWORK_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* An address or a network: "192.0.2.1", "10.0.0.0/8", "2001:db8::/32". Pure. */
struct network {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;      /* 0..128 of them count */
};
/* False: it is none, or bits are set beyond its prefix. */
bool network_parse(struct span text, struct network *out);
/* ip: an address without port. */
bool network_has(const struct network *n, struct span ip);

#endif
