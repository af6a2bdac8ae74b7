/* SPDX-License-Identifier: MIT
 *
 * The origins of every site and their passive health. What is asked of an origin, and what an
 * answer is worth, is told by fetch.c; here is only who comes next. */
#include "edge/upstream/upstream.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#define ORIGINS_MAX   32 /* bits of `tried` */
#define HOLD_FIRST_MS 1000
#define HOLD_DOUBLES  3 /* 1, 2, 4, 8 s */

static void origin_init(struct upstream_origin *o, const struct url *url, struct tls_client *tls)
{
    o->target = (struct client_target){.scheme = url->scheme,
                                       .host = mem_strndup(url->host.p, url->host.n),
                                       .port = url->port,
                                       .tls = url->scheme == SCHEME_HTTPS ? tls : NULL};
    o->name = span_of(mem_printf("%s:%d", o->target.host, o->target.port));
}

static int tls_of_site(struct tls_client **out, const struct site *site, struct buf *why)
{
    struct tls_client_spec spec = {.ca_file = site->ca_file, .is_unverified = !site->verify};
    for (size_t i = 0; i < site->origins.count; i++) {
        if (site->origin_urls[i].scheme == SCHEME_HTTPS)
            return tls_client_create(out, &spec, why);
    }
    return 0;
}

static int upstream_init(struct upstream_set *set, uint32_t index, struct buf *why)
{
    const struct site *site = site_at(set->sites, index);
    struct upstream *u = &set->upstreams[index];
    int err = tls_of_site(&set->tls[index], site, why);
    if (err != 0)
        return err;
    u->site = site;
    u->count = site->origins.count < ORIGINS_MAX ? site->origins.count : ORIGINS_MAX;
    u->origins = mem_zarray(u->count > 0 ? u->count : 1, sizeof(*u->origins));
    for (size_t i = 0; i < u->count; i++)
        origin_init(&u->origins[i], &site->origin_urls[i], set->tls[index]);
    return 0;
}

static void upstream_finish(struct upstream *u)
{
    for (size_t i = 0; i < u->count; i++) {
        mem_free((void *)(uintptr_t)u->origins[i].target.host);
        mem_free((void *)(uintptr_t)u->origins[i].name.p);
    }
    mem_free(u->origins);
}

static void set_destroy(struct upstream_set *set)
{
    uint32_t count = set->sites != NULL ? site_count(set->sites) : 0;
    for (uint32_t i = 0; i < count; i++) {
        upstream_finish(&set->upstreams[i]);
        if (set->tls[i] != NULL)
            tls_client_unref(&set->tls[i]);
    }
    mem_free(set->upstreams);
    mem_free(set->tls);
    if (set->sites != NULL)
        site_table_unref(&set->sites);
    option_free(&set->config);
    set->magic = 0;
    mem_free(set);
}

int upstream_set_create(struct upstream_set **out, struct option_config **config,
                        const struct option_records *sites, struct buf *why)
{
    struct upstream_set *set = mem_zalloc(sizeof(*set));
    set->magic = UPSTREAM_SET_MAGIC;
    atomic_init(&set->refs, 1);
    int err = site_table_create(&set->sites, sites, option_file(*config), why);
    if (err == 0) {
        uint32_t count = site_count(set->sites);
        set->upstreams = mem_zarray(count + 1, sizeof(*set->upstreams));
        set->tls = mem_zarray(count + 1, sizeof(struct tls_client *));
        for (uint32_t i = 0; i < count && err == 0; i++)
            err = upstream_init(set, i, why);
    }
    if (err != 0) {
        set_destroy(set);
        return err;
    }
    set->config = *config;
    *config = NULL;
    *out = set;
    return 0;
}

void upstream_set_ref(struct upstream_set *set)
{
    CHECK_OBJ(set, UPSTREAM_SET_MAGIC);
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
}

void upstream_set_unref(struct upstream_set **pset)
{
    struct upstream_set *set = *pset;
    *pset = NULL;
    if (set == NULL)
        return;
    CHECK_OBJ(set, UPSTREAM_SET_MAGIC);
    if (atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1)
        set_destroy(set);
}

struct upstream *upstream_of(struct upstream_set *set, const struct site *site)
{
    CHECK_OBJ(set, UPSTREAM_SET_MAGIC);
    return &set->upstreams[site->index];
}

struct upstream_origin *upstream_choose(struct upstream *u, uint32_t tried, msec_t now)
{
    struct upstream_origin *soonest = NULL;
    msec_t soonest_at = 0;
    for (size_t i = 0; i < u->count; i++) {
        if ((tried >> i) & 1)
            continue;
        msec_t at = atomic_load_explicit(&u->origins[i].down_until, memory_order_relaxed);
        if (at <= now)
            return &u->origins[i];
        if (soonest == NULL || at < soonest_at) {
            soonest = &u->origins[i];
            soonest_at = at;
        }
    }
    return soonest;
}

uint32_t upstream_index(const struct upstream *u, const struct upstream_origin *o)
{
    return (uint32_t)(o - u->origins);
}

void upstream_succeeded(struct upstream_origin *o)
{
    if (atomic_load_explicit(&o->failures, memory_order_relaxed) == 0)
        return; /* the usual case writes nothing that workers share */
    atomic_store_explicit(&o->failures, 0, memory_order_relaxed);
    atomic_store_explicit(&o->down_until, 0, memory_order_relaxed);
}

void upstream_failed(struct upstream_origin *o, msec_t now)
{
    uint32_t row = atomic_fetch_add_explicit(&o->failures, 1, memory_order_relaxed);
    msec_t hold = HOLD_FIRST_MS << (row < HOLD_DOUBLES ? row : HOLD_DOUBLES);
    atomic_store_explicit(&o->down_until, now + hold, memory_order_relaxed);
}
