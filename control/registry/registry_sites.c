/* SPDX-License-Identifier: MIT
 * The registry's face to sites: sites.c under the lock, and a new picture after each change. */
#include "control/registry/registry_inner.h"

#include "lib/base/err.h"

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
    registry_publish(r, r->published_at);
    pthread_mutex_unlock(&r->lock);
}

int registry_may_take_out_site(struct registry *r, struct span name, struct buf *why)
{
    pthread_mutex_lock(&r->lock);
    int err = sites_may_take_out(r->sites, name, why);
    pthread_mutex_unlock(&r->lock);
    return err;
}

void registry_take_out_site(struct registry *r, struct span name, uint64_t version)
{
    pthread_mutex_lock(&r->lock);
    sites_take_out(r->sites, name, version);
    registry_publish(r, r->published_at);
    pthread_mutex_unlock(&r->lock);
}

void registry_sites_document(struct registry *r, struct span name, struct span text,
                             struct json_out *o)
{
    pthread_mutex_lock(&r->lock);
    sites_document(r->sites, name, text, o);
    pthread_mutex_unlock(&r->lock);
}

void registry_set_site_version(struct registry *r, uint64_t version)
{
    pthread_mutex_lock(&r->lock);
    sites_set_version(r->sites, version);
    registry_publish(r, r->published_at);
    pthread_mutex_unlock(&r->lock);
}

int registry_may_replace_sites(struct registry *r, const struct registry_sites *sites,
                               struct buf *why)
{
    int err = 0;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; err == 0 && i < sites->count; i++)
        err = sites_may_follow(r->sites, &sites->docs[i], why);
    pthread_mutex_unlock(&r->lock);
    return err;
}

void registry_replace_sites(struct registry *r, const struct registry_sites *sites,
                            uint64_t version)
{
    pthread_mutex_lock(&r->lock);
    sites_clear(r->sites);
    for (size_t i = 0; i < sites->count; i++)
        sites_put(r->sites, &sites->docs[i], sites->texts[i], version);
    sites_set_version(r->sites, version);
    registry_publish(r, r->published_at);
    pthread_mutex_unlock(&r->lock);
}

struct naming {
    struct span *v;
    size_t count;
    struct arena *mem;
};

static void add_name(void *ctx, struct span name)
{
    struct naming *n = ctx;
    n->v[n->count++] = arena_dup(n->mem, name);
}

size_t registry_site_names(struct registry *r, struct span **out, struct arena *mem)
{
    struct naming n = {.mem = mem};
    pthread_mutex_lock(&r->lock);
    n.v = arena_zalloc(mem, (sites_count(r->sites) + 1) * sizeof *n.v);
    if (!arena_overflowed(mem))
        sites_each(r->sites, add_name, &n);
    pthread_mutex_unlock(&r->lock);
    *out = n.v;
    return n.count;
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
