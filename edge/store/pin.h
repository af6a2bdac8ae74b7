/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_PIN_H
#define EDGE_STORE_PIN_H

#include "edge/store/store.h"

/* What shall stay. Where there are disks, a pinned generation's blocks go there whatever the
 * admission says, and are the last to leave; else the same holds in memory. What is purged or
 * replaced goes all the same.
 *
 * A segment most of which is pinned is passed over by who makes room, as a whole; of another one
 * the pinned blocks are carried on. So what is passed over is at most twice what is pinned, and
 * whoever pins keeps all that within pin_room(). Threads: any. */

/* generation_pin: until that moment (monotonic; 0: not any longer). */
void generation_pin(struct generation *g, msec_t until);
msec_t generation_pinned_until(const struct generation *g); /* 0: it is not */
/* pin_room: a quarter of the disks, or where there is none of memory. */
int64_t pin_room(const struct store *st);
/* pin_must_wait: some disk has so much to write that more might not be kept. For who brings what
 * nobody waits for. */
bool pin_must_wait(const struct store *st);

#endif
