/* SPDX-License-Identifier: MIT
 *
 * A purge by URL, for the operator's call and the control plane's alike. Threads: any. */
#include "edge/admin/purge_url.h"

#include "edge/policy/cache_key.h"
#include "lib/base/err.h"

#define KEY_BYTES_MAX ((size_t)256 * 1024)

int purge_url(struct store *st, struct upstream_set *sites, const struct purge_request *ask,
              uint64_t *met)
{
    struct url url;
    struct arena mem;
    const struct site *site;
    if (url_parse(ask->url, &url) != 0)
        return ERR_SYNTAX;
    site =
        ask->site.n > 0 ? site_named(sites->sites, ask->site) : site_find(sites->sites, url.host);
    if (site == NULL)
        return ERR_NOT_FOUND;
    arena_init(&mem, KEY_BYTES_MAX);
    struct cache_key key = cache_key_make(site, url.host, url.path, url.query, &mem);
    struct store_key store_key = {key.text, key.hash};
    *met = store_purge(st, &store_key, ask->is_soft);
    arena_finish(&mem);
    return 0;
}
