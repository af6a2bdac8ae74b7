/* SPDX-License-Identifier: MIT */

/* The record of one stored response. Threads: any. */
#include "edge/store/object.h"

#include "edge/store/store_inner.h"
#include "edge/store/generation_inner.h"
#include "edge/store/heads.h"
#include "lib/base/mem.h"

#define ALLOCATION_COST 16
#define SECONDS_FLAG    UINT32_C(0x80000000)
#define DURATION_MAX    ((msec_t)0x7fffffff)
#define STATUS_MAX      1023U /* what their bits hold: no answer has more */
#define FIELDS_MAX      1023U
#define WALL_MAX        ((UINT64_C(1) << 48) - 1)

/* A duration in 32 bits: milliseconds, or seconds where those are too many. */
static uint32_t duration_pack(msec_t ms)
{
    if (ms <= DURATION_MAX)
        return ms > 0 ? (uint32_t)ms : 0;
    sec_t s = ms / MSEC_PER_SEC;
    return (uint32_t)(s < DURATION_MAX ? s : DURATION_MAX) | SECONDS_FLAG;
}

static msec_t duration_unpack(uint32_t d)
{
    bool is_seconds = (d & SECONDS_FLAG) != 0;
    return (msec_t)(d & ~SECONDS_FLAG) * (is_seconds ? MSEC_PER_SEC : 1);
}

static uint64_t date_pack(sec_t s)
{
    return s >= 0 && s < (sec_t)OBJECT_NO_DATE ? (uint64_t)s : OBJECT_NO_DATE;
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
    return (unsigned)spec->status <= STATUS_MAX && spec->fields->count <= FIELDS_MAX &&
           lines_bytes(spec->fields) <= UINT16_MAX && spec->key.text.n <= UINT16_MAX &&
           spec->site.n <= UINT16_MAX && spec->validators.etag.n <= UINT16_MAX &&
           spec->vary_names.n <= UINT16_MAX && spec->vary_values.n <= UINT16_MAX &&
           spec->tags.count <= UINT16_MAX;
}

static bool has_more(const struct object_spec *spec)
{
    return spec->vary_names.n + spec->vary_values.n + spec->tags.count > 0;
}

static struct object_more more_of(const struct object_spec *spec)
{
    return (struct object_more){.vary_names_bytes = (uint16_t)spec->vary_names.n,
                                .vary_values_bytes = (uint16_t)spec->vary_values.n,
                                .tags_count = (uint16_t)spec->tags.count,
                                .groups_count = (uint16_t)spec->tags.groups};
}

/* All but what follows it. */
static struct object head_of(const struct object_spec *spec)
{
    const struct validators *v = &spec->validators;
    const struct freshness *f = spec->freshness;
    return (struct object){.magic = OBJECT_MAGIC,
                           .refs = 1,
                           .hash_tag = object_hash_tag(spec->key.hash.lo),
                           .generation = spec->generation,
                           .key_bytes = (uint16_t)spec->key.text.n,
                           .lines_bytes = (uint16_t)lines_bytes(spec->fields),
                           .site_bytes = (uint16_t)spec->site.n,
                           .etag_bytes = (uint16_t)v->etag.n,
                           .fields_count = spec->fields->count & FIELDS_MAX,
                           .has_more = has_more(spec),
                           .status = (unsigned)spec->status & STATUS_MAX,
                           .last_modified = date_pack(v->last_modified) & OBJECT_NO_DATE,
                           .date = date_pack(v->date) & OBJECT_NO_DATE,
                           .response_wall = (uint64_t)f->response_wall & WALL_MAX,
                           .initial_age = duration_pack(f->initial_age_ms),
                           .lifetime = duration_pack(f->lifetime_ms),
                           .stale_while_revalidate = duration_pack(f->stale_while_revalidate_ms),
                           .stale_if_error = duration_pack(f->stale_if_error_ms),
                           .freshness_source = f->source & 0xfu,
                           .must_revalidate = f->must_revalidate,
                           .always_validates = f->always_validates,
                           .is_heuristic = f->is_heuristic,
                           .is_immutable = f->is_immutable};
}

