/* SPDX-License-Identifier: MIT
 * The registry: a table of nodes, the sites, and the newest picture of both. How silence is judged
 * is health.c's matter, what stands in a record node.c's, sites are sites.c's, what is
 * durable of them registry_facts.c's; who is asked when,
 * and what is durable, the caller's. */
#include "control/registry/registry.h"

#include "control/registry/registry_inner.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define REFRESH_MS 1000 /* pictures for the sake of loads only */

struct node *registry_add_node(struct registry *r, struct span id)
{
    struct node *n = mem_zalloc(sizeof *n);
    arena_init(&n->spec_mem, NODE_BYTES);
    arena_init(&n->seen_mem, NODE_BYTES);
    n->spec.id = arena_dup(&n->spec_mem, id);
    spare_init(&n->spare);
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

void registry_set_spec(struct node *n, const struct node_spec *spec)
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
                                .is_full = n->spare.is_full,
                                .is_cut = {false,
                                           n->reach[NODE_IPV4].is_cut || n->told[NODE_IPV4].is_cut,
                                           n->reach[NODE_IPV6].is_cut || n->told[NODE_IPV6].is_cut},
                                .spare = spare_share(&n->spare),
                                .hash = hash64(spec.id.p, spec.id.n),
                                .load = n->seen.load,
                                .program = arena_dup(mem, n->seen.program),
                                .heard_wall_ms = n->heard_wall_ms,
                                .config_version = n->seen.config_version,
                                .config_fault = arena_dup(mem, n->seen.config_fault)};
}

void registry_publish(struct registry *r, msec_t now)
{
    struct picture *p = picture_create(r->count), *old = r->picture;
    p->version = (old != NULL ? old->version : 0) + 1;
    p->is_frozen = r->sight.is_frozen;
    for (size_t i = 0; i < r->count; i++) {
        struct picture_node *to = &p->nodes[p->node_count++];
        draw_node(r->nodes[i], to, &p->mem);
        map_put(p->node_by_id, to->spec.id, to);
    }
    sites_draw(r->sites, p);
    picture_seal(p);
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
    registry_publish(r, r->published_at);
}

struct registry *registry_create(const struct health_rules *rules)
{
    struct registry *r = mem_zalloc(sizeof *r);
    r->rules = *rules;
    CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
    r->by_id = map_create();
    r->sites = sites_create();
    registry_publish(r, 0);
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
            n = registry_add_node(r, file->nodes[i].id);
        registry_set_spec(n, &file->nodes[i]);
        n->is_from_file = true;
    }
    sites_set_file(r->sites, file->sites, file->site_count);
    publish_now_locked(r);
    pthread_mutex_unlock(&r->lock);
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
    seen.peers = NULL;
    seen.peer_count = 0;
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
        if (spare_beat(&n->spare, n->spec.capacity_mbps, &h->load, &spare_rules_default, now))
            LOG_WARN(n->spare.is_full ? "node-full" : "node-has-room",
                     "node=%.*s cpu=%.2f mbps=%.0f", SPAN_FMT(h->node), n->spare.cpu,
                     n->spare.out_mbps);
        registry_hear(r, h, now);
        n->heard_wall_ms = wall;
        n->is_seen_dirty = true;
        if (is_moved)
            LOG_INFO("node-health", "node=%.*s state=%s", SPAN_FMT(h->node),
                     health_state_name(n->health.state));
        r->is_changed = true;
        if (is_moved || is_other) {
            r->is_urgent = true;
            registry_publish(r, now);
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
    bool was_frozen = r->sight.is_frozen;
    enum health_state *before = mem_zarray(r->count + 1, sizeof *before);
    for (size_t i = 0; i < r->count; i++)
        before[i] = r->healths[i]->state;
    size_t moved = health_judge(r->healths, r->count, &r->rules, now, &r->sight);
    if (moved > 0)
        note_judgement(r, before);
    mem_free(before);
    bool is_frozen = r->sight.is_frozen;
    if (is_frozen != was_frozen)
        LOG_WARN(is_frozen ? "picture-frozen" : "picture-unfrozen", "nodes=%zu reason=%s", r->count,
                 is_frozen          ? "silence"
                 : r->sight.is_over ? "time"
                                    : "heard");
    if (registry_weigh(r, now) || moved > 0 || is_frozen != was_frozen ||
        (r->is_changed && now - r->published_at >= REFRESH_MS))
        registry_publish(r, now);
    bool is_urgent = r->is_urgent || moved > 0;
    r->is_urgent = false;
    pthread_mutex_unlock(&r->lock);
    return is_urgent;
}

void registry_note_probe(struct registry *r, struct span id, enum node_family family,
                         bool is_reached, msec_t now)
{
    pthread_mutex_lock(&r->lock);
    struct node *n = map_get(r->by_id, id);
    if (n != NULL && reach_note(&n->reach[family], is_reached, now)) {
        LOG_WARN(n->reach[family].is_cut ? "node-not-reached" : "node-reached",
                 "node=%.*s family=%s", SPAN_FMT(id), family == NODE_IPV6 ? "ipv6" : "ipv4");
        registry_publish(r, now);
    }
    pthread_mutex_unlock(&r->lock);
}

void registry_forget_probes(struct registry *r)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->count; i++)
        memset(r->nodes[i]->reach, 0, sizeof r->nodes[i]->reach);
    r->is_changed = true;
    pthread_mutex_unlock(&r->lock);
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

void registry_put(struct registry *r, const struct node_spec *spec)
{
    pthread_mutex_lock(&r->lock);
    struct node *n = map_get(r->by_id, spec->id);
    if (n == NULL)
        n = registry_add_node(r, spec->id);
    registry_set_spec(n, spec);
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
