/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_PURGE_ORDER_H
#define EDGE_ADMIN_PURGE_ORDER_H

#include "edge/store/store.h"
#include "edge/upstream/upstream.h"

/* One purge as it is ordered, by an operator or by the control plane, done on this edge. */
enum purge_what {
    PURGE_WHAT_URL,    /* value: an absolute URL; http and https alike */
    PURGE_WHAT_PREFIX, /* value: how the URL begins, byte for byte after normalisation */
    PURGE_WHAT_HOST,   /* value: a host name */
    PURGE_WHAT_TAG,    /* value: a tag or a group, byte for byte */
    PURGE_WHAT_SITE,   /* everything of a site; without a site: everything */
};

struct purge_order {
    enum purge_what what;
    struct span site; /* its name; empty: by the value's host; with TAG and SITE: every site */
    struct span value;
    bool is_soft;
};

/* purge_order_do: 0; ERR_SYNTAX: value is not what it should be; ERR_NOT_FOUND: no such site here,
 * so there was nothing to do. *met: for URL, how many objects it fell on; else -1, as nobody has
 * counted them. When it has returned, no request that begins gets them. Threads: any. */
MUST_USE int purge_order_do(struct store *st, const struct site_table *sites,
                            const struct purge_order *order, int64_t *met);

#endif
