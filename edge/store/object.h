/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_OBJECT_H
#define EDGE_STORE_OBJECT_H

#include "lib/http/conditional.h"
#include "edge/policy/freshness.h"
#include "edge/policy/tags.h"
#include "lib/base/hash.h"
#include "lib/base/list.h"

#include <stdatomic.h>

/* One stored response: head, validators, freshness, key, and the generation its bytes belong to.
 *
 *   NEW ─ store_insert ─> INDEXED ─ replaced, purged, evicted ─> DOOMED ─ last unref ─> (freed)
 *
 * A refresh by 304 is a new object that shares the generation. Threads: any. */
struct store;
struct generation;

struct store_key {
    struct span text; /* compared on look-up */
    struct hash128 hash;
};

struct object {
    /* what a look-up touches stands together */
    uint32_t magic;
    _Atomic uint32_t refs;
    struct store_key key;
    struct object *chain_next;     /* the index's own, under its shard's lock */
    _Atomic uint64_t purges_known; /* number of the newest purge that it was compared with */
    _Atomic uint32_t uses;         /* look-ups that found it */
    bool was_used;                 /* the index's own: since the object clock passed */
    _Atomic bool is_soft_purged;   /* stale whatever the freshness says */
    _Atomic bool is_purged;        /* gone for a purge */
    _Atomic bool is_indexed;
    /* constant */
    int status;
    struct store *store;
    struct generation *generation;
    struct freshness freshness;
    struct validators validators;
    struct fields fields; /* end-to-end fields as stored, without Age, Connection, ...; all of them
                           * are in its `lines` */
    struct span vary_names, vary_values; /* edge/policy/vary.h; "" where it does not vary */
    struct span site;                    /* its name */
    struct tag_set tags;
    msec_t stored_wall;
    size_t charged_bytes; /* what the record weighs in the store */
    /* the index's own, under its shard's lock */
    struct list clock_link;
};
#define OBJECT_MAGIC 0x0b1ec7edU
_Static_assert(offsetof(struct object, status) == 64, "a look-up touches one line of cache");

struct object_spec {
    struct store_key key;
    struct span site, vary_names, vary_values;
    struct tag_set tags;
    int status;
    const struct fields *fields; /* none of framing */
    const struct freshness *freshness;
    struct validators validators;
    struct generation *generation; /* referenced */
    msec_t stored_wall;
};

/* object_create: copies everything into one allocation, charged to the store. NULL: no room
 * (ERR_NO_SPACE at the bound). The creator holds the reference. */
struct object *object_create(struct store *st, const struct object_spec *spec);
/* Whether o answers the request at hand. */
typedef bool (*object_match_fn)(void *ctx, const struct object *o);

/* object_variant_id: of a variant of a key: no other has it. */
uint64_t object_variant_id(const struct store_key *key, struct span vary_names,
                           struct span vary_values);

void object_ref(struct object *o);
void object_unref(struct object **o);

#endif
