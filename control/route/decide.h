/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_DECIDE_H
#define CONTROL_ROUTE_DECIDE_H

#include "control/registry/picture.h"
#include "control/route/override.h"
#include "lib/base/hash.h"
#include "lib/geo/geo.h"

/* Which edges should serve this user, best first. Pure: the picture, the rules and the question in,
 * the verdict out; no clock, no I/O, no allocation. About a microsecond for 500 nodes.
 *
 * Rules, in order; each ranks the edges it knows something about, and those left over follow by
 * the next one, so that there are as many as were asked for wherever there are so many at all:
 *   override   an operator's list for the longest network that holds the address
 *   city       distance from the place of the address; edges that are as near as the accuracy of
 *              that place can tell form one group
 *   country    edges in the country of the address
 *   default    any edge
 * Within a group the order is rendezvous hashing on the question's key, weighted: the same content
 * goes to the same edge, and the users of an edge that goes are spread over the others.
 *
 * Before all rules stands whether an edge can serve. Only where no better class is left does the
 * next follow, so an answer is never an error while there is any edge:
 *   able       up (or forced) and mode auto
 *   drain      up, but drained by the operator
 *   doubtful   not heard, or not yet steady again
 *   down       down by the operator's word: never answered */
#define DECIDE_MAX 16

enum decide_rule {
    DECIDE_OVERRIDE,
    DECIDE_CITY,
    DECIDE_COUNTRY,
    DECIDE_DEFAULT,
    DECIDE_RULE_COUNT
};
enum decide_class { DECIDE_ABLE, DECIDE_DRAIN, DECIDE_DOUBTFUL, DECIDE_OUT };

struct decide_rules {
    const struct override_table *overrides; /* may be NULL */
    double near_km;                         /* edges within this of the nearest are as near as it */
};

/* What an edge must offer for it to be an answer at all. */
enum decide_scheme { DECIDE_ANY, DECIDE_HTTP, DECIDE_HTTPS };
enum decide_family { DECIDE_ANY_FAMILY, DECIDE_IPV4, DECIDE_IPV6 }; /* of its addresses */

struct decide_question {
    const struct sockaddr *client;
    const struct place *place; /* of the client */
    uint64_t key_hash;         /* of host and path */
    enum decide_scheme scheme;
    enum decide_family family;
    bool has_one_class; /* fewer than wanted rather than some of a worse class than the first */
    size_t wanted;      /* 1..DECIDE_MAX */
};

struct decide_choice {
    const struct picture_node *node;
    enum decide_rule rule;
    enum decide_class class;
    double km; /* from the client's place; < 0: not known */
};

struct decide_verdict {
    enum decide_rule rule;           /* that found the first; DEFAULT when there is none */
    const struct override *override; /* of the first, where its rule is OVERRIDE */
    size_t count;
    struct decide_choice v[DECIDE_MAX];
};

void decide(const struct picture *picture, const struct decide_rules *rules,
            const struct decide_question *question, struct decide_verdict *out);

/* decide_shape: what the decision is made of, for all keys at once: in one picture the same for two
 * clients where each key gives both the same edges in the same order. `taken` is room for
 * node_count bytes. */
struct hash128 decide_shape(const struct picture *picture, const struct decide_rules *rules,
                            const struct decide_question *question, uint8_t *taken);

const char *decide_rule_name(enum decide_rule rule);
const char *decide_class_name(enum decide_class class);
enum decide_class decide_class_of(const struct picture_node *node);
/* decide_key: the content that users of one edge share: host and path, without the query. */
uint64_t decide_key(struct span host, struct span path);

#endif