/* With what follows it. */
static size_t record_bytes(const struct object_spec *spec)
{
    size_t texts = spec->key.text.n + spec->vary_names.n + spec->vary_values.n +
                   spec->validators.etag.n + spec->site.n;
    size_t more = has_more(spec) ? sizeof(struct object_more) : 0;
    return sizeof(struct object) + more + (texts + 7) / 8 * 8 +
           (spec->tags.count + 1) * sizeof(uint64_t) + spec->fields->count * sizeof(struct field) +
           lines_bytes(spec->fields);
}

size_t object_weight(const struct object *o)
{
    struct span lines = object_fields(o).lines;
    return (size_t)(lines.p + lines.n - (const char *)o) + ALLOCATION_COST;
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
static void pack_fields(struct packer *p, const struct fields *from)
{
    uint64_t *ids = (uint64_t *)(void *)p->at;
    struct field *v = (struct field *)(void *)(ids + 1);
    *ids = 0;
    p->at = (char *)(v + from->count);
    for (uint32_t i = 0; i < from->count; i++) {
        v[i].id = from->v[i].id;
        *ids |= field_bit(v[i].id);
        v[i].name = pack(p, from->v[i].name);
        pack(p, SPAN(": "));
        v[i].value = pack(p, from->v[i].value);
        pack(p, SPAN("\r\n"));
    }
}

static void pack_spec(struct object *o, const struct object_spec *spec)
{
    struct packer p = {.at = (char *)(o + 1)};
    struct object_more more = more_of(spec);
    if (o->has_more)
        pack(&p, span_make(&more, sizeof(more)));
    pack(&p, spec->key.text);
    pack(&p, spec->vary_names);
    pack(&p, spec->vary_values);
    pack(&p, spec->validators.etag);
    pack(&p, spec->site);
    p.at = (char *)(uintptr_t)object_tags(o).v;
    pack(&p, span_make(spec->tags.v, spec->tags.count * sizeof(*spec->tags.v)));
    pack_fields(&p, spec->fields);
}

struct object *object_create(struct store *st, const struct object_spec *spec)
{
    if (!is_sane(spec))
        return NULL;
    size_t bytes = record_bytes(spec), weight = bytes + ALLOCATION_COST;
    if (!heads_charge(st, weight))
        return NULL;
    struct object *o = mem_try_alloc(bytes);
    if (o == NULL) {
        heads_uncharge(st, weight);
        return NULL;
    }
    *o = head_of(spec);
    pack_spec(o, spec);
    CHECK(object_weight(o) == weight);
    generation_ref(o->generation);
    generation_key_set(o->generation, &spec->key.hash);
    return o;
}

struct store_key object_key(const struct object *o)
{
    struct span text = object_key_text(o);
    return (struct store_key){.text = text, .hash = hash128(text.p, text.n, 0)};
}

void object_freshness(const struct object *o, struct freshness *out)
{
    *out =
        (struct freshness){.response_wall = object_stored_wall(o),
                           .initial_age_ms = duration_unpack(o->initial_age),
                           .lifetime_ms = duration_unpack(o->lifetime),
                           .stale_while_revalidate_ms = duration_unpack(o->stale_while_revalidate),
                           .stale_if_error_ms = duration_unpack(o->stale_if_error),
                           .must_revalidate = o->must_revalidate,
                           .always_validates = o->always_validates,
                           .is_heuristic = o->is_heuristic,
                           .is_immutable = o->is_immutable,
                           .source = o->freshness_source};
}

/* What age and remaining lifetime are made of: asked for at every hit. */
static struct freshness times_of(const struct object *o)
{
    return (struct freshness){.response_wall = object_stored_wall(o),
                              .initial_age_ms = duration_unpack(o->initial_age),
                              .lifetime_ms = duration_unpack(o->lifetime)};
}

msec_t object_age_ms(const struct object *o, msec_t now_wall)
{
    struct freshness f = times_of(o);
    return freshness_age_ms(&f, now_wall);
}

msec_t object_left_ms(const struct object *o, msec_t now_wall)
{
    struct freshness f = times_of(o);
    return freshness_left_ms(&f, now_wall);
}

bool object_may_cover(const struct object *o, msec_t now_wall)
{
    struct freshness f;
    object_freshness(o, &f);
    return freshness_may_cover(&f, now_wall);
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
    struct store_key key = {.hash = {.lo = generation_key(o->generation)}};
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
    struct store *st = generation_store(o->generation);
    size_t weight = object_weight(o);
    generation_unref(&o->generation);
    o->magic = 0;
    mem_free(o);
    heads_uncharge(st, weight);
}
