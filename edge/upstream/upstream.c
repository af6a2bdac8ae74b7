/* SPDX-License-Identifier: MIT
 *
 * The origins of every site and their passive health. What is asked of an origin, and what an
 * answer is worth, is told by fetch.c; here is only who comes next. */
#include "edge/upstream/upstream.h"

#include "edge/policy/signed_url.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/hrw.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define ORIGINS_MAX   32 /* bits of `tried` */
#define HOLD_MS       1000
#define BREAKS_AFTER  5    /* failures in a row */
#define ROW_MS        1000 /* over at least so long, where somebody listens there after all */
#define PROBE_MS      1000
#define WHOLE_MS      60000 /* how long a disregard of ranges is remembered */
#define RETRY_COST    1000
#define RETRY_GAIN    200
#define RETRIES_BURST 10

static void origin_init(struct upstream_origin *o, const struct site_origin *spec,
                        const struct site *site, struct tls_client *tls)
{
    const struct url *url = &spec->url;
    o->target = (struct client_target){.scheme = url->scheme,
                                       .host = mem_strndup(url->host.p, url->host.n),
                                       .port = url->port,
                                       .tls = url->scheme == SCHEME_HTTPS ? tls : NULL};
    if (site->tls_name[0] != '\0')
        o->target.tls_name = site->tls_name;
    o->name = span_of(mem_printf("%s:%d", o->target.host, o->target.port));
    o->order = spec->order;
    o->weight = spec->weight;
    o->hash = hash64(o->name.p, o->name.n);
    if (spec->at_once > 0)
        o->gate = gate_create(spec->at_once);
}

static int tls_of_site(struct tls_client **out, const struct site *site, struct buf *why)
{
    struct tls_client_spec spec = {.ca_file = site->ca_file,
                                   .chain_file = site->client_chain,
                                   .key_file = site->client_key,
                                   .is_unverified = !site->verify};
    bool is_needed = site->redirects_max > 0 && site->redirect_hosts.count > 0;
    for (size_t i = 0; i < site->origins.count; i++)
        is_needed |= site->origin_list[i].url.scheme == SCHEME_HTTPS;
    for (size_t i = 0; i < site->shields.count; i++)
        is_needed |= span_starts(span_of(site->shields.v[i]), SPAN("https:"));
    if (!is_needed)
        return 0;
    size_t before = why->n;
    buf_printf(why, "site \"%s\": ", site->name);
    int err = tls_client_create(out, &spec, why);
    if (err == 0)
        why->n = before;
    return err;
}

static void shields_init(struct upstream *u, struct peers *peers, struct tls_client *tls)
{
    const struct option_texts *texts = &u->site->shields;
    struct url url;
    u->shields = mem_zarray(texts->count + 1, sizeof(struct peer *));
    for (size_t i = 0; i < texts->count; i++) {
        if (url_parse(span_of(texts->v[i]), &url) == 0) /* as the site's check has seen */
            u->shields[u->shield_count++] = peers_get(peers, &url, tls);
    }
}

static int upstream_init(struct upstream_set *set, uint32_t index, struct peers *peers,
                         struct buf *why)
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
        origin_init(&u->origins[i], &site->origin_list[i], site, set->tls[index]);
    shields_init(u, peers, set->tls[index]);
    return 0;
}

static void upstream_finish(struct upstream *u)
{
    for (size_t i = 0; i < u->count; i++) {
        mem_free((void *)(uintptr_t)u->origins[i].target.host);
        mem_free((void *)(uintptr_t)u->origins[i].name.p);
        gate_unref(&u->origins[i].gate);
    }
    mem_free(u->origins);
    for (size_t i = 0; i < u->shield_count; i++)
        peer_unref(&u->shields[i]);
    mem_free(u->shields);
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
    signings_destroy(&set->signings);
    option_free(&set->config);
    set->magic = 0;
    mem_free(set);
}

