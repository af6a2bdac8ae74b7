/* SPDX-License-Identifier: MIT */

/* An object to bytes and back: numbers of 8 bytes, texts with their length before them, in one
 * fixed order that both functions below spell out. DISK_VERSION changes with it. Pure. */
#include "edge/store/object_image.h"

#include "edge/store/generation.h"
#include "lib/base/err.h"

#define NO_TEXT    UINT64_MAX
#define FIELDS_MAX 4096

static void put(struct buf *out, int64_t n)
{
    buf_add(out, &n, sizeof(n));
}

static void put_text(struct buf *out, struct span s)
{
    put(out, s.p != NULL ? (int64_t)s.n : (int64_t)NO_TEXT);
    buf_add(out, s.p, s.n);
}

struct reader {
    struct span rest;
    bool is_bad;
};

static int64_t get(struct reader *r)
{
    int64_t n = 0;
    if (r->rest.n < sizeof(n)) {
        r->is_bad = true;
        return 0;
    }
    memcpy(&n, r->rest.p, sizeof(n));
    r->rest = span_make(r->rest.p + sizeof(n), r->rest.n - sizeof(n));
    return n;
}

static struct span get_text(struct reader *r)
{
    uint64_t n = (uint64_t)get(r);
    if (n == NO_TEXT)
        return SPAN_NONE;
    if (n > r->rest.n) {
        r->is_bad = true;
        return SPAN_NONE;
    }
    struct span s = span_make(r->rest.p, (size_t)n);
    r->rest = span_make(r->rest.p + n, r->rest.n - (size_t)n);
    return s;
}

static void put_freshness(struct buf *out, const struct freshness *f)
{
    put(out, f->response_wall);
    put(out, f->initial_age_ms);
    put(out, f->lifetime_ms);
    put(out, f->stale_while_revalidate_ms);
    put(out, f->stale_if_error_ms);
    put(out, f->must_revalidate);
    put(out, f->always_validates);
    put(out, f->is_heuristic);
    put(out, f->is_immutable);
    put(out, f->source);
}

static void get_freshness(struct reader *r, struct freshness *f)
{
    f->response_wall = get(r);
    f->initial_age_ms = get(r);
    f->lifetime_ms = get(r);
    f->stale_while_revalidate_ms = get(r);
    f->stale_if_error_ms = get(r);
    f->must_revalidate = get(r) != 0;
    f->always_validates = get(r) != 0;
    f->is_heuristic = get(r) != 0;
    f->is_immutable = get(r) != 0;
    f->source = (uint8_t)get(r);
}

void object_image_write(const struct object *o, struct buf *out)
{
    struct tag_set tags = object_tags(o);
    struct fields fields = object_fields(o);
    struct validators validators = object_validators(o);
    struct freshness freshness;
    object_freshness(o, &freshness);
    put(out, generation_length(o->generation));
    put(out, generation_block_bytes(o->generation));
    put(out, object_is(o, OBJECT_SOFT_PURGED));
    put(out, o->status);
    put(out, freshness.response_wall); /* when it was stored: the same */
    put_freshness(out, &freshness);
    put_text(out, object_key_text(o));
    put_text(out, object_site(o));
    put_text(out, object_vary_names(o));
    put_text(out, object_vary_values(o));
    put_text(out, validators.etag);
    put(out, validators.last_modified);
    put(out, validators.date);
    put(out, (int64_t)tag_secret());
    put(out, tags.groups);
    put_text(out, span_make(tags.v, tags.count * sizeof(*tags.v)));
    put(out, fields.count);
    for (uint32_t i = 0; i < fields.count; i++) {
        put_text(out, fields.v[i].name);
        put_text(out, fields.v[i].value);
    }
}

/* Tags under another secret say nothing here, and without them a purge would miss the object. */
static void get_tags(struct reader *r, struct tag_set *out, struct arena *mem)
{
    uint64_t secret = (uint64_t)get(r);
    uint64_t groups = (uint64_t)get(r);
    struct span bytes = get_text(r);
    uint64_t *v = arena_alloc(mem, bytes.n + 1);
    if (bytes.n > 0)
        memcpy(v, bytes.p, bytes.n);
    *out = (struct tag_set){
        .v = v, .count = (uint32_t)(bytes.n / sizeof(*v)), .groups = (uint32_t)groups};
    if (out->count > 0 && secret != tag_secret())
        r->is_bad = true;
    if (groups > out->count || bytes.n % sizeof(*v) != 0)
        r->is_bad = true;
}

static void get_fields(struct reader *r, struct object_image *out, struct arena *mem)
{
    uint64_t count = (uint64_t)get(r);
    if (count > FIELDS_MAX) {
        r->is_bad = true;
        return;
    }
    fields_init(&out->fields, mem);
    for (uint64_t i = 0; i < count && !r->is_bad; i++) {
        struct span name = get_text(r);
        fields_add_named(&out->fields, name, get_text(r));
    }
}

int object_image_read(struct object_image *out, struct span from, struct arena *mem)
{
    struct reader r = {.rest = from};
    *out = (struct object_image){0};
    out->length = get(&r);
    out->block_bytes = get(&r);
    out->is_soft_purged = get(&r) != 0;
    out->spec.status = (int)get(&r);
    (void)get(&r);
    get_freshness(&r, &out->freshness);
    out->spec.key.text = get_text(&r);
    out->spec.site = get_text(&r);
    out->spec.vary_names = get_text(&r);
    out->spec.vary_values = get_text(&r);
    out->spec.validators.etag = get_text(&r);
    out->spec.validators.last_modified = get(&r);
    out->spec.validators.date = get(&r);
    get_tags(&r, &out->spec.tags, mem);
    get_fields(&r, out, mem);
    bool is_odd = out->length < 0 || out->block_bytes <= 0 || out->spec.key.text.p == NULL;
    return r.is_bad || is_odd || r.rest.n > 0 ? ERR_SYNTAX : 0;
}
