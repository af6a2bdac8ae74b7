/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_OBJECT_H
#define EDGE_STORE_OBJECT_H

#include "lib/http/conditional.h"
#include "edge/policy/freshness.h"
#include "edge/policy/tags.h"
#include "edge/store/object_record.h"
#include "lib/base/hash.h"

/* One stored response: head, validators, freshness, key, and the generation its bytes belong to.
 *
 *   NEW ─ store_insert ─> INDEXED ─ replaced, purged, evicted ─> DOOMED ─ last unref ─> (freed)
 *
 * A refresh by 304 is a new object that shares the generation. Threads: any. */
struct store;

struct store_key {
    struct span text; /* compared on look-up */
    struct hash128 hash;
};

struct object_spec {
    struct store_key key;
    struct span site, vary_names, vary_values;
    struct tag_set tags;
    int status;
    const struct fields *fields; /* none of framing */
    const struct freshness *freshness;
    struct validators validators;
    struct generation *generation; /* referenced */
};

/* object_create: copies everything into one allocation, charged to the store. Durations above 24
 * days are kept to the second, and to 68 years at most. NULL: no room (ERR_NO_SPACE at the bound),
 * or more fields or a longer text than any head has. The creator holds the reference. */
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

/* object_is: flag is one of OBJECT_SOFT_PURGED, ... */
static inline bool object_is(const struct object *o, unsigned flag)
{
    return (atomic_load_explicit(&o->standing, memory_order_acquire) & flag) != 0;
}

/* object_uses: how often it was found. */
static inline uint32_t object_uses(const struct object *o)
{
    return atomic_load_explicit(&o->uses, memory_order_relaxed) & ~OBJECT_USED;
}

/* object_key: borrowed from it; its hash is computed. */
struct store_key object_key(const struct object *o);
/* object_freshness, and what its functions of these names say of it. */
void object_freshness(const struct object *o, struct freshness *out);
msec_t object_age_ms(const struct object *o, msec_t now_wall);
msec_t object_left_ms(const struct object *o, msec_t now_wall);
bool object_may_cover(const struct object *o, msec_t now_wall);

/* object_stored_wall: when the answer came. */
static inline msec_t object_stored_wall(const struct object *o)
{
    return (msec_t)o->response_wall;
}

static inline const struct object_more *object_more(const struct object *o)
{
    static const struct object_more none = {0};
    return o->has_more ? (const struct object_more *)(const void *)(o + 1) : &none;
}

/* What it was made of, borrowed from it. Behind the structures lie key, names and values of Vary,
 * ETag and site, then at a multiple of eight tags, which fields there are, the fields and their
 * lines. */
static inline struct span object_text(const struct object *o, size_t before, size_t n)
{
    size_t more = o->has_more ? sizeof(struct object_more) : 0;
    return span_make((const char *)(o + 1) + more + before, n);
}

static inline struct span object_key_text(const struct object *o)
{
    return object_text(o, 0, o->key_bytes);
}

/* edge/policy/vary.h; "": it does not vary. */
static inline struct span object_vary_names(const struct object *o)
{
    return object_text(o, o->key_bytes, object_more(o)->vary_names_bytes);
}

static inline struct span object_vary_values(const struct object *o)
{
    const struct object_more *more = object_more(o);
    return object_text(o, (size_t)o->key_bytes + more->vary_names_bytes, more->vary_values_bytes);
}

static inline size_t object_etag_offset(const struct object *o)
{
    const struct object_more *more = object_more(o);
    return (size_t)o->key_bytes + more->vary_names_bytes + more->vary_values_bytes;
}

static inline sec_t object_date(uint64_t kept)
{
    return kept != OBJECT_NO_DATE ? (sec_t)kept : -1;
}

static inline struct validators object_validators(const struct object *o)
{
    struct span etag = object_text(o, object_etag_offset(o), o->etag_bytes);
    return (struct validators){.etag = o->etag_bytes > 0 ? etag : SPAN_NONE,
                               .last_modified = object_date(o->last_modified),
                               .date = object_date(o->date)};
}

/* object_site: its name. */
static inline struct span object_site(const struct object *o)
{
    return object_text(o, object_etag_offset(o) + o->etag_bytes, o->site_bytes);
}

static inline struct tag_set object_tags(const struct object *o)
{
    const struct object_more *more = object_more(o);
    uintptr_t end = (uintptr_t)(object_site(o).p + o->site_bytes);
    return (struct tag_set){.v = (const uint64_t *)((end + 7) / 8 * 8),
                            .count = more->tags_count,
                            .groups = more->groups_count};
}

/* object_fields: end-to-end fields as stored, without Age, Connection, ...; all of them are in its
 * `lines`. Not to be changed. */
static inline struct fields object_fields(const struct object *o)
{
    struct tag_set tags = object_tags(o);
    const uint64_t *ids = tags.v + tags.count;
    uintptr_t v = (uintptr_t)(ids + 1);
    const char *lines = (const char *)(v + o->fields_count * sizeof(struct field));
    return (struct fields){.v = (struct field *)v,
                           .count = o->fields_count,
                           .room = o->fields_count,
                           .lines = span_make(lines, o->lines_bytes),
                           .lines_count = o->fields_count,
                           .ids = *ids};
}

#endif
