/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_BIND_H
#define LIB_NET_BIND_H

#include "lib/net/addr.h"

/* Sockets that several workers bind to one address with SO_REUSEPORT. That alone would succeed
 * beside another program of the same user, so the first of a group is probed without it.
 *
 * bind_fn: a socket with its options set, bound; or -errno. */
typedef int (*bind_fn)(const struct addr *addr, bool is_shared);
/* bind_shared: what `bound` gives, after the probe, or -errno. */
MUST_USE int bind_shared(const struct addr *addr, bool is_first, bind_fn bound);
/* bind_learn: *addr becomes what fd is bound to; 0 or -errno. */
MUST_USE int bind_learn(int fd, struct addr *addr);

#endif
