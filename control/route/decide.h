/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_DECIDE_H
#define CONTROL_ROUTE_DECIDE_H

#include "control/registry/picture.h"
#include "control/route/heat.h"
#include "control/route/override.h"
#include "control/route/region.h"
#include "lib/base/hash.h"
#include "lib/geo/geo.h"

/* Which edges should serve this user, best first. Pure: the picture, the rules and the question in,
 * the verdict out; no clock, no I/O, no allocation. About two microseconds for 500 nodes.
 *
 * Rules, in order; each ranks the edges it knows something about, and those left over follow by
 * the next one, so that there are as many as were asked for wherever there are so many at all:
 *   override   an operator's list for the longest network that holds the address
 *   asn        an operator's list for the network operator (AS) that has the address
 *   city       distance from the place of the address, in bands: edges that are as near as the
 *              accuracy of the place can tell are equal
 *   country    edges in the country of the address
 *   continent  edges on its continent
 *   default    any edge
 * A place that is vaguer than `vague_km` is no point on the map: there country stands before city.
 *
 * Among equals the cheaper price class comes first, then weighted rendezvous hashing on the
 * question's key: the same content goes to the same edge, and the users of an edge that goes are
 * spread over the others. The weight is what an edge has free. A content that is much of what is
 * asked for is spread over several edges, by users, so that no edge gets more than a fourth above
 * its share.
 *
 * Before all rules stand whether an edge can serve (standing.h): only where no better one is left
 * does the next standing follow, so an answer is never an error while there is any edge; and
 * regions (region.h), whose boundary no answer crosses. */
#define DECIDE_MAX 16

enum decide_rule {
    DECIDE_OVERRIDE,
    DECIDE_ASN,
    DECIDE_CITY,
    DECIDE_COUNTRY,
    DECIDE_CONTINENT,
    DECIDE_DEFAULT,
    DECIDE_RULE_COUNT
};

struct asn_rule {
    uint32_t asn;
    const struct span *edges; /* ids in order of preference */
    size_t edge_count;
};

struct decide_rules {
    const struct override_table *overrides; /* may be NULL */
    const struct asn_rule *asns;            /* ascending */
    size_t asn_count;
    const struct region_table *regions; /* may be NULL */
    double near_km;                     /* edges within this of the nearest are as near as it */
    double vague_km; /* places whose radius is this or more have no point; 0: all have */
};

/* What an edge must offer for it to be an answer at all. */
enum decide_scheme { DECIDE_ANY, DECIDE_HTTP, DECIDE_HTTPS };

struct decide_question {
    const struct sockaddr *client;
    const struct place *place; /* of the client */
    uint64_t key_hash;         /* of host and path */
    const struct heat *heat;   /* how hot keys are; NULL: none is */
    enum decide_scheme scheme;
    enum node_family family; /* of its addresses */
    uint8_t price_class;     /* the site pays for edges up to this; 0: for all */
    bool has_one_standing;   /* fewer than wanted rather than some of a worse one than the first */
    size_t wanted;           /* 1..DECIDE_MAX */
};

/* Edges that were equal for this user. */
struct decide_group {
    enum decide_rule rule;
    enum standing standing;
    size_t members; /* of the cheapest price class, before those chosen earlier are left out */
    size_t spread;  /* edges that the key's users are spread over; 1: it is not hot */
    double from_cos, to_cos; /* of CITY: the band, for decide_band_km */
};

struct decide_choice {
    const struct picture_node *node;
    const struct picture_edge *edge;
    enum decide_rule rule;
    enum standing standing;
    size_t group;
};

struct decide_verdict {
    enum decide_rule rule;           /* that found the first; DEFAULT when there is none */
    const struct override *override; /* of the first, where its rule is OVERRIDE */
    const struct region *region;     /* the user is within; NULL: none */
    uint64_t area;                   /* of users who choose as this one; 0: there is none */
    struct heat_spot spot;           /* of the key in it, for heat_note; where there is heat */
    size_t group_count;
    struct decide_group groups[DECIDE_MAX];
    size_t count;
    struct decide_choice v[DECIDE_MAX];
};

void decide(const struct picture *picture, const struct decide_rules *rules,
            const struct decide_question *question, struct decide_verdict *out);

/* decide_shape: what the decision is made of, for all keys at once: in one picture the same for two
 * clients where each key gives both the same edges in the same order, as long as it is not hot.
 * `taken` is room for node_count bytes. */
struct hash128 decide_shape(const struct picture *picture, const struct decide_rules *rules,
                            const struct decide_question *question, uint8_t *taken);

struct span decide_rule_name(enum decide_rule rule);
/* decide_standing: of an edge, for the users of this question. */
enum standing decide_standing(const struct picture_edge *e, const struct decide_question *q);
/* decide_asn_rule: NULL: there is none for this operator. */
const struct asn_rule *decide_asn_rule(const struct decide_rules *rules, uint32_t asn);
/* decide_km: from the client's place to an edge; < 0: not known. */
double decide_km(const struct place *client, const struct picture_node *n);
/* decide_band_km: how far from the client a band of CITY begins, or ends. */
double decide_band_km(double cosine);
/* decide_key: the content that users of one edge share: host and path, without the query. */
uint64_t decide_key(struct span host, struct span path);

#endif
