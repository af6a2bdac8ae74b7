/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_PICTURE_H
#define CONTROL_REGISTRY_PICTURE_H

#include "control/registry/health.h"
#include "control/registry/node.h"
#include "lib/base/map.h"
#include "lib/proto/heartbeat.h"

#include <stdatomic.h>

/* All nodes and sites at one moment: what routing decides by. Immutable once published; made whole,
 * swapped whole, freed when the last reader has left. Threads: any. */
struct picture_node {
    struct node_spec spec; /* URLs: what the spec says, else what the node itself reported;
                              addresses: what it says, else those of the URLs */
    enum node_mode mode;
    enum health_state health;
    double x, y, z; /* spec.lat, lon as a unit vector; of no meaning without a point */
    uint64_t hash;  /* of the id, for rendezvous hashing */
    struct heartbeat_load load;
    struct span program;
    msec_t heard_wall_ms; /* 0: never */
    uint64_t config_version;
    struct span config_fault;
};

struct picture {
    uint32_t magic;
    atomic_uint refs;
    uint64_t
        routing;    /* hash of all of a node that a decision looks at: the same, so are decisions */
    uint64_t hosts; /* hash of all hosts of all sites, and the sites' names */
    uint64_t version; /* grows with every picture of this process */
    struct arena mem;
    struct picture_node *nodes;
    size_t node_count;
    struct map *node_by_id;   /* struct picture_node */
    struct map *site_by_host; /* const struct span: the site's name; wildcards as ".example.com" */
    bool is_frozen;
    uint64_t config_version;
    struct span config; /* document for edges; p == NULL: none yet */
};
#define PICTURE_MAGIC     0x91c70b3dU
#define PICTURE_MAX_BYTES (256 << 20)

/* picture_create: empty, one reference, for who fills it. */
struct picture *picture_create(size_t nodes) __attribute__((returns_nonnull));
struct picture *picture_ref(struct picture *p);
void picture_unref(struct picture **p);

const struct picture_node *picture_node_named(const struct picture *p, struct span id);
/* picture_site: name of the site that serves host (lower case, without port): exact, then the
 * longest wildcard. p == NULL: none. */
struct span picture_site(const struct picture *p, struct span host);
/* picture_point: lat and lon as a unit vector. */
void picture_point(double lat, double lon, double *x, double *y, double *z);

#endif
