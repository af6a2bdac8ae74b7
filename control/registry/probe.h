/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_PROBE_H
#define CONTROL_REGISTRY_PROBE_H

#include "control/registry/registry.h"
#include "lib/net/loop.h"

/* Active probes: a TCP connection to each node's first address of each family, at the port of its
 * public URL, once a period and spread over it. What heartbeats cannot tell: whether users reach
 * the node, by IPv4 and by IPv6. Threads: the loop's. */
struct probes;

/* probes_create: period_ms 0: none are made. timeout_ms: for one connection. */
struct probes *probes_create(struct loop *l, struct registry *r, msec_t period_ms,
                             msec_t timeout_ms) __attribute__((returns_nonnull));
void probes_destroy(struct probes **p); /* NULL is fine */
/* probes_set: another period, from a reload. */
void probes_set(struct probes *p, msec_t period_ms, msec_t timeout_ms);

#endif
