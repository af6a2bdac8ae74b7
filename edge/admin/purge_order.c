/* SPDX-License-Identifier: MIT
 *
 * A purge from words to what the store knows. */
#include "edge/admin/purge_order.h"

#include "edge/policy/cache_key.h"
#include "lib/base/err.h"

#define KEY_BYTES_MAX ((size_t)256 * 1024)

struct ordering {
    struct store *store;
    const struct site_table *sites;
    const struct purge_order *order;
    struct arena mem;
};

/* Who orders may call the site by another name than we do: then the host tells which it is. */
static const struct site *find_site(const struct ordering *o, struct span host)
{
    const struct site *named = o->order->site.n > 0 ? site_named(o->sites, o->order->site) : NULL;
    return named != NULL ? named : site_find(o->sites, host);
}

static int by_url(struct ordering *o, int64_t *met)
{
    static const enum scheme schemes[] = {SCHEME_HTTP, SCHEME_HTTPS};
    struct url url;
    if (url_parse(o->order->value, &url) != 0)
        return ERR_SYNTAX;
    const struct site *site = find_site(o, url.host);
    if (site == NULL)
        return ERR_NOT_FOUND;
    *met = 0;
    for (size_t i = 0; i < (site->splits_schemes ? ARRAY_LEN(schemes) : 1); i++) {
        struct cache_target target = {url.host, url.path, url.query, schemes[i]};
        struct cache_key key = cache_key_make(site, &target, &o->mem);
        struct store_key store_key = {key.text, key.hash};
        *met += (int64_t)store_purge(o->store, &store_key, o->order->is_soft);
    }
    return 0;
}

static int by_prefix(struct ordering *o)
{
    struct url url;
    if (url_parse(o->order->value, &url) != 0)
        return ERR_SYNTAX;
    const struct site *site = find_site(o, url.host);
    if (site == NULL)
        return ERR_NOT_FOUND;
    struct span parts[] = {url_normal_path(url.path, &o->mem),
                           url.query.p != NULL ? SPAN("?") : SPAN(""),
                           url.query.p != NULL ? url.query : SPAN("")};
    struct purge_scope scope = {.kind = PURGE_PREFIX,
                                .site = span_of(site->name),
                                .host = cache_key_host(site, url.host, &o->mem),
                                .value = arena_join(&o->mem, parts, ARRAY_LEN(parts))};
    store_purge_many(o->store, &scope, o->order->is_soft);
    return 0;
}

static int by_host(struct ordering *o)
{
    const struct site *site = find_site(o, o->order->value);
    if (o->order->value.n == 0)
        return ERR_SYNTAX;
    if (site == NULL)
        return ERR_NOT_FOUND;
    struct purge_scope scope = {.kind = PURGE_HOST,
                                .site = span_of(site->name),
                                .host = cache_key_host(site, o->order->value, &o->mem)};
    store_purge_many(o->store, &scope, o->order->is_soft);
    return 0;
}

static int by_tag(struct ordering *o)
{
    if (o->order->value.n == 0)
        return ERR_SYNTAX;
    struct purge_scope scope = {
        .kind = PURGE_TAG, .site = o->order->site, .value = o->order->value};
    store_purge_many(o->store, &scope, o->order->is_soft);
    return 0;
}

static int by_site(struct ordering *o)
{
    struct purge_scope scope = {.kind = o->order->site.n > 0 ? PURGE_SITE : PURGE_ALL,
                                .site = o->order->site};
    store_purge_many(o->store, &scope, o->order->is_soft);
    return 0;
}

static int dispatch(struct ordering *o, int64_t *met)
{
    switch (o->order->what) {
    case PURGE_WHAT_URL:
        return by_url(o, met);
    case PURGE_WHAT_PREFIX:
        return by_prefix(o);
    case PURGE_WHAT_HOST:
        return by_host(o);
    case PURGE_WHAT_TAG:
        return by_tag(o);
    case PURGE_WHAT_SITE:
        return by_site(o);
    }
    return ERR_SYNTAX;
}

int purge_order_do(struct store *st, const struct site_table *sites,
                   const struct purge_order *order, int64_t *met)
{
    struct ordering o = {.store = st, .sites = sites, .order = order};
    *met = -1;
    arena_init(&o.mem, KEY_BYTES_MAX);
    int err = dispatch(&o, met);
    arena_finish(&o.mem);
    return err;
}
