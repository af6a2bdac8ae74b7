/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_UPSTREAM_H
#define EDGE_UPSTREAM_UPSTREAM_H

#include "edge/policy/site.h"
#include "lib/web/client.h"

#include <stdatomic.h>

/* The origins of every site, how to reach them and how they have been doing. One snapshot belongs
 * to one configuration: sites, origins and the configuration's memory live and leave together.
 * Immutable but for health, which all workers share. Threads: any; destroy by the last unref. */
struct upstream_origin {
    struct client_target target;
    struct span name;           /* "127.0.0.1:9000": logs and Proxy-Status */
    _Atomic int64_t down_until; /* monotonic ms; later than now: tried last */
    _Atomic uint32_t failures;  /* in a row; a success ends the row */
};

struct upstream {
    const struct site *site;
    struct upstream_origin *origins; /* in order of preference */
    size_t count;
};

struct upstream_set {
    uint32_t magic;
    _Atomic uint32_t refs;
    struct option_config *config;
    struct site_table *sites;
    struct upstream *upstreams; /* by site->index */
    struct tls_client **tls;    /* by site->index; NULL where no origin is https */
};
#define UPSTREAM_SET_MAGIC 0x5e7f0a11U

/* upstream_set_create: takes *config on success (0); on failure (ERR_CONFIG, ERR_CERTIFICATE and
 * lines in why) it stays the caller's. sites: its records. The creator holds the reference. */
MUST_USE int upstream_set_create(struct upstream_set **out, struct option_config **config,
                                 const struct option_records *sites, struct buf *why);
void upstream_set_ref(struct upstream_set *set);
void upstream_set_unref(struct upstream_set **set);
struct upstream *upstream_of(struct upstream_set *set, const struct site *site);

/* upstream_choose: the origin to try next: the first in order that is not down and not in `tried`
 * (bit i: origin i), else the one that comes up soonest; NULL: all are tried. At most 32 origins
 * count. */
struct upstream_origin *upstream_choose(struct upstream *u, uint32_t tried, msec_t now);
uint32_t upstream_index(const struct upstream *u, const struct upstream_origin *o);
/* How it went. A failure keeps the origin back for 1 s, doubling to 8 s with each in a row. */
void upstream_succeeded(struct upstream_origin *o);
void upstream_failed(struct upstream_origin *o, msec_t now);

#endif
