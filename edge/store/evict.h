/* SPDX-License-Identifier: MIT
 * private to edge/store: making room */
#ifndef EDGE_STORE_EVICT_H
#define EDGE_STORE_EVICT_H

#include "edge/store/store_inner.h"

/* evict_some: one segment, or some objects, leave. false: nothing can. Threads: any; holds no lock
 * when called, and never two for longer than a pointer's change. */
bool evict_some(struct store *st);

#endif
