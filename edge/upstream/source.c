/* SPDX-License-Identifier: MIT
 *
 * A client's request turned into what upstream is asked: built anew from parsed parts, so nothing
 * that routes, frames or conditions the client's own exchange goes along (RFC 9110 s.7.6, RFC 9111
 * s.4.3.1). Leaves ranges and validators to each fetch. */
#include "edge/upstream/source.h"

#include "edge/policy/forwarded.h"
#include "edge/upstream/answer.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/http/cache_control.h"
#include "lib/http/hop.h"

#define FIELDS_BYTES_MAX ((size_t)128 * 1024)

/* Written by each fetch, or by us below: never the client's own. */
static const enum field_id never[] = {
    FIELD_HOST,         FIELD_CONTENT_LENGTH,   FIELD_EXPECT,
    FIELD_VIA,          FIELD_CDN_LOOP,         FIELD_X_FORWARDED_FOR,
    FIELD_FORWARDED,    FIELD_X_FORWARDED_HOST, FIELD_X_FORWARDED_PROTO,
    FIELD_PROXY_STATUS, FIELD_CACHE_STATUS,     FIELD_BYEORI_HOP,
};

/* What would make one client's request decide what all others get. */
static const enum field_id not_for_cache[] = {
    FIELD_RANGE,         FIELD_IF_RANGE,          FIELD_IF_MATCH, FIELD_IF_NONE_MATCH,
    FIELD_CACHE_CONTROL, FIELD_IF_MODIFIED_SINCE, FIELD_PRAGMA,   FIELD_IF_UNMODIFIED_SINCE,
    FIELD_MAX_FORWARDS,
};
static const char *const not_for_cache_named[] = {
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Rewrite-URL",
    "X-Host",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "True-Client-IP",
    "Client-IP",
    "Forwarded-For",
};
static const struct span not_for_cache_starts[] = {{"X-Forwarded", 11}, {"X-Original-", 11}};

static bool starts_badly(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(not_for_cache_starts); i++) {
        struct span start = not_for_cache_starts[i];
        if (name.n >= start.n && span_ieq(span_make(name.p, start.n), start))
            return true;
    }
    return false;
}

static void fields_leave_out(struct fields *fs, bool is_passed)
{
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        fields_remove(fs, never[i]);
    if (is_passed)
        return;
    for (size_t i = 0; i < ARRAY_LEN(not_for_cache); i++)
        fields_remove(fs, not_for_cache[i]);
    for (size_t i = 0; i < ARRAY_LEN(not_for_cache_named); i++)
        fields_remove_named(fs, span_of(not_for_cache_named[i]));
    for (uint32_t i = fs->count; i > 0; i--) {
        if (i <= fs->count && starts_badly(fs->v[i - 1].name))
            fields_remove_named(fs, fs->v[i - 1].name);
    }
}

/* RFC 8586: our name is added to the end of the list. */
static struct span loop_value(const struct fields *fs, struct span node, struct arena *mem)
{
    struct span before = fields_joined(fs, SPAN("CDN-Loop"), mem);
    if (before.n == 0)
        return arena_dup(mem, node);
    return arena_printf(mem, "%.*s, %.*s", SPAN_FMT(before), SPAN_FMT(node));
}

static void fields_add_ours(struct source *s, const struct source_spec *spec)
{
    const struct request_head *r = spec->request;
    struct span node = span_of(spec->node);
    fields_add(&s->fields, FIELD_VIA,
               via_value(&r->fields, r->major_version, r->minor_version, node, &s->mem));
    fields_add(&s->fields, FIELD_CDN_LOOP, loop_value(&r->fields, node, &s->mem));
    struct forwarded_ask ask = {.site = spec->site,
                                .request = r,
                                .client_ip = spec->client_ip,
                                .is_passed = spec->is_passed};
    forwarded_add(&s->fields, &ask, &s->mem);
}

/* RFC 9110 s.7.6.2: a hop less for who comes next. */
static void lessen_max_forwards(struct source *s)
{
    sec_t hops;
    struct span text = fields_value(&s->fields, FIELD_MAX_FORWARDS);
    if (s->method != METHOD_OPTIONS || !delta_seconds(text, &hops) || hops == 0)
        return;
    text = arena_printf(&s->mem, "%lld", (long long)hops - 1);
    fields_set(&s->fields, FIELD_MAX_FORWARDS, text);
}

uint64_t source_key(struct span host, struct span path, struct span query)
{
    return hash64(host.p, host.n) ^ hash64(path.p, path.n) * 3 ^ hash64(query.p, query.n) * 5;
}

struct source *source_create(const struct source_spec *spec)
{
    const struct request_head *r = spec->request;
    struct source *s = mem_zalloc(sizeof(*s));
    s->magic = SOURCE_MAGIC;
    s->refs = 1;
    arena_init(&s->mem, FIELDS_BYTES_MAX);
    upstream_set_ref(spec->set);
    s->set = spec->set;
    s->upstream = upstream_of(spec->set, spec->site);
    s->method = spec->is_passed ? r->method : METHOD_GET; /* what GET brings answers HEAD too */
    s->method_text = spec->is_passed ? arena_dup(&s->mem, r->method_text) : SPAN("GET");
    s->host = arena_dup(&s->mem, spec->host);
    s->path = arena_dup(&s->mem, spec->path);
    s->query = spec->query.p != NULL ? arena_dup(&s->mem, spec->query) : SPAN_NONE;
    s->scheme = r->scheme;
    s->is_passed = spec->is_passed || spec->site->splits_schemes;
    s->is_from_peer = spec->hop != NULL;
    s->is_errand = spec->is_errand;
    if (spec->hop != NULL)
        s->purges = spec->hop->purges;
    s->key = source_key(s->host, s->path, s->query);
    fields_init(&s->fields, &s->mem);
    hop_copy(&s->fields, &r->fields);
    fields_leave_out(&s->fields, spec->is_passed);
    for (uint32_t i = 0; i < s->fields.count; i++) {
        struct field *f = &s->fields.v[i];
        f->value = arena_dup(&s->mem, f->value);
        f->name = f->id != FIELD_OTHER ? field_spelling(f->id) : arena_dup(&s->mem, f->name);
    }
    lessen_max_forwards(s);
    fields_add_ours(s, spec);
    if (arena_overflowed(&s->mem))
        source_unref(&s);
    return s;
}

void source_ref(struct source *s)
{
    CHECK_OBJ(s, SOURCE_MAGIC);
    s->refs++;
}

void source_unref(struct source **ps)
{
    struct source *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    CHECK_OBJ(s, SOURCE_MAGIC);
    if (--s->refs > 0)
        return;
    s->magic = 0;
    upstream_set_unref(&s->set);
    arena_finish(&s->mem);
    mem_free(s);
}

bool source_has_peer(const struct source *s)
{
    bool may_ask = !s->is_passed && !s->is_from_peer;
    return may_ask && !((s->passed_tiers >> TIER_SHIELD) & 1) &&
           upstream_shield(s->upstream) != NULL;
}

const struct site *source_site(const struct source *s)
{
    return s->upstream->site;
}

struct tls_client *source_tls(const struct source *s)
{
    return s->set->tls[source_site(s)->index];
}

struct validators source_version(const struct source *s, const struct validators *v)
{
    return answer_version(v, source_site(s)->version_by);
}
