/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_PURGE_URL_H
#define EDGE_ADMIN_PURGE_URL_H

#include "edge/store/store.h"
#include "edge/upstream/upstream.h"

/* purge_url: what a purge of a URL means on this edge: 0 and how many objects it met, or
 * ERR_SYNTAX (no absolute URL), ERR_NOT_FOUND (no such site here). site p == NULL: by its host. */
struct purge_request {
    struct span site, url;
    bool is_soft;
};
MUST_USE int purge_url(struct store *st, struct upstream_set *sites,
                       const struct purge_request *ask, uint64_t *met);

#endif
