/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_PICTURE_H
#define CONTROL_REGISTRY_PICTURE_H

#include "control/registry/standing.h"
#include "lib/base/map.h"
#include "lib/geo/geo.h"
#include "lib/proto/heartbeat.h"

#include <stdatomic.h>

/* All nodes and sites at one moment: what routing decides by. Immutable once published; made whole,
 * swapped whole, freed when the last reader has left. Threads: any. */
struct picture_node {
    struct node_spec spec; /* URLs: what the spec says, else what the node itself reported;
                              addresses: what it says, else those of the URLs */
    enum node_mode mode;
    enum health_state health;
    bool is_full;               /* at its limits (spare.h) */
    bool is_cut[NODE_FAMILIES]; /* probes do not reach it by this family */
    double spare;     /* share of its bandwidth that is free, in steps; 1: all, or unknown */
    uint64_t hash;    /* of the id, for rendezvous hashing */
    uint32_t edge;    /* where it is in picture.edges; set by picture_seal, as is */
    struct span told; /* its id and URLs as members of a JSON object: all answers tell them; and */
    struct geo_point at; /* where the spec has a point */
    struct heartbeat_load load;
    struct span program;
    msec_t heard_wall_ms; /* 0: never */
    uint64_t config_version;
    struct span config_fault;
};

/* What decisions read of a node: small and close together, by place. Made by picture_seal. */
enum picture_offers { PICTURE_HTTP = 1, PICTURE_HTTPS = 2, PICTURE_IPV4 = 4, PICTURE_IPV6 = 8 };

struct picture_edge {
    uint64_t hash, region; /* of the id; of the region's name, or 0 */
    double weight;         /* share among equals now: its own, its capacity, what of it is free */
    uint32_t node;
    uint16_t country, continent; /* picture_code; 0: unknown */
    uint8_t price_class, offers;
    uint8_t standing[NODE_FAMILIES];
};

/* Edges with one point on the map (to some 100 m). */
struct picture_place {
    uint64_t hash; /* of the point: the same in each picture */
    uint32_t first, count;
};

/* The points of some places one after the other, from south to north, as unit vectors: a decision
 * goes through several at a time. */
#define PICTURE_BLOCK 8
struct picture_latitude {
    double sine, cosine;
};
struct picture_block {
    double x[PICTURE_BLOCK], y[PICTURE_BLOCK], z[PICTURE_BLOCK];
    struct picture_latitude south, north; /* of its first place and its last */
};

#define PICTURE_CODES 1024 /* bits, for countries and continents */

struct picture_site {
    struct span name;
    uint8_t price_class; /* it pays for edges up to this class; 0: all */
};

struct picture {
    uint32_t magic;
    atomic_uint refs;
    /* hashes: the same, so are decisions. routing: who is where, and how; shares: the weights;
     * hosts: all hosts of all sites, and what is in picture_site */
    uint64_t routing, shares, hosts;
    uint64_t version; /* grows with every picture of this process */
    struct arena mem;
    struct picture_node *nodes;
    size_t node_count;
    struct picture_edge *edges; /* [node_count]: by place, those without a point last */
    struct picture_place *places;
    size_t place_count;
    struct picture_block *points;       /* of place i: in block i / PICTURE_BLOCK */
    uint8_t standings[NODE_FAMILIES];   /* bit n: there is an edge of standing n */
    uint64_t codes[PICTURE_CODES / 64]; /* see picture_may_have */
    struct map *node_by_id;             /* struct picture_node */
    struct map *site_by_host;           /* const struct picture_site; wildcards as ".example.com" */
    uint32_t price_limits;              /* bit n: there is a site that pays up to class n */
    bool is_frozen;
    uint64_t config_version; /* of what its sites are; edges may run the one before yet */
};
#define PICTURE_MAGIC     0x91c70b3dU
#define PICTURE_MAX_BYTES (256 << 20)

/* picture_create: empty, one reference, for who fills it. */
struct picture *picture_create(size_t nodes) __attribute__((returns_nonnull));
struct picture *picture_ref(struct picture *p);
void picture_unref(struct picture **p);

/* picture_seal: edges, places, routing and shares, from the nodes: when all are there, and again
 * after any of them was changed. */
void picture_seal(struct picture *p);

const struct picture_node *picture_node_named(const struct picture *p, struct span id);
/* picture_site_of: who serves host (lower case, without port): exact, then the longest wildcard;
 * NULL: none. picture_site: its name; p == NULL: none. */
const struct picture_site *picture_site_of(const struct picture *p, struct span host);
struct span picture_site(const struct picture *p, struct span host);
/* picture_code: two letters as a number; 0 where they are not two. */
static inline uint16_t picture_code(struct span s)
{
    return (uint16_t)(s.n == 2 ? (uint8_t)s.p[0] << 8 | (uint8_t)s.p[1] : 0);
}
/* picture_may_have: false: no edge is in this country, or on this continent (picture_code). */
static inline bool picture_may_have(const struct picture *p, uint16_t code)
{
    return (p->codes[code % PICTURE_CODES / 64] >> code % 64 & 1) != 0;
}
enum standing picture_standing(const struct picture_node *n, enum node_family family);

#endif
