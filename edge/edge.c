/* SPDX-License-Identifier: MIT
 *
 * Assembly: makes the parts, tells them of one another, and hands new sites to all workers. Runs on
 * the main thread but for the worker calls. */
#include "edge/edge.h"

#include "edge/admin/admin.h"
#include "edge/admin/control_link.h"
#include "edge/edge_options.h"
#include "edge/edge_prefill.h"
#include "edge/edge_sites.h"
#include "edge/edge_worker.h"
#include "edge/observe/access_watch.h"
#include "edge/store/pin.h"
#include "edge/upstream/collapse.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/daemon/given.h"
#include "lib/daemon/metrics_text.h"
#include "lib/web/server_counters.h"

#define ACCESS_LOG_BOUND ((size_t)16 << 20)
#define ENCODED_SHARE    8  /* of memory, at most, for coded copies */
#define UPKEEP_STEPS     16 /* some 100 us each */
#define UPKEEP_BUSY_MS   10
#define UPKEEP_IDLE_MS   200

struct edge {
    struct daemon *daemon;
    struct store *store;
    struct collapse *collapse;
    struct encoded_table *encoded;
    struct ledger *ledger;
    struct peers *peers;
    struct purge_clock *purges;
    struct members *members;
    struct mcache *mcache;
    struct sink *access_log; /* NULL: none */
    struct access_watch access_watch;
    struct listen_set *listens;
    struct certificates *certificates;
    struct upstream_set *sites;
    struct control_link *link;
    struct edge_prefill *prefill;
    struct admin *admin;
    struct edge_worker **workers;
    char *admin_url;
    struct timer upkeep; /* of the store and the access log */
    struct buf document; /* of the control plane, as last accepted */
    bool are_running;
};

struct edge *edge_create(void)
{
    return mem_zalloc(sizeof(struct edge));
}

void edge_destroy(struct edge **pe)
{
    mem_free(*pe);
    *pe = NULL;
}

static struct upstream_set *sites_now(void *ctx)
{
    return ((struct edge *)ctx)->sites;
}

static int make_sites(struct edge *e, struct edge_sites_from from, struct upstream_set **out,
                      struct buf *why)
{
    from.block_max_bytes = store_block_max_bytes(e->store);
    return edge_sites_make(out, &from, e->peers, why);
}

/* New sites to everybody. Takes *fresh. */
static void use_sites(struct edge *e, struct upstream_set *fresh)
{
    upstream_set_unref(&e->sites);
    e->sites = fresh;
    if (e->are_running) {
        for (int i = 0; i < daemon_worker_count(e->daemon); i++)
            edge_worker_use(e->workers[i], fresh);
    }
}

static int use_document(void *ctx, struct span document, struct buf *why)
{
    struct edge *e = ctx;
    struct given *given = NULL;
    struct upstream_set *sites = NULL;
    int err = given_read(&given, document, why);
    struct edge_sites_from from = {
        .config = daemon_config(e->daemon), .document = document, .given = given};
    if (err == 0)
        err = make_sites(e, from, &sites, why);
    if (err != 0) {
        given_destroy(&given);
        return err;
    }
    use_sites(e, sites);
    certificates_give(e->certificates, given);
    buf_clear(&e->document);
    buf_add_span(&e->document, document);
    return 0;
}

static void use_place(void *ctx, const struct heartbeat_neighbour *v, size_t count)
{
    struct edge *e = ctx;
    const struct edge_config *c = option_record(daemon_config(e->daemon));
    struct member_spec specs[HEARTBEAT_MAX_PLACE];
    if (!c->cluster.joins)
        return;
    for (size_t i = 0; i < count; i++)
        specs[i] = (struct member_spec){v[i].url, v[i].weight, span_eq(v[i].id, span_of(c->node))};
    members_set(e->members, specs, count);
}

static void look_after_access_log(struct edge *e)
{
    const struct edge_config *c = option_record(daemon_config(e->daemon));
    if (e->access_log != NULL)
        access_watch_look(&e->access_watch, e->access_log, c->access_log,
                          loop_now(daemon_loop(e->daemon)));
}

/* A little at a time, so that whoever asks the admin listener does not wait for it. */
static void on_upkeep(struct timer *t)
{
    struct edge *e = CONTAINER_OF(t, struct edge, upkeep);
    bool is_busy = true;
    for (int i = 0; is_busy && i < UPKEEP_STEPS; i++)
        is_busy = store_upkeep(e->store);
    look_after_access_log(e);
    timer_set(t, is_busy ? UPKEEP_BUSY_MS : UPKEEP_IDLE_MS);
}

