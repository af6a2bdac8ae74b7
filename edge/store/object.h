/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_OBJECT_H
#define EDGE_STORE_OBJECT_H

#include "lib/http/conditional.h"
#include "edge/policy/freshness.h"
#include "lib/base/hash.h"
#include "lib/base/list.h"

#include <stdatomic.h>

/* One stored response: head, validators, freshness, key, and the generation its bytes belong to.
 *
 *   NEW ─ store_insert ─> INDEXED ─ replaced, purged, evicted ─> DOOMED ─ last unref ─> (freed)
 *
 * Everything but the marked fields is constant from object_create on: a refresh by 304 is a new
 * object that shares the generation. Threads: any. */
struct store;
struct generation;

struct store_key {
    struct span text; /* compared on look-up */
    struct hash128 hash;
};

struct object {
    uint32_t magic;
    _Atomic uint32_t refs;
    struct store *store;
    struct store_key key;
    struct span vary_names, vary_values; /* edge/policy/vary.h; "" where it does not vary */
    int status;
    struct fields fields;  /* end-to-end fields as stored, without Age, Connection, ... */
    struct span h1_fields; /* the same as HTTP/1.1 lines, ready to send: "Name: value\r\n"... */
    struct validators validators;
    struct freshness freshness;
    struct generation *generation;
    struct span site; /* its name */
    msec_t stored_wall;
    size_t charged_bytes; /* what the record weighs in the store */
    /* change while it lives */
    _Atomic uint64_t uses;
    _Atomic bool is_soft_purged; /* stale whatever the freshness says */
    _Atomic bool is_indexed;
    /* the index's own, under its shard's lock */
    struct object *chain_next;
    struct list clock_link;
    bool was_used; /* since the object clock passed */
};
#define OBJECT_MAGIC 0x0b1ec7edU

struct object_spec {
    struct store_key key;
    struct span site, vary_names, vary_values;
    int status;
    const struct fields *fields;
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

void object_ref(struct object *o);
void object_unref(struct object **o);

#endif
