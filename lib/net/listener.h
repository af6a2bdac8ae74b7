/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_LISTENER_H
#define LIB_NET_LISTENER_H

#include "lib/net/addr.h"
#include "lib/net/loop.h"

/* Listening sockets. listener_bind runs at start (before threads), once per worker and address with
 * SO_REUSEPORT, so that a port taken is said at once; listener_start puts it on a worker's loop.
 * With port 0 the first bind chooses, *addr is updated, and the others bind to the same.
 * Before the first of a group SO_REUSEPORT is not enough to notice another program's listener, so
 * the first is probed without it. */
MUST_USE int listener_bind(struct addr *addr, bool is_first,
                           int *out_fd); /* else -errno: see text */

struct listener;
/* on_accept: fd is non-blocking, close-on-exec, TCP_NODELAY, and the callee's. At EMFILE accepting
 * pauses for 100 ms and is logged; never a busy loop. */
typedef void (*listener_fn)(void *ctx, int fd, const struct addr *peer);
struct listener *listener_start(struct loop *l, int fd, listener_fn on_accept, void *ctx);
/* listener_stop: accepts what waits in the queue, then closes; takes *ls. */
void listener_stop(struct listener **ls);

#endif