static void load_now(void *ctx, struct heartbeat_load *out)
{
    struct edge *e = ctx;
    for (int i = 0; i < daemon_worker_count(e->daemon); i++) {
        struct edge_worker *w = e->workers[i];
        out->requests += counter_get(&w->req.count.requests);
        out->errors += counter_get(&w->req.count.errors);
        if (!e->are_running || daemon_is_stopping(e->daemon))
            continue;
        const struct server_counters *c = server_counters_of(w->server);
        out->connections += counter_get(&c->connections) - counter_get(&c->connections_closed);
    }
}

static void worker_metrics(void *ctx, struct buf *out)
{
    struct edge *e = ctx;
    size_t count = (size_t)daemon_worker_count(e->daemon);
    const void **records = mem_zarray(count, sizeof(void *));
    for (size_t i = 0; i < count; i++)
        records[i] = &e->workers[i]->req.count;
    metrics_counters(&req_counter_table, records, count, out);
    for (size_t i = 0; i < count; i++)
        records[i] = &e->workers[i]->fetcher.count;
    metrics_counters(&fetcher_counter_table, records, count, out);
    if (e->are_running && !daemon_is_stopping(e->daemon)) {
        for (size_t i = 0; i < count; i++)
            records[i] = server_counters_of(e->workers[i]->server);
        metrics_counters(&server_counter_table, records, count, out);
    }
    mem_free(records);
    metrics_counters(&access_log_counter_table, &(const void *){&e->access_watch.count}, 1, out);
    certificates_write_metrics(e->certificates, out);
    peers_write_metrics(e->peers, out);
    mcache_write_metrics(e->mcache, out);
}

static bool is_ready(void *ctx, struct buf *why)
{
    struct edge *e = ctx;
    if (e->are_running && !daemon_is_stopping(e->daemon))
        return true;
    buf_printf(why, e->are_running ? "stopping\n" : "starting\n");
    return false;
}

static bool charge(void *store, size_t bytes)
{
    return store_charge(store, bytes);
}

static void uncharge(void *store, size_t bytes)
{
    store_uncharge(store, bytes);
}

static int open_store(struct edge *e, const struct edge_config *c, struct buf *why)
{
    struct store_disk *disks = mem_zarray(c->disks.count + 1, sizeof(*disks));
    struct store_config config = edge_store_config(c, disks);
    for (size_t i = 0; i < c->disks.count; i++)
        disks[i].is_reformat = daemon_is_reformat(e->daemon);
    int err = store_create(&e->store, &config, why);
    mem_free(disks);
    struct encoded_config encoded = {.max_bytes = c->memory_bytes / ENCODED_SHARE,
                                     .charge = charge,
                                     .uncharge = uncharge,
                                     .ctx = e->store};
    if (err == 0)
        e->encoded = encoded_table_create(&encoded);
    return err;
}

static int open_access_log(struct edge *e, const struct edge_config *c, struct buf *why)
{
    if (c->access_log[0] == '\0')
        return 0;
    int err = sink_open(&e->access_log, c->access_log, ACCESS_LOG_BOUND);
    if (err != 0)
        buf_printf(why, "access_log: %s: %s\n", c->access_log, err_text(err));
    return err;
}

static int bind_listeners(struct edge *e, struct option_config *config, struct buf *why)
{
    const struct edge_config *c = option_record(config);
    struct listen_bind_spec spec = {.listens = &c->listens,
                                    .workers = daemon_worker_count(e->daemon)};
    struct certificates_spec certificates = {&c->certificates, &c->tls};
    int err = certificates_create(&e->certificates, daemon_loop(e->daemon), &certificates, why);
    spec.certificates = e->certificates;
    return err != 0 ? err : listen_bind(&e->listens, &spec, why);
}

static int start_admin(struct edge *e, const struct edge_config *c, struct buf *why)
{
    struct admin_spec spec = {.options = &c->admin,
                              .certificates = e->certificates,
                              .node = c->node,
                              .store = e->store,
                              .collapse = e->collapse,
                              .members = e->members,
                              .has_mcache = e->mcache != NULL,
                              .ledger = e->ledger,
                              .prefill = edge_prefill_jobs(e->prefill),
                              .started_wall = daemon_started_wall(e->daemon),
                              .link = e->link,
                              .ctx = e,
                              .sites = sites_now,
                              .worker_metrics = worker_metrics,
                              .is_ready = is_ready};
    return admin_start(&e->admin, daemon_loop(e->daemon), &spec, why);
}

