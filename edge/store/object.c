/* SPDX-License-Identifier: MIT */

/* The record of one stored response. Threads: any. */
#include "edge/store/object.h"

#include "edge/store/store_inner.h"
#include "edge/store/generation_inner.h"
#include "edge/store/heads.h"
#include "lib/base/mem.h"

#define ALLOCATION_COST 16
#define TEXT_MAX        ((size_t)1 << 30) /* far beyond a head, and within 32 bits */

static size_t record_bytes(const struct object *o)
{
    return sizeof(*o) + object_tags_offset(o) + o->tags_count * sizeof(uint64_t) +
           o->fields_count * sizeof(struct field) + o->lines_bytes;
}

size_t object_weight(const struct object *o)
{
    return record_bytes(o) + ALLOCATION_COST;
}

static size_t lines_bytes(const struct fields *fs)
{
    size_t n = 0;
    for (uint32_t i = 0; i < fs->count; i++)
        n += fs->v[i].name.n + fs->v[i].value.n + sizeof(": \r\n") - 1;
    return n;
}

static bool is_sane(const struct object_spec *spec)
{
    return spec->status <= UINT16_MAX && spec->fields->count <= UINT16_MAX &&
           spec->site.n <= UINT16_MAX && spec->tags.groups <= UINT16_MAX &&
           lines_bytes(spec->fields) < TEXT_MAX && spec->key.text.n < TEXT_MAX &&
           spec->vary_names.n < TEXT_MAX && spec->vary_values.n < TEXT_MAX &&
           spec->validators.etag.n < TEXT_MAX;
}

/* All but what follows it. */
static struct object head_of(const struct object_spec *spec)
{
    const struct validators *v = &spec->validators;
    return (struct object){.magic = OBJECT_MAGIC,
                           .refs = 1,
                           .hash = spec->key.hash,
                           .generation = spec->generation,
                           .key_bytes = (uint32_t)spec->key.text.n,
                           .tags_count = spec->tags.count,
                           .groups_count = (uint16_t)spec->tags.groups,
                           .fields_count = (uint16_t)spec->fields->count,
                           .lines_bytes = (uint32_t)lines_bytes(spec->fields),
                           .vary_names_bytes = (uint32_t)spec->vary_names.n,
                           .vary_values_bytes = (uint32_t)spec->vary_values.n,
                           .etag_bytes = (uint32_t)v->etag.n,
                           .site_bytes = (uint16_t)spec->site.n,
                           .status = (uint16_t)spec->status,
                           .last_modified = v->last_modified,
                           .date = v->date,
                           .stored_wall = spec->stored_wall,
                           .freshness = *spec->freshness};
}

/* Fills one allocation from its front. */
struct packer {
    char *at;
};

static struct span pack(struct packer *p, struct span s)
{
    struct span copy = {p->at, s.n};
    if (s.n > 0)
        memcpy(p->at, s.p, s.n);
    p->at += s.n;
    return copy;
}

/* The fields as lines; the copies of names and values point into them. */
static void pack_fields(struct packer *p, struct object *o, const struct fields *from)
{
    struct field *v = (struct field *)(void *)p->at;
    p->at += from->count * sizeof(*v);
    for (uint32_t i = 0; i < from->count; i++) {
        v[i].id = from->v[i].id;
        o->field_ids |= field_bit(v[i].id);
        v[i].name = pack(p, from->v[i].name);
        pack(p, SPAN(": "));
        v[i].value = pack(p, from->v[i].value);
        pack(p, SPAN("\r\n"));
    }
}

struct object *object_create(struct store *st, const struct object_spec *spec)
{
    if (!is_sane(spec))
        return NULL;
    struct object head = head_of(spec);
    size_t weight = object_weight(&head);
    if (!heads_charge(st, weight))
        return NULL;
    struct object *o = mem_try_alloc(record_bytes(&head));
    if (o == NULL) {
        heads_uncharge(st, weight);
        return NULL;
    }
    *o = head;
    struct packer p = {.at = (char *)(o + 1)};
    pack(&p, spec->key.text);
    pack(&p, spec->vary_names);
    pack(&p, spec->vary_values);
    pack(&p, spec->validators.etag);
    pack(&p, spec->site);
    p.at = (char *)(o + 1) + object_tags_offset(o);
    pack(&p, span_make(spec->tags.v, spec->tags.count * sizeof(*spec->tags.v)));
    pack_fields(&p, o, spec->fields);
    CHECK(p.at == (char *)o + record_bytes(o));
    generation_ref(o->generation);
    generation_key_set(o->generation, &o->hash);
    return o;
}

uint64_t object_variant_id(const struct store_key *key, struct span vary_names,
                           struct span vary_values)
{
    uint64_t id = key->hash.lo;
    if (vary_names.n > 0)
        id ^= hash64(vary_names.p, vary_names.n) * 0x9e3779b97f4a7c15u;
    if (vary_values.n > 0)
        id ^= hash64(vary_values.p, vary_values.n) * 0xd6e8feb86659fd93u;
    return id;
}

uint64_t object_variant(const struct object *o)
{
    struct store_key key = object_key(o);
    return object_variant_id(&key, object_vary_names(o), object_vary_values(o));
}

void object_ref(struct object *o)
{
    CHECK_OBJ(o, OBJECT_MAGIC);
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
}

void object_unref(struct object **po)
{
    struct object *o = *po;
    *po = NULL;
    if (o == NULL)
        return;
    CHECK_OBJ(o, OBJECT_MAGIC);
    uint32_t before = atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    struct store *st = o->generation->store;
    size_t weight = object_weight(o);
    generation_unref(&o->generation);
    o->magic = 0;
    mem_free(o);
    heads_uncharge(st, weight);
}
