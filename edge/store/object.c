/* SPDX-License-Identifier: MIT */

/* The record of one stored response: one allocation that holds the structure, its fields and every
 * text, in this order. Threads: any. */
#include "edge/store/object.h"

#include "edge/store/store_inner.h"
#include "edge/store/generation_inner.h"
#include "edge/store/heads.h"
#include "lib/base/mem.h"

#define ALLOCATION_COST 16

/* Fills one allocation from its front. */
struct packer {
    char *at;
};

static struct span pack(struct packer *p, struct span s)
{
    if (s.p == NULL)
        return SPAN_NONE;
    struct span copy = {p->at, s.n};
    if (s.n > 0)
        memcpy(p->at, s.p, s.n);
    p->at += s.n;
    return copy;
}

static size_t lines_bytes(const struct fields *fs)
{
    size_t n = 0;
    for (uint32_t i = 0; i < fs->count; i++)
        n += fs->v[i].name.n + fs->v[i].value.n + sizeof(": \r\n") - 1;
    return n;
}

static size_t record_bytes(const struct object_spec *spec)
{
    return sizeof(struct object) + spec->fields->count * sizeof(struct field) +
           spec->tags.count * sizeof(uint64_t) + lines_bytes(spec->fields) + spec->key.text.n +
           spec->site.n + spec->vary_names.n + spec->vary_values.n + spec->validators.etag.n;
}

static void pack_tags(struct packer *p, struct object *o, const struct tag_set *from)
{
    struct span hashes = {(const char *)from->v, from->count * sizeof(*from->v)};
    struct span copy = pack(p, hashes);
    o->tags = *from;
    o->tags.v = (const uint64_t *)(const void *)copy.p;
}

/* The fields as lines; the copies of names and values point into them. */
static void pack_fields(struct packer *p, struct object *o, const struct fields *from)
{
    struct field *v = (struct field *)(void *)p->at;
    p->at += from->count * sizeof(*v);
    struct span lines = {p->at, lines_bytes(from)};
    uint64_t ids = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        v[i].id = from->v[i].id;
        ids |= field_bit(v[i].id);
        v[i].name = pack(p, from->v[i].name);
        pack(p, SPAN(": "));
        v[i].value = pack(p, from->v[i].value);
        if (v[i].value.p == NULL)
            v[i].value.p = p->at;
        pack(p, SPAN("\r\n"));
    }
    o->fields = (struct fields){.v = v,
                                .count = from->count,
                                .room = from->count,
                                .lines = lines,
                                .lines_count = from->count,
                                .ids = ids};
}

struct object *object_create(struct store *st, const struct object_spec *spec)
{
    size_t bytes = record_bytes(spec), charged = bytes + ALLOCATION_COST;
    if (!heads_charge(st, charged))
        return NULL;
    struct object *o = mem_try_alloc(bytes);
    if (o == NULL) {
        heads_uncharge(st, charged);
        return NULL;
    }
    *o = (struct object){.magic = OBJECT_MAGIC,
                         .refs = 1,
                         .store = st,
                         .status = spec->status,
                         .freshness = *spec->freshness,
                         .validators = spec->validators,
                         .generation = spec->generation,
                         .stored_wall = spec->stored_wall,
                         .charged_bytes = charged};
    list_init(&o->clock_link);
    struct packer p = {.at = (char *)(o + 1)};
    pack_tags(&p, o, &spec->tags);
    pack_fields(&p, o, spec->fields);
    o->key = (struct store_key){.text = pack(&p, spec->key.text), .hash = spec->key.hash};
    o->vary_names = pack(&p, spec->vary_names);
    o->vary_values = pack(&p, spec->vary_values);
    o->validators.etag = pack(&p, spec->validators.etag);
    o->site = pack(&p, spec->site);
    CHECK(p.at == (char *)o + bytes);
    generation_ref(o->generation);
    generation_key_set(o->generation, &o->key);
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
    struct store *st = o->store;
    size_t charged = o->charged_bytes;
    generation_unref(&o->generation);
    o->magic = 0;
    mem_free(o);
    heads_uncharge(st, charged);
}