static int make_link(struct edge *e, const struct edge_config *c, struct buf *why)
{
    if (c->admin_url[0] != '\0')
        e->admin_url = mem_strdup(c->admin_url);
    else if (c->admin.address[0] != '\0')
        e->admin_url = mem_printf("http%s://%s", c->admin.tls ? "s" : "", c->admin.address);
    struct control_link_spec spec = {.loop = daemon_loop(e->daemon),
                                     .options = &c->control,
                                     .node = c->node,
                                     .http_url = c->http_url,
                                     .https_url = c->https_url,
                                     .admin_url = e->admin_url,
                                     .store = e->store,
                                     .purges = e->purges,
                                     .peers = e->peers,
                                     .ledger = e->ledger,
                                     .prefill = edge_prefill_jobs(e->prefill),
                                     .ctx = e,
                                     .sites = sites_now,
                                     .use_document = use_document,
                                     .use_place = use_place,
                                     .load = load_now};
    return control_link_create(&e->link, &spec, why);
}

static struct server_config limits_of(const struct edge_config *c)
{
    struct server_config limits = server_config_default;
    client_limits_apply(&c->clients, &limits);
    return limits;
}

static void make_workers(struct edge *e, const struct edge_config *c)
{
    int count = daemon_worker_count(e->daemon);
    struct edge_shared shared = {.store = e->store,
                                 .collapse = e->collapse,
                                 .purges = e->purges,
                                 .members = e->members,
                                 .mcache = e->mcache,
                                 .encoded = e->encoded,
                                 .ledger = e->ledger,
                                 .access_log = e->access_log,
                                 .listens = e->listens,
                                 .request = {.node = c->node, .names = c->names},
                                 .server = limits_of(c)};
    e->workers = mem_zarray((size_t)count, sizeof(struct edge_worker *));
    for (int i = 0; i < count; i++)
        e->workers[i] = edge_worker_create(i, &shared);
    struct edge_prefill_spec prefill = {.loop = daemon_loop(e->daemon),
                                        .folder = c->prefill_folder,
                                        .pin_room_bytes = pin_room(e->store),
                                        .workers = e->workers,
                                        .worker_count = count};
    e->prefill = edge_prefill_create(&prefill);
}

static void stop(struct daemon *d)
{
    struct edge *e = daemon_app(d);
    admin_stop(&e->admin);
    control_link_destroy(&e->link);
    edge_prefill_destroy(&e->prefill);
    for (int i = 0; e->workers != NULL && i < daemon_worker_count(d); i++)
        edge_worker_destroy(&e->workers[i]);
    mem_free(e->workers);
    if (e->listens != NULL)
        listen_destroy(&e->listens);
    certificates_destroy(&e->certificates);
    if (e->access_log != NULL)
        sink_close(&e->access_log);
    timer_finish(&e->upkeep);
    peers_stop(e->peers);
    upstream_set_unref(&e->sites);
    mcache_close(&e->mcache);
    members_destroy(&e->members);
    peers_destroy(&e->peers);
    purge_clock_destroy(&e->purges);
    collapse_destroy(&e->collapse);
    encoded_table_destroy(&e->encoded);
    if (e->store != NULL)
        store_destroy(&e->store);
    ledger_destroy(&e->ledger);
    buf_finish(&e->document);
    mem_free(e->admin_url);
}

static int start(struct daemon *d, struct option_config *config, struct buf *why)
{
    struct edge *e = daemon_app(d);
    const struct edge_config *c = option_record(config);
    e->daemon = d;
    buf_init(&e->document, HEARTBEAT_MAX_BYTES);
    timer_init(&e->upkeep, daemon_loop(d), on_upkeep);
    e->collapse = collapse_create();
    e->peers = peers_create();
    e->purges = purge_clock_create();
    e->members = members_create(e->peers);
    e->ledger = ledger_create(daemon_worker_count(d));
    int err = members_configure(e->members, &c->cluster, why);
    if (err == 0)
        err = open_store(e, c, why);
    if (err == 0)
        err = mcache_open(&e->mcache, &c->memcached, why);
    if (err == 0)
        err = open_access_log(e, c, why);
    if (err == 0)
        err = make_sites(e, (struct edge_sites_from){.config = config}, &e->sites, why);
    if (err == 0)
        err = bind_listeners(e, config, why);
    if (err == 0) {
        make_workers(e, c);
        err = make_link(e, c, why);
    }
    if (err == 0)
        err = start_admin(e, c, why);
    if (err != 0)
        stop(d);
    return err;
}

