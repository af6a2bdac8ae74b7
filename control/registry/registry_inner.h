/* SPDX-License-Identifier: MIT
 * private to control/registry: what registry.c, registry_facts.c and registry_sites.c share */
#ifndef CONTROL_REGISTRY_REGISTRY_INNER_H
#define CONTROL_REGISTRY_REGISTRY_INNER_H

#include "control/registry/reach.h"
#include "control/registry/registry.h"
#include "control/registry/sites.h"
#include "control/registry/spare.h"
#include "control/registry/voices.h"

#include <pthread.h>

#define NODE_BYTES (64 << 10) /* bound on what one node may make us keep */

struct node {
    struct arena spec_mem, seen_mem; /* of spec and seen */
    struct node_spec spec;
    bool is_from_file;
    bool is_seen_dirty; /* what it reported is not durable yet */
    enum node_mode mode;
    struct health health;
    struct spare spare;
    struct reach reach[NODE_FAMILIES]; /* by probes */
    struct reach told[NODE_FAMILIES];  /* by neighbours */
    struct voices voices;
    struct heartbeat seen; /* the last; without its ledger */
    msec_t heard_wall_ms;
};

struct registry {
    /* set at creation, then constant */
    struct health_rules rules;
    /* under the lock */
    pthread_mutex_t lock;
    struct map *by_id; /* struct node */
    struct node **nodes;
    struct health **healths; /* healths[i] == &nodes[i]->health */
    size_t count;
    struct sites *sites;
    struct picture *picture;
    struct health_sight sight;
    bool is_changed; /* a newer picture would show other loads */
    bool is_urgent;  /* something else than loads changed since the last tick */
    msec_t published_at, weighed_at;
    /* any thread */
    _Atomic uint64_t version; /* of picture */
};

/* Under the lock. */
struct node *registry_add_node(struct registry *r, struct span id);
void registry_set_spec(struct node *n, const struct node_spec *spec);
/* registry_hear: what a heartbeat reports of neighbours. registry_weigh: true: a node's reach is
 * another now. */
void registry_hear(struct registry *r, const struct heartbeat *h, msec_t now);
bool registry_weigh(struct registry *r, msec_t now);
void registry_publish(struct registry *r, msec_t now);

#endif
