/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_HEAT_H
#define CONTROL_ROUTE_HEAT_H

#include "lib/base/check.h"
#include "lib/base/clock.h"

#include <stdint.h>

/* How much of what users of an area ask for is one content: what decides over how many edges it is
 * spread. A count-min sketch with conservative update (Estan and Varghese 2002) of the last ten to
 * twenty seconds: bounded memory, never too low, hardly ever too high. An area is any number that
 * stands for a group of edges. Threads: the one that made it. */
struct heat;

#define HEAT_WINDOW_MS 10000

struct heat *heat_create(void) __attribute__((returns_nonnull));
void heat_destroy(struct heat **h);
/* heat_note: one question, at a time that never goes back. */
void heat_note(struct heat *h, uint64_t key, uint64_t area, msec_t now);
/* heat_expect: heat_share and heat_note of these follow, after other work: what they read is asked
 * for. h may be NULL. */
void heat_expect(const struct heat *h, uint64_t key, uint64_t area);
/* heat_share: 0..1 of the area's questions; 0 while there are too few to tell, of
 * the area or of the key. h may be NULL. */
double heat_share(const struct heat *h, uint64_t key, uint64_t area);

#endif
