/* SPDX-License-Identifier: MIT
 * The registry: a table of nodes, the sites, and the newest picture of both. How silence is judged
 * is health.c's matter, what stands in a record node.c's, sites are sites.c's; who is asked when,
 * and what is durable, the caller's. */
#include "control/registry/registry.h"

#include "control/registry/sites.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <pthread.h>

#define NODE_BYTES      (64 << 10) /* bound on what one node may make us keep */
#define NODE_FACT_BYTES (32 << 10)
#define REFRESH_MS      1000 /* pictures for the sake of loads only */

struct node {
    struct arena spec_mem, seen_mem; /* of spec and seen */
    struct node_spec spec;
    bool is_from_file;
    bool is_seen_dirty; /* what it reported is not durable yet */
    enum node_mode mode;
    struct health health;
    struct heartbeat seen; /* the last; without its ledger */
    msec_t heard_wall_ms;
};

struct registry {
    /* set at creation, then constant */
    struct health_rules rules;
    /* under the lock */
    pthread_mutex_t lock;
    struct map *by_id; /* struct node */
    struct node **nodes;
    struct health **healths; /* healths[i] == &nodes[i]->health */
    size_t count;
    struct sites *sites;
    struct picture *picture;
    bool is_frozen;
    bool is_changed; /* a newer picture would show other loads */
    bool is_urgent;  /* something else than loads changed since the last tick */
    msec_t published_at;
    /* any thread */
    _Atomic uint64_t version; /* of picture */
};

static struct node *add_node(struct registry *r, struct span id)
{
    struct node *n = mem_zalloc(sizeof *n);
    arena_init(&n->spec_mem, NODE_BYTES);
    arena_init(&n->seen_mem, NODE_BYTES);
    n->spec.id = arena_dup(&n->spec_mem, id);
    r->nodes = mem_grow(r->nodes, r->count + 1, sizeof *r->nodes);
    r->healths = mem_grow(r->healths, r->count + 1, sizeof *r->healths);
    r->nodes[r->count] = n;
    r->healths[r->count++] = &n->health;
    map_put(r->by_id, id, n);
    return n;
}

static void free_node(struct node *n)
{
    arena_finish(&n->spec_mem);
    arena_finish(&n->seen_mem);
    mem_free(n);
}

static void set_spec(struct node *n, const struct node_spec *spec)
{
    struct arena fresh;
    arena_init(&fresh, NODE_BYTES);
    n->spec = node_copy(spec, &fresh);
    arena_finish(&n->spec_mem);
    n->spec_mem = fresh;
}

/* ---- pictures ---- */

static struct span first_of(struct span a, struct span b)
{
    return a.n > 0 ? a : b;
}

static void draw_node(const struct node *n, struct picture_node *to, struct arena *mem)
{
    struct node_spec spec = n->spec;
    spec.http_url = first_of(spec.http_url, n->seen.http_url);
    spec.https_url = first_of(spec.https_url, n->seen.https_url);
    spec.admin_url = first_of(spec.admin_url, n->seen.admin_url);
    if (node_addresses_is_empty(&spec.addresses)) {
        node_addresses_of_url(&spec.addresses, spec.http_url);
        node_addresses_of_url(&spec.addresses, spec.https_url);
    }
    *to = (struct picture_node){.spec = node_copy(&spec, mem),
                                .mode = n->mode,
                                .health = n->health.state,
                                .hash = hash64(spec.id.p, spec.id.n),
                                .load = n->seen.load,
                                .program = arena_dup(mem, n->seen.program),
                                .heard_wall_ms = n->heard_wall_ms,
                                .config_version = n->seen.config_version,
                                .config_fault = arena_dup(mem, n->seen.config_fault)};
    picture_point(spec.lat, spec.lon, &to->x, &to->y, &to->z);
}

/* What control/route/decide.c looks at; padding is never hashed. */
static uint64_t routing_of(const struct picture_node *n, uint64_t before)
{
    const struct node_spec *s = &n->spec;
    const uint64_t urls = (s->http_url.n > 0 ? 1U : 0U) | (s->https_url.n > 0 ? 2U : 0U);
    const uint64_t words[] = {before,
                              n->hash,
                              (uint64_t)n->mode,
                              (uint64_t)n->health,
                              s->has_point,
                              urls,
                              hash64(s->country.p, s->country.n)};
    const double reals[] = {s->lat, s->lon, s->weight};
    uint64_t parts[] = {hash64(words, sizeof words), hash64(reals, sizeof reals),
                        hash64(s->addresses.v4, s->addresses.v4_count * sizeof s->addresses.v4[0]),
                        hash64(s->addresses.v6, s->addresses.v6_count * sizeof s->addresses.v6[0])};
    return hash64(parts, sizeof parts);
}

