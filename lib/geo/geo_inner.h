/* SPDX-License-Identifier: MIT
 * private to lib/geo: a database as it is kept */
#ifndef LIB_GEO_GEO_INNER_H
#define LIB_GEO_GEO_INNER_H

#include "lib/geo/geo.h"

#include <stdatomic.h>

/* A reference: a node by its number, a record (IS_RECORD and its number), or nothing. */
#define IS_RECORD 0x80000000U
#define NOTHING   0x7fffffffU

#define HEAD_BITS 16 /* of IPv4 addresses are looked up in one step */
#define HEADS     (1U << HEAD_BITS)
#define TAILS     (1U << (32 - HEAD_BITS))

struct geo_node {
    uint32_t half[2];
};

/* What is kept of a record. */
struct geo_record {
    double lat, lon;
    struct geo_point at;
    uint32_t name_at; /* in names: the city's, or the network operator's */
    uint32_t asn;
    uint16_t radius_km;
    uint8_t name_bytes;
    bool has_point;
    char country[2], continent[2]; /* zeros: not known */
};
_Static_assert(sizeof(struct geo_record) <= 56, "eight of them in seven cache lines");

struct geo {
    uint32_t magic;
    atomic_uint refs;
    enum geo_kind kind;
    struct geo_facts facts;
    struct geo_node *nodes; /* [facts.nodes]; none leads back to itself, nor further down than
                               addresses are long */
    struct geo_record *records;
    char *names;
    uint32_t v4, v6; /* where each family begins */
    /* IPv4 once more, as networks in a row: a look-up in a large tree is a miss of the processor's
     * caches at each step down, in a row it is two. Those of head i are head_runs[i] and on, up to
     * head_runs[i + 1]; the last bits of their first addresses, and where each leads. */
    uint32_t *head_runs; /* [HEADS + 1] */
    uint8_t *head_bits;  /* [HEADS]: length of the network, where that is one alone */
    uint16_t *run_tails;
    uint32_t *run_refs;
};
#define GEO_MAGIC 0x6e0a91c3U

#endif
