/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_OBJECT_H
#define EDGE_STORE_OBJECT_H

#include "lib/http/conditional.h"
#include "edge/policy/freshness.h"
#include "edge/policy/tags.h"
#include "lib/base/hash.h"

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

/* Texts, tags and fields follow in the same allocation. Functions below find them by their counts:
 * pointers to them would weigh more than most of them. */
struct object {
    /* what a look-up touches stands together */
    uint32_t magic;
    _Atomic uint32_t refs;
    struct hash128 hash;           /* of its key */
    struct object *chain_next;     /* the index's own, under its shard's lock */
    _Atomic uint64_t purges_known; /* number of the newest purge that it was compared with */
    struct generation *generation; /* constant, as is what follows, where nothing else is said */
    _Atomic uint32_t uses;         /* look-ups that found it */
    bool was_used;                 /* the index's own: since eviction's hand passed */
    _Atomic bool is_soft_purged;   /* stale whatever the freshness says */
    _Atomic bool is_purged;        /* gone for a purge */
    _Atomic bool is_indexed;
    uint32_t key_bytes;
    uint32_t tags_count;
    uint32_t lines_bytes, vary_names_bytes, vary_values_bytes;
    uint32_t etag_bytes; /* 0: none: an empty one is no ETag */
    uint16_t fields_count, site_bytes, groups_count, status;
    uint64_t field_ids;
    sec_t last_modified, date; /* of the validators */
    msec_t stored_wall;
    struct freshness freshness;
};
#define OBJECT_MAGIC 0x0b1ec7edU
_Static_assert(offsetof(struct object, lines_bytes) == 64, "a look-up touches one line of cache");
_Static_assert(sizeof(struct object) <= 168, "weight of an object: the store's README");

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
 * (ERR_NO_SPACE at the bound), or more fields or a longer text than any head has. The creator holds
 * the reference. */
struct object *object_create(struct store *st, const struct object_spec *spec);
size_t object_weight(const struct object *o); /* in the store, without its generation */
/* Whether o answers the request at hand. */
typedef bool (*object_match_fn)(void *ctx, const struct object *o);

/* object_variant_id: of a variant of a key: no other has it. */
uint64_t object_variant_id(const struct store_key *key, struct span vary_names,
                           struct span vary_values);

uint64_t object_variant(const struct object *o);

void object_ref(struct object *o);
void object_unref(struct object **o);

/* What it was made of, borrowed from it. Behind the structure lie key, names and values of Vary,
 * ETag and site, then at a multiple of eight tags, fields and their lines. */
static inline struct span object_text(const struct object *o, size_t before, size_t n)
{
    return span_make((const char *)(o + 1) + before, n);
}

static inline struct store_key object_key(const struct object *o)
{
    return (struct store_key){.text = object_text(o, 0, o->key_bytes), .hash = o->hash};
}

/* edge/policy/vary.h; "": it does not vary. */
static inline struct span object_vary_names(const struct object *o)
{
    return object_text(o, o->key_bytes, o->vary_names_bytes);
}

static inline struct span object_vary_values(const struct object *o)
{
    return object_text(o, (size_t)o->key_bytes + o->vary_names_bytes, o->vary_values_bytes);
}

static inline size_t object_etag_offset(const struct object *o)
{
    return (size_t)o->key_bytes + o->vary_names_bytes + o->vary_values_bytes;
}

static inline struct validators object_validators(const struct object *o)
{
    struct span etag = object_text(o, object_etag_offset(o), o->etag_bytes);
    return (struct validators){.etag = o->etag_bytes > 0 ? etag : SPAN_NONE,
                               .last_modified = o->last_modified,
                               .date = o->date};
}

/* object_site: its name. */
static inline struct span object_site(const struct object *o)
{
    return object_text(o, object_etag_offset(o) + o->etag_bytes, o->site_bytes);
}

static inline size_t object_tags_offset(const struct object *o)
{
    return (object_etag_offset(o) + o->etag_bytes + o->site_bytes + 7) / 8 * 8;
}

static inline struct tag_set object_tags(const struct object *o)
{
    return (struct tag_set){.v = (const uint64_t *)((uintptr_t)(o + 1) + object_tags_offset(o)),
                            .count = o->tags_count,
                            .groups = o->groups_count};
}

/* object_fields: end-to-end fields as stored, without Age, Connection, ...; all of them are in its
 * `lines`. Not to be changed. */
static inline struct fields object_fields(const struct object *o)
{
    uintptr_t v = (uintptr_t)(o + 1) + object_tags_offset(o) + o->tags_count * sizeof(uint64_t);
    const char *lines = (const char *)(v + o->fields_count * sizeof(struct field));
    return (struct fields){.v = (struct field *)v,
                           .count = o->fields_count,
                           .room = o->fields_count,
                           .lines = span_make(lines, o->lines_bytes),
                           .lines_count = o->fields_count,
                           .ids = o->field_ids};
}

#endif
