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

#endif
