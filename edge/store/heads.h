/* SPDX-License-Identifier: MIT
 * private to edge/store: the budget's share of records and tables */
#ifndef EDGE_STORE_HEADS_H
#define EDGE_STORE_HEADS_H

#include "edge/store/store_inner.h"

/* heads_charge: evicts where needed; no lock may be held. heads_try_charge: does not; under any
 * lock. false: no room. */
MUST_USE bool heads_charge(struct store *st, size_t bytes);
MUST_USE bool heads_try_charge(struct store *st, size_t bytes);
void heads_uncharge(struct store *st, size_t bytes);
/* heads_dominate: they have their share of memory: where something has to go, objects go first.
 * heads_are_full: and for another one something would have to go. */
bool heads_dominate(const struct store *st);
bool heads_are_full(const struct store *st);
/* heads_tell: objects left for want of room for heads: where disks have their bytes still, a line
 * of log says so, once. */
void heads_tell(struct store *st);

#endif