static void publish_locked(struct registry *r, msec_t now)
{
    struct picture *p = picture_create(r->count), *old = r->picture;
    p->version = (old != NULL ? old->version : 0) + 1;
    p->is_frozen = r->is_frozen;
    for (size_t i = 0; i < r->count; i++) {
        struct picture_node *to = &p->nodes[p->node_count++];
        draw_node(r->nodes[i], to, &p->mem);
        map_put(p->node_by_id, to->spec.id, to);
        p->routing = routing_of(to, p->routing);
    }
    sites_draw(r->sites, p);
    if (arena_overflowed(&p->mem)) { /* the old one is better than a damaged one */
        LOG_ERROR("picture-too-big", "nodes=%zu", r->count);
        p->version--;
        picture_unref(&p);
        return;
    }
    r->picture = p;
    r->is_changed = false;
    r->published_at = now;
    atomic_store_explicit(&r->version, p->version, memory_order_release);
    picture_unref(&old);
}

/* Changes by operators are in the picture before they are acknowledged. */
static void publish_now_locked(struct registry *r)
{
    publish_locked(r, r->published_at);
}

struct registry *registry_create(const struct health_rules *rules)
{
    struct registry *r = mem_zalloc(sizeof *r);
    r->rules = *rules;
    CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
    r->by_id = map_create();
    r->sites = sites_create();
    publish_locked(r, 0);
    return r;
}

void registry_destroy(struct registry **pr)
{
    struct registry *r = *pr;
    *pr = NULL;
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++)
        free_node(r->nodes[i]);
    mem_free(r->nodes);
    mem_free(r->healths);
    map_destroy(r->by_id);
    sites_destroy(&r->sites);
    picture_unref(&r->picture);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

/* ---- the configuration file ---- */

static bool is_in(const struct registry_file *file, struct span id)
{
    for (size_t i = 0; i < file->node_count; i++)
        if (span_eq(file->nodes[i].id, id))
            return true;
    return false;
}

static void drop_absent_locked(struct registry *r, const struct registry_file *file)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct node *n = r->nodes[i];
        if (n->is_from_file && !is_in(file, n->spec.id)) {
            map_remove(r->by_id, n->spec.id);
            free_node(n);
            continue;
        }
        r->nodes[kept] = n;
        r->healths[kept++] = &n->health;
    }
    r->count = kept;
}

void registry_set_file(struct registry *r, const struct registry_file *file)
{
    pthread_mutex_lock(&r->lock);
    drop_absent_locked(r, file);
    for (size_t i = 0; i < file->node_count; i++) {
        struct node *n = map_get(r->by_id, file->nodes[i].id);
        if (n == NULL)
            n = add_node(r, file->nodes[i].id);
        set_spec(n, &file->nodes[i]);
        n->is_from_file = true;
    }
    sites_set_file(r->sites, file->sites, file->site_count);
    publish_now_locked(r);
    pthread_mutex_unlock(&r->lock);
}

/* ---- durable facts ---- */

static void write_fact(const struct node *n, const struct node_spec *spec, enum node_mode mode,
                       struct buf *out)
{
    struct json_out o;
    json_out_begin(&o, out);
    json_out_object(&o, NULL);
    node_write(spec, &o);
    json_out_text(&o, "mode", span_of(node_mode_name(mode)));
    json_out_bool(&o, "from_file", n != NULL && n->is_from_file);
    if (n != NULL && n->heard_wall_ms > 0) {
        json_out_object(&o, "seen");
        json_out_text(&o, "health", span_of(health_state_name(n->health.state)));
        json_out_int(&o, "at_ms", n->heard_wall_ms);
        json_out_text(&o, "boot", n->seen.boot);
        json_out_text(&o, "program", n->seen.program);
        json_out_text(&o, "http_url", n->seen.http_url);
        json_out_text(&o, "https_url", n->seen.https_url);
        json_out_text(&o, "admin_url", n->seen.admin_url);
        json_out_text(&o, "purge_log", n->seen.purge_log);
        json_out_u64(&o, "purge_seq", n->seen.purge_seq);
        json_out_end_object(&o);
    }
    json_out_end_object(&o);
}