static void *worker_start(struct daemon *d, struct worker *w)
{
    struct edge *e = daemon_app(d);
    edge_worker_start(e->workers[w->index], w, e->sites);
    return e->workers[w->index];
}

/* What clients may have open at once: as configured, or as the system lets this process. */
static void tell_ready(const struct edge *e, const struct edge_config *c)
{
    int workers = daemon_worker_count(e->daemon);
    int64_t wanted = c->clients.connections * workers, descriptors = daemon_descriptors();
    bool is_short = wanted > descriptors;
    LOG_INFO("ready", "workers=%d sites=%u connections_max=%lld limited_by=%s", workers,
             site_count(e->sites->sites), (long long)(is_short ? descriptors : wanted),
             is_short ? "descriptors" : "clients.connections");
}

static void ready(struct daemon *d)
{
    struct edge *e = daemon_app(d);
    const struct edge_config *c = option_record(daemon_config(d));
    e->are_running = true;
    peers_start(e->peers, daemon_loop(d), c->node);
    timer_set(&e->upkeep, UPKEEP_IDLE_MS);
    edge_prefill_start(e->prefill);
    if (e->link != NULL)
        control_link_start(e->link);
    tell_ready(e, c);
}

/* What is given to the parts when they are made. */
static const char *const fixed_names[] = {"node",       "names",          "workers",   "memory",
                                          "disk",       "disk_admission", "disk_zstd", "eviction",
                                          "disk_scrub", "disk_slow",      "http_url",  "listen",
                                          "access_log", "prefill_folder", "admin",     "https_url",
                                          "admin_url",  "control",        "memcached", NULL};

static int reload(struct daemon *d, struct option_config *config, struct buf *why)
{
    struct edge *e = daemon_app(d);
    const struct edge_config *c = option_record(config);
    struct certificates_spec certificates = {&c->certificates, &c->tls};
    struct edge_sites_from from = {.config = config,
                                   .document = buf_span(&e->document),
                                   .given = certificates_given(e->certificates)};
    struct server_config limits = limits_of(c);
    struct upstream_set *sites = NULL;
    int err = make_sites(e, from, &sites, why);
    if (err == 0)
        err = certificates_reload(e->certificates, &certificates, why);
    if (err == 0)
        err = members_configure(e->members, &c->cluster, why);
    if (err != 0) {
        upstream_set_unref(&sites);
        return err;
    }
    use_sites(e, sites);
    for (int i = 0; i < daemon_worker_count(d); i++)
        edge_worker_limit(e->workers[i], &limits);
    return 0;
}

static void reopen(struct daemon *d)
{
    struct edge *e = daemon_app(d);
    if (e->access_log != NULL)
        sink_reopen(e->access_log);
}

static void worker_drain(struct daemon *d, struct worker *w)
{
    (void)d;
    edge_worker_drain(w->state);
}

static void worker_stop(struct daemon *d, struct worker *w)
{
    (void)d;
    edge_worker_stop(w->state);
}

static const struct counter_table *const counters[] = {
    &req_counter_table,    &fetcher_counter_table,    &store_counter_table,
    &server_counter_table, &access_log_counter_table, NULL};

const struct daemon_program edge_program = {
    .name = "byeori-edge",
    .has_disks = true,
    .options = &edge_section,
    .counters = counters,
    .check = edge_config_check,
    .rehearse = edge_config_rehearse,
    .start = start,
    .worker_start = worker_start,
    .ready = ready,
    .fixed = fixed_names,
    .reload = reload,
    .reopen = reopen,
    .worker_drain = worker_drain,
    .worker_stop = worker_stop,
    .stop = stop,
    .workers_offset = offsetof(struct edge_config, workers),
    .drain_offset = offsetof(struct edge_config, drain_ms),
    .log_level_offset = offsetof(struct edge_config, log_level),
};
