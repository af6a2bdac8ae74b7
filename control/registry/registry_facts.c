/* SPDX-License-Identifier: MIT
 * What the registry keeps over a restart, as JSON: written for the state, and read from it. */
#include "control/registry/registry.h"

#include "control/registry/registry_inner.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#define NODE_FACT_BYTES (32 << 10)

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
        n = registry_add_node(l->r, key);
        spec.id = n->spec.id;
        registry_set_spec(n, &spec);
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
    registry_publish(r, now);
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