static struct state_change change_of(const struct node *n, const struct node_spec *spec,
                                     enum node_mode mode, struct arena *mem)
{
    struct buf text;
    buf_init(&text, NODE_FACT_BYTES);
    write_fact(n, spec, mode, &text);
    struct state_change c = {STATE_NODE, arena_dup(mem, spec->id), arena_dup(mem, buf_span(&text))};
    buf_finish(&text);
    return c;
}

static struct span seen_text(struct json_in *in, const struct json_t *o, const char *key,
                             struct arena *mem)
{
    return arena_dup(mem, json_in_text(in, o, key, HEARTBEAT_URL_BYTES));
}

static void restore_seen(struct registry *r, struct node *n, struct json_in *in, msec_t now)
{
    const struct json_t *seen = json_in_object(in, in->root, "seen");
    enum health_state health = HEALTH_UNSEEN;
    if (seen == NULL)
        return;
    struct arena *mem = &n->seen_mem;
    n->heard_wall_ms = (msec_t)json_in_u64(in, seen, "at_ms", 0);
    n->seen.boot = seen_text(in, seen, "boot", mem);
    n->seen.program = seen_text(in, seen, "program", mem);
    n->seen.http_url = seen_text(in, seen, "http_url", mem);
    n->seen.https_url = seen_text(in, seen, "https_url", mem);
    n->seen.admin_url = seen_text(in, seen, "admin_url", mem);
    n->seen.purge_log = seen_text(in, seen, "purge_log", mem);
    n->seen.purge_seq = json_in_u64(in, seen, "purge_seq", 0);
    const char *name = arena_cstr(mem, json_in_text(in, seen, "health", 16));
    if (health_state_parse(name, &health))
        health_restore(&n->health, health, &r->rules, now);
}

struct loading {
    struct registry *r;
    msec_t now;
};

/* A node that only the file of the last run had is not there any more. */
static void restore_node(struct loading *l, struct span key, struct json_in *in)
{
    struct arena mem;
    arena_init(&mem, NODE_BYTES);
    struct node *n = map_get(l->r->by_id, key);
    bool was_from_file = json_in_bool(in, in->root, "from_file", false);
    if (n == NULL && !was_from_file) {
        struct node_spec spec = node_read(in, in->root, &mem);
        n = add_node(l->r, key);
        spec.id = n->spec.id;
        set_spec(n, &spec);
    }
    if (n != NULL) {
        node_mode_parse(json_in_text(in, in->root, "mode", 16), &n->mode);
        restore_seen(l->r, n, in, l->now);
    }
    arena_finish(&mem);
}

static bool on_node(void *ctx, struct span key, struct span value)
{
    struct json_in in;
    if (json_in_parse(&in, value, NODE_FACT_BYTES) == 0)
        restore_node(ctx, key, &in);
    if (json_in_is_faulty(&in))
        LOG_WARN("state-node-damaged", "node=%.*s reason=\"%s\"", SPAN_FMT(key), in.fault);
    json_in_finish(&in);
    return true;
}

static bool on_site(void *ctx, struct span key, struct span value)
{
    struct loading *l = ctx;
    struct arena mem;
    struct buf why;
    struct site_doc doc;
    arena_init(&mem, 8 * SITE_DOC_MAX_BYTES);
    buf_init(&why, 512);
    if (site_doc_read(value, key, &doc, &mem, &why) == 0 &&
        sites_may_put(l->r->sites, &doc, &why) == 0)
        sites_put(l->r->sites, &doc, value, 0);
    else
        LOG_WARN("state-site-left-out", "site=%.*s reason=\"%.*s\"", SPAN_FMT(key),
                 SPAN_FMT(buf_span(&why)));
    buf_finish(&why);
    arena_finish(&mem);
    return true;
}

static bool on_meta(void *ctx, struct span key, struct span value)
{
    uint64_t version;
    if (span_eq(key, SPAN("site_version")) && span_u64(value, &version))
        sites_set_version(((struct loading *)ctx)->r->sites, version);
    return true;
}

