/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_GATE_H
#define EDGE_UPSTREAM_GATE_H

#include "lib/net/mailbox.h"

#include <stdbool.h>
#include <stdint.h>

/* How many requests may be on the way to one origin at once, over all workers. Who comes when it
 * is full waits in a lane, which his resource's key decides; lanes are served in turn (stochastic
 * fairness queueing, McKenney 1990), so that a crowd of requests for one resource holds up nobody
 * who wants another.
 *
 *   enter ─ room ─> IN ─────────────────────────────────── leave ─> (gone)
 *     └── full ─> WAITING ─ a place is passed on ─> CALLED ─ mail ─> IN
 *                     └────────── leave ────────────────────────────> (gone; the place goes on)
 *
 * A place that becomes free goes to who is called: it is never up for grabs while somebody waits.
 * Who comes in the background has a lane of his own, which is served when no other has anybody, and
 * leaves a quarter of the places to others.
 * Threads: gate_create and the last unref: any; the rest: the ticket's own loop. */
struct gate;
struct gate_ticket;

struct gate *gate_create(uint32_t places);
void gate_unref(struct gate **g); /* tickets keep it alive */
bool gate_is_full(const struct gate *g);

struct gate_entry {
    struct mailbox *home;
    uint64_t key;
    bool is_background;
    void (*admitted)(void *ctx); /* on home's loop; never from inside gate_enter */
    void *ctx;
};
/* gate_enter: gate_is_in() tells whether the caller may go on; else admitted() will. */
struct gate_ticket *gate_enter(struct gate *g, const struct gate_entry *entry);
bool gate_is_in(const struct gate_ticket *t);
/* gate_leave: takes *t, in whatever state; no call follows. */
void gate_leave(struct gate_ticket **t);
/* gate_has_waiting: somebody, not in the background, waits for a place of the kind that t holds. */
bool gate_has_waiting(const struct gate_ticket *t);

#endif