int upstream_set_create(struct upstream_set **out, struct option_config **config,
                        const struct option_records *sites, struct peers *peers, struct buf *why)
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
            err = upstream_init(set, i, peers, why);
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

bool upstream_is_broken(const struct upstream_origin *o)
{
    return atomic_load_explicit(&o->failures, memory_order_relaxed) >= BREAKS_AFTER;
}

static msec_t moment(const _Atomic int64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static bool is_at_rest(const struct upstream_origin *o, msec_t now)
{
    return moment(&o->rests_until) > now ||
           atomic_load_explicit(&o->is_unfit, memory_order_relaxed);
}

static bool may_be_asked(const struct upstream_origin *o, msec_t now)
{
    return !is_at_rest(o, now) && (!upstream_is_broken(o) || moment(&o->probe_at) <= now);
}

/* The first that asked to be left alone but would answer: better than to refuse a user whom nothing
 * else can serve. */
static struct upstream_origin *resting_one(const struct upstream *u, uint32_t tried)
{
    for (size_t i = 0; i < u->count; i++)
        if (!((tried >> i) & 1) && !upstream_is_broken(&u->origins[i]))
            return &u->origins[i];
    return NULL;
}

static bool is_full(const struct upstream_origin *o)
{
    return o->gate != NULL && gate_is_full(o->gate);
}

/* Of two of one order. */
static bool is_better(const struct upstream_origin *a, const struct upstream_origin *b,
                      uint64_t key)
{
    if (is_full(a) != is_full(b))
        return is_full(b);
    return hrw_score(key, a->hash, a->weight) > hrw_score(key, b->hash, b->weight);
}

struct upstream_origin *upstream_choose(const struct upstream *u, uint32_t tried, uint64_t key,
                                        msec_t now)
{
    struct upstream_origin *soonest = NULL, *best = NULL;
    for (size_t i = 0; i < u->count; i++) {
        struct upstream_origin *o = &u->origins[i];
        if (best != NULL && o->order > best->order)
            break;
        if (((tried >> i) & 1) || !may_be_asked(o, now))
            continue;
        if (moment(&o->held_until) <= now) {
            if (best == NULL || is_better(o, best, key))
                best = o;
        } else if (soonest == NULL || moment(&o->held_until) < moment(&soonest->held_until)) {
            soonest = o;
        }
    }
    if (best != NULL)
        return best;
    return soonest != NULL ? soonest : resting_one(u, tried);
}

struct upstream_origin *upstream_take(struct upstream *u, uint32_t tried, uint64_t key, msec_t now)
{
    struct upstream_origin *o;
    while ((o = upstream_choose(u, tried, key, now)) != NULL && upstream_is_broken(o)) {
        int64_t due = moment(&o->probe_at);
        if (due <= now &&
            atomic_compare_exchange_strong_explicit(&o->probe_at, &due, now + PROBE_MS,
                                                    memory_order_relaxed, memory_order_relaxed))
            break; /* else another took it: whoever is left */
    }
    return o;
}

uint32_t upstream_index(const struct upstream *u, const struct upstream_origin *o)
{
    return (uint32_t)(o - u->origins);
}

const char *upstream_state_name(const struct upstream_origin *o, msec_t now)
{
    if (atomic_load_explicit(&o->is_unfit, memory_order_relaxed))
        return "unfit";
    if (moment(&o->rests_until) > now)
        return "resting";
    if (upstream_is_broken(o))
        return "broken";
    return moment(&o->held_until) > now ? "held" : "well";
}

struct peer *upstream_shield(const struct upstream *u)
{
    for (size_t i = 0; i < u->shield_count; i++) {
        if (peer_may_be_asked(u->shields[i]))
            return u->shields[i];
    }
    return NULL;
}

bool upstream_is_down(const struct upstream *u, msec_t now)
{
    if (upstream_shield(u) != NULL)
        return false;
    for (size_t i = 0; i < u->count; i++) {
        if (!upstream_is_broken(&u->origins[i]) && !is_at_rest(&u->origins[i], now))
            return false;
    }
    return true;
}

bool upstream_is_due(const struct upstream *u, msec_t now)
{
    for (size_t i = 0; i < u->count; i++) {
        if (may_be_asked(&u->origins[i], now))
            return true;
    }
    return false;
}

void upstream_succeeded(struct upstream_origin *o)
{
    if (atomic_load_explicit(&o->failures, memory_order_relaxed) == 0)
        return; /* the usual case writes nothing that workers share */
    uint32_t row = atomic_exchange_explicit(&o->failures, 0, memory_order_relaxed);
    atomic_store_explicit(&o->held_until, 0, memory_order_relaxed);
    if (row >= BREAKS_AFTER)
        LOG_INFO_LIMITED("upstream-back", "upstream=%.*s", SPAN_FMT(o->name));
}

/* Nobody is there. */
static bool is_gone(int err)
{
    return err == ERR_REFUSED || err == ERR_DNS || err == ERR_TLS || err == ERR_CERTIFICATE;
}

/* Not to be had, as against wrong in what it says. Somebody listens: a row of these may be about a
 * few resources only, so it must last. */
static bool is_silent(int err)
{
    return err == ERR_TIMEOUT || err == ERR_CLOSED || err == ERR_IO;
}

void upstream_failed(struct upstream_origin *o, int err, msec_t now)
{
    uint32_t row = atomic_load_explicit(&o->failures, memory_order_relaxed);
    upstream_hold(o, now);
    atomic_store_explicit(&o->probe_at, now + PROBE_MS, memory_order_relaxed);
    if (row == 0)
        atomic_store_explicit(&o->row_began, now, memory_order_relaxed);
    bool may_break = is_gone(err) || (is_silent(err) && now - moment(&o->row_began) >= ROW_MS);
    if (!may_break && row + 1 >= BREAKS_AFTER)
        return;
    if (atomic_fetch_add_explicit(&o->failures, 1, memory_order_relaxed) + 1 == BREAKS_AFTER)
        LOG_WARN_LIMITED("upstream-broken", "upstream=%.*s error=\"%s\"", SPAN_FMT(o->name),
                         err_text(err));
}

void upstream_hold(struct upstream_origin *o, msec_t now)
{
    atomic_store_explicit(&o->held_until, now + HOLD_MS, memory_order_relaxed);
}

void upstream_rest(struct upstream_origin *o, msec_t until)
{
    atomic_store_explicit(&o->rests_until, until, memory_order_relaxed);
}

void upstream_set_fit(struct upstream_origin *o, bool is_fit)
{
    atomic_store_explicit(&o->is_unfit, !is_fit, memory_order_relaxed);
}

void upstream_note_ranges(struct upstream_origin *o, bool are_ignored, msec_t now)
{
    if (are_ignored || moment(&o->whole_until) != 0)
        atomic_store_explicit(&o->whole_until, are_ignored ? now + WHOLE_MS : 0,
                              memory_order_relaxed);
}

bool upstream_ignores_ranges(const struct upstream_origin *o, msec_t now)
{
    return moment(&o->whole_until) > now;
}

void upstream_count_request(struct upstream *u)
{
    int32_t spent = atomic_load_explicit(&u->spent_retries, memory_order_relaxed);
    int32_t left;
    if (spent == 0)
        return; /* the usual case writes nothing that workers share */
    do {
        left = spent > RETRY_GAIN ? spent - RETRY_GAIN : 0;
    } while (!atomic_compare_exchange_weak_explicit(&u->spent_retries, &spent, left,
                                                    memory_order_relaxed, memory_order_relaxed));
}

bool upstream_may_retry(struct upstream *u)
{
    int32_t spent = atomic_load_explicit(&u->spent_retries, memory_order_relaxed);
    do {
        if (spent + RETRY_COST > RETRIES_BURST * RETRY_COST)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&u->spent_retries, &spent, spent + RETRY_COST,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}