int registry_load(struct registry *r, struct state *s, msec_t now)
{
    struct loading l = {r, now};
    pthread_mutex_lock(&r->lock);
    int err = state_each(s, STATE_NODE, SPAN_NONE, on_node, &l);
    if (err == 0)
        err = state_each(s, STATE_SITE, SPAN_NONE, on_site, &l);
    if (err == 0)
        err = state_each(s, STATE_META, SPAN_NONE, on_meta, &l);
    publish_locked(r, now);
    pthread_mutex_unlock(&r->lock);
    return err;
}

size_t registry_seen_changes(struct registry *r, struct state_change *out, size_t max,
                             struct arena *mem)
{
    size_t count = 0;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->count && count < max; i++) {
        struct node *n = r->nodes[i];
        if (!n->is_seen_dirty)
            continue;
        out[count++] = change_of(n, &n->spec, n->mode, mem);
        n->is_seen_dirty = false;
    }
    pthread_mutex_unlock(&r->lock);
    return count;
}

/* ---- heartbeats ---- */

static bool take_seen(struct node *n, const struct heartbeat *h)
{
    bool is_other = !span_eq(n->seen.boot, h->boot) || !span_eq(n->seen.http_url, h->http_url) ||
                    !span_eq(n->seen.https_url, h->https_url) ||
                    !span_eq(n->seen.admin_url, h->admin_url) ||
                    !span_eq(n->seen.config_fault, h->config_fault);
    struct heartbeat seen = *h;
    struct arena fresh;
    arena_init(&fresh, NODE_BYTES);
    seen.node = n->spec.id;
    seen.boot = arena_dup(&fresh, h->boot);
    seen.program = arena_dup(&fresh, h->program);
    seen.http_url = arena_dup(&fresh, h->http_url);
    seen.https_url = arena_dup(&fresh, h->https_url);
    seen.admin_url = arena_dup(&fresh, h->admin_url);
    seen.purge_log = arena_dup(&fresh, h->purge_log);
    seen.config_fault = arena_dup(&fresh, h->config_fault);
    seen.usage = NULL;
    seen.usage_count = 0;
    n->seen = seen;
    arena_finish(&n->seen_mem);
    n->seen_mem = fresh;
    return is_other;
}

int registry_beat(struct registry *r, const struct heartbeat *h, msec_t now, msec_t wall)
{
    pthread_mutex_lock(&r->lock);
    struct node *n = map_get(r->by_id, h->node);
    if (n != NULL) {
        bool is_moved = health_beat(&n->health, &r->rules, now);
        bool is_other = take_seen(n, h);
        n->heard_wall_ms = wall;
        n->is_seen_dirty = true;
        if (is_moved)
            LOG_INFO("node-health", "node=%.*s state=%s", SPAN_FMT(h->node),
                     health_state_name(n->health.state));
        r->is_changed = true;
        if (is_moved || is_other) {
            r->is_urgent = true;
            publish_locked(r, now);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return n != NULL ? 0 : ERR_NOT_FOUND;
}

static void note_judgement(struct registry *r, const enum health_state *before)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->healths[i]->state == before[i])
            continue;
        r->nodes[i]->is_seen_dirty = true;
        LOG_WARN("node-health", "node=%.*s state=%s", SPAN_FMT(r->nodes[i]->spec.id),
                 health_state_name(r->healths[i]->state));
    }
}

bool registry_tick(struct registry *r, msec_t now)
{
    pthread_mutex_lock(&r->lock);
    bool was_frozen = r->is_frozen;
    enum health_state *before = mem_zarray(r->count + 1, sizeof *before);
    for (size_t i = 0; i < r->count; i++)
        before[i] = r->healths[i]->state;
    size_t moved = health_judge(r->healths, r->count, &r->rules, now, &r->is_frozen);
    if (moved > 0)
        note_judgement(r, before);
    mem_free(before);
    if (r->is_frozen != was_frozen)
        LOG_WARN(r->is_frozen ? "picture-frozen" : "picture-unfrozen", "nodes=%zu", r->count);
    if (moved > 0 || r->is_frozen != was_frozen ||
        (r->is_changed && now - r->published_at >= REFRESH_MS))
        publish_locked(r, now);
    bool is_urgent = r->is_urgent || moved > 0;
    r->is_urgent = false;
    pthread_mutex_unlock(&r->lock);
    return is_urgent;
}

/* ---- operators ---- */

