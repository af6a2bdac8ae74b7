/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_OVERRIDE_H
#define CONTROL_ROUTE_OVERRIDE_H

#include "lib/base/buf.h"
#include "lib/base/check.h"

#include <sys/socket.h>

/* Networks whose users an operator sends to edges of his choice: the longest prefix that holds an
 * address decides ("::/0" holds IPv4 as well). Immutable once made. Pure. */
struct override {
    struct span network;      /* as written: "203.0.113.0/24", "2001:db8::/32", or one address */
    const struct span *edges; /* ids in order of preference */
    size_t edge_count;
    /* set by override_table_create */
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;      /* 0..128 */
};

/* override_parse: bytes and bits of its network, or ERR_SYNTAX. */
MUST_USE int override_parse(struct override *o);

struct override_table;
/* 0 and *out, or ERR_SYNTAX, ERR_EXISTS with a sentence in why and *faulty: which of v it is.
 * Copies v, borrows what its spans point to. */
MUST_USE int override_table_create(struct override_table **out, const struct override *v,
                                   size_t count, size_t *faulty, struct buf *why);
void override_table_destroy(struct override_table **t);
/* override_find: NULL when no network holds the address. `before`: the next shorter one than this
 * (NULL: the longest). */
const struct override *override_find(const struct override_table *t, const struct sockaddr *address,
                                     const struct override *before);
/* override_extent: how much of a network (16 bytes, IPv4 as ::ffff:a.b.c.d, and 0..128 bits) the
 * table holds: NONE, ALL of it alike, or SOME: one that is longer lies in it. Linear. */
enum override_extent { OVERRIDE_NONE, OVERRIDE_SOME, OVERRIDE_ALL };
enum override_extent override_extent_of(const struct override_table *t, const uint8_t address[16],
                                        unsigned bits);

#endif
