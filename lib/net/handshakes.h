/* SPDX-License-Identifier: MIT
 * private to lib/net: handshakes of a loop wait for their turn */
#ifndef LIB_NET_HANDSHAKES_H
#define LIB_NET_HANDSHAKES_H

#include "lib/net/loop.h"

/* A step of a handshake costs as much processor time as tens of hits. So steps are not taken where
 * they come up, but at the end of the loop's turn, in the order they came, and at most
 * HANDSHAKES_TURN_NS of them a turn (one at least): whatever else is ready goes first, and a flood
 * of new connections waits in this queue, not in front of the others. */
#define HANDSHAKES_TURN_NS ((nsec_t)200000)
struct handshake {
    struct list link;
    void (*step)(struct handshake *h);
};
void handshake_init(struct handshake *h, void (*step)(struct handshake *h));
void handshake_queue(struct loop *l, struct handshake *h); /* queued already: stays where it is */
void handshake_unqueue(struct handshake *h);               /* fine also when it is not queued */

#endif