int registry_may_put(struct registry *r, struct span id, struct buf *why)
{
    pthread_mutex_lock(&r->lock);
    const struct node *n = map_get(r->by_id, id);
    bool is_from_file = n != NULL && n->is_from_file;
    pthread_mutex_unlock(&r->lock);
    if (is_from_file)
        buf_printf(why, "node %.*s stands in the configuration file", SPAN_FMT(id));
    return is_from_file ? ERR_EXISTS : 0;
}

int registry_node_change(struct registry *r, const struct registry_edit *edit,
                         struct state_change *out, struct arena *mem)
{
    pthread_mutex_lock(&r->lock);
    const struct node *n = map_get(r->by_id, edit->id);
    const struct node_spec *spec = edit->spec != NULL || n == NULL ? edit->spec : &n->spec;
    enum node_mode mode = n != NULL ? n->mode : NODE_AUTO;
    if (edit->mode >= 0)
        mode = (enum node_mode)edit->mode;
    if (spec != NULL)
        *out = change_of(n, spec, mode, mem);
    pthread_mutex_unlock(&r->lock);
    return spec != NULL ? 0 : ERR_NOT_FOUND;
}

void registry_put(struct registry *r, const struct node_spec *spec)
{
    pthread_mutex_lock(&r->lock);
    struct node *n = map_get(r->by_id, spec->id);
    if (n == NULL)
        n = add_node(r, spec->id);
    set_spec(n, spec);
    publish_now_locked(r);
    pthread_mutex_unlock(&r->lock);
}

void registry_set_mode(struct registry *r, struct span id, enum node_mode mode)
{
    pthread_mutex_lock(&r->lock);
    struct node *n = map_get(r->by_id, id);
    if (n != NULL) {
        n->mode = mode;
        publish_now_locked(r);
    }
    pthread_mutex_unlock(&r->lock);
}

int registry_may_put_site(struct registry *r, const struct site_doc *doc, struct buf *why)
{
    pthread_mutex_lock(&r->lock);
    int err = sites_may_put(r->sites, doc, why);
    pthread_mutex_unlock(&r->lock);
    return err;
}

uint64_t registry_next_site_version(struct registry *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t version = sites_version(r->sites) + 1;
    pthread_mutex_unlock(&r->lock);
    return version;
}

void registry_put_site(struct registry *r, const struct site_doc *doc, struct span text,
                       uint64_t version)
{
    pthread_mutex_lock(&r->lock);
    sites_put(r->sites, doc, text, version);
    publish_now_locked(r);
    pthread_mutex_unlock(&r->lock);
}

/* ---- readers ---- */

size_t registry_positions(struct registry *r, struct registry_position **out, struct arena *mem)
{
    pthread_mutex_lock(&r->lock);
    size_t count = r->count;
    struct registry_position *v = arena_zalloc(mem, (count + 1) * sizeof *v);
    for (size_t i = 0; i < count && !arena_overflowed(mem); i++) {
        const struct node *n = r->nodes[i];
        v[i] = (struct registry_position){.id = arena_dup(mem, n->spec.id),
                                          .purge_log = arena_dup(mem, n->seen.purge_log),
                                          .purge_seq = n->seen.purge_seq,
                                          .is_heard = n->health.state == HEALTH_UP ||
                                                      n->health.state == HEALTH_RECOVERING};
    }
    pthread_mutex_unlock(&r->lock);
    *out = v;
    return arena_overflowed(mem) ? 0 : count;
}

bool registry_write_site(struct registry *r, struct span name, struct json_out *o)
{
    pthread_mutex_lock(&r->lock);
    bool is_there = sites_write(r->sites, name, o);
    pthread_mutex_unlock(&r->lock);
    return is_there;
}

void registry_write_sites(struct registry *r, struct json_out *o)
{
    pthread_mutex_lock(&r->lock);
    sites_write_all(r->sites, o);
    pthread_mutex_unlock(&r->lock);
}

void registry_view_init(struct registry_view *v, struct registry *r)
{
    *v = (struct registry_view){.registry = r};
}

const struct picture *registry_view_now(struct registry_view *v)
{
    struct registry *r = v->registry;
    uint64_t newest = atomic_load_explicit(&r->version, memory_order_acquire);
    if (v->held != NULL && v->held->version == newest)
        return v->held;
    picture_unref(&v->held);
    pthread_mutex_lock(&r->lock);
    v->held = picture_ref(r->picture);
    pthread_mutex_unlock(&r->lock);
    return v->held;
}

void registry_view_finish(struct registry_view *v)
{
    picture_unref(&v->held);
}
