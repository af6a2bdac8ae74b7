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
/* Where a content of an area is counted. */
struct heat_spot {
    uint32_t line, area;
    uint8_t cell[4];
};

/* heat_find: what is counted there is asked for: heat_share and heat_note follow, after other work.
 * h may be NULL, here and in heat_share. */
struct heat_spot heat_find(const struct heat *h, uint64_t key, uint64_t area);
/* heat_share: 0..1 of the area's questions; 0 while there are too few to tell, of the area or of
 * the key. */
double heat_share(const struct heat *h, const struct heat_spot *s);
/* heat_note: one question, at a time that never goes back. */
void heat_note(struct heat *h, const struct heat_spot *s, msec_t now);

#endif
