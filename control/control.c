/* SPDX-License-Identifier: MIT
 *
 * The parts of byeori-control and their order: state, registry, purge log, ledger, the state's
 * thread, listeners, an API worker for each worker. Nothing else knows this list.
 *
 * The main thread's loop judges silence (TICK_MS) and has what nodes reported, and the ledger,
 * made durable every SAVE_MS (changes of health at once); operators' changes are durable before
 * they are acknowledged. */
#include "control/control.h"

#include "control/api/api.h"
#include "control/api/api_audit.h"
#include "control/api/api_history.h"
#include "control/api/api_status.h"
#include "control/api/auth.h"
#include "control/api/config_commit.h"
#include "control/billing/ledger.h"
#include "control/control_options.h"
#include "control/control_rules.h"
#include "control/dns/dns_server.h"
#include "control/registry/probe.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/daemon/listen.h"
#include "lib/daemon/metrics_text.h"
#include "lib/web/server_counters.h"

#include <inttypes.h>

#define TICK_MS     250
#define SAVE_MS     5000
#define SNAPSHOT_MS 10000
#define PRUNE_MS    600000
#define SAVE_NODES  64 /* in one commit: an operator's change waits no longer than that takes */

#define OPERATOR_BURST_S 5

/* What nodes reported and used, on its way to the state; one at a time. */
struct save {
    struct state_job job; /* first */
    struct control *control;
    bool is_running;
    bool is_last;  /* everything, at once */
    bool has_more; /* than one commit of nodes took */
};

struct control {
    struct daemon *daemon;
    struct option_config *config; /* in force; the daemon's, which keeps earlier ones too */
    struct api api;
    struct listen_set *routers, *apis;
    struct certificates *certificates;
    struct dns_server *dns;
    struct registry_view dns_picture; /* what the dns server's atlas is made from */
    struct api_config *dns_config;
    struct geo_view dns_geo;
    struct probes *probes;
    struct admin_base *admin;
    struct timer tick;
    uint64_t rules_version; /* of the document whose routing rules count; 0: none */
    msec_t saved_at;
    msec_t snapshot_at, pruned_at; /* the state's thread */
    struct save save, last_save;
};

static const struct counter_table *const counter_tables[] = {
    &api_counter_table, &server_counter_table, &dns_counter_table, NULL};

static const struct control_options *options_of(struct option_config *config)
{
    return option_record(config);
}

static int check(struct option_config *config, struct buf *why)
{
    return control_options_check(config, why);
}

static int rehearse(struct option_config *config, struct buf *why)
{
    const struct control_options *o = options_of(config);
    bool is_good = o->routes_only || daemon_may_keep(config, o, "state", o->state, why);
    is_good &= daemon_may_keep(config, o, "snapshot", o->snapshot, why);
    return is_good ? 0 : ERR_CONFIG;
}

/* ---- routing rules ---- */

/* The configuration of the file and the routing rules of a document (NULL: none). 0 or ERR_*. */
static int swap_config(struct control *c, struct option_config *from,
                       const struct rollout_document *d, struct buf *why)
{
    struct api_config *fresh = NULL;
    struct span document = d != NULL ? rollout_document_text(d, false) : SPAN_NONE;
    int err = control_options_config(from, document, &fresh, why);
    if (err == 0)
        api_config_swap(&c->api.config, fresh);
    return err;
}

/* Rules count from when their version is stable. Those of a version that cannot be used (it was
 * checked when it was put) leave the old ones as they are. */
static void tend_rules(struct control *c)
{
    struct rollout_document *d = rollout_stable_document(c->api.rollout);
    struct buf why;
    if (d == NULL || rollout_document_version(d) == c->rules_version) {
        rollout_document_unref(&d);
        return;
    }
    buf_init(&why, 4096);
    c->rules_version = rollout_document_version(d);
    if (swap_config(c, c->config, d, &why) != 0)
        LOG_WARN("rules-not-used", "version=%" PRIu64 " why=\"%.*s\"", c->rules_version,
                 SPAN_FMT(buf_span(&why)));
    buf_finish(&why);
    rollout_document_unref(&d);
}

/* ---- the main thread's work ---- */

/* true: there may be more. */
static bool save_nodes(struct control *c, struct state *s)
{
    struct arena mem;
    arena_init(&mem, SIZE_MAX);
    struct state_change *changes = arena_alloc(&mem, SAVE_NODES * sizeof *changes);
    size_t count = registry_seen_changes(c->api.registry, changes, SAVE_NODES, &mem);
    if (count > 0 && state_commit(s, changes, count) != 0)
        LOG_WARN_LIMITED("nodes-not-saved", "nodes=%zu", count);
    arena_finish(&mem);
    return count == SAVE_NODES;
}

static void save_snapshot(struct control *c, struct state *s)
{
    const char *file = options_of(c->config)->snapshot;
    msec_t now = clock_mono_ms();
    if (file[0] == '\0' || (c->snapshot_at > 0 && now - c->snapshot_at < SNAPSHOT_MS))
        return;
    c->snapshot_at = now;
    int err = state_snapshot(s, file);
    if (err != 0)
        LOG_WARN_LIMITED("snapshot-not-written", "file=%s error=\"%s\"", file, err_text(err));
}

static void prune_usage(struct control *c, struct state *s)
{
    msec_t now = clock_mono_ms();
    bool has_more = false;
    if (c->pruned_at > 0 && now - c->pruned_at < PRUNE_MS)
        return;
    int err = ledger_prune(s, clock_wall_ms(), options_of(c->config)->usage_keep_ms, &has_more);
    if (err != 0)
        LOG_WARN_LIMITED("ledger-not-pruned", "error=\"%s\"", err_text(err));
    if (!has_more)
        c->pruned_at = now;
}

static void run_save(struct state_job *job, struct state *s)
{
    struct save *save = CONTAINER_OF(job, struct save, job);
    struct control *c = save->control;
    do
        save->has_more = save_nodes(c, s);
    while (save->has_more && save->is_last);
    if (!save->has_more && ledger_flush(c->api.ledger, s, clock_wall_ms()) != 0)
        LOG_WARN_LIMITED("ledger-not-saved", "note=\"kept in memory, tried again\"");
    save_snapshot(c, s);
    prune_usage(c, s);
}

static void save_done(struct state_job *job);

static void start_save(struct control *c)
{
    if (c->save.is_running)
        return;
    c->save = (struct save){.job = {.run = run_save, .done = save_done}, .control = c};
    c->save.is_running =
        state_queue_submit(c->api.queue, daemon_loop(c->daemon), &c->save.job) == 0;
}

/* What is left waits behind the operators' changes that came meanwhile. */
static void save_done(struct state_job *job)
{
    struct save *save = CONTAINER_OF(job, struct save, job);
    save->is_running = false;
    if (save->has_more && !save->is_last)
        start_save(save->control);
}

static struct dns_view dns_view_of(const struct picture *picture, const struct api_config *config,
                                   const struct geo_set *geo)
{
    return (struct dns_view){picture, geo, &config->rules, config->version << 32 | geo->version};
}

static struct dns_view view_for_atlas(void *ctx)
{
    struct control *c = ctx;
    return dns_view_of(registry_view_now(&c->dns_picture),
                       api_config_now(&c->api.config, &c->dns_config), geo_view_now(&c->dns_geo));
}

static struct dns_view view_for_worker(void *ctx)
{
    struct api_worker *w = ctx;
    return dns_view_of(api_worker_picture(w), api_worker_config(w), geo_view_now(&w->geo));
}

static void tend_state(struct control *c, msec_t now)
{
    bool is_urgent = registry_tick(c->api.registry, now);
    if (is_urgent || now - c->saved_at >= SAVE_MS) {
        c->saved_at = now;
        start_save(c);
    }
    api_history_tick(&c->api, daemon_loop(c->daemon));
}

static void on_tick(struct timer *t)
{
    struct control *c = CONTAINER_OF(t, struct control, tick);
    msec_t now = loop_now(daemon_loop(c->daemon));
    if (!c->api.routes_only)
        tend_state(c, now);
    tend_rules(c);
    dns_server_look(c->dns, view_for_atlas, c);
    timer_set(&c->tick, TICK_MS);
}

/* ---- start and stop ---- */

static int load_state(struct control *c, struct state *s, struct buf *why)
{
    const struct control_options *o = options_of(c->config);
    int err = registry_load(c->api.registry, s, clock_mono_ms());
    if (err == 0)
        err = purge_log_open(&c->api.purges, s, (size_t)o->purge_keep);
    if (err == 0)
        err = prefill_log_open(&c->api.prefills, s);
    if (err == 0)
        err = ledger_load(c->api.ledger, s, clock_wall_ms());
    if (err == 0)
        err = config_load(&c->api, s, why);
    if (err == 0)
        err = tokens_load(c->api.tokens, s);
    if (err == 0)
        err = audit_open(&c->api.audit, s, (uint64_t)o->audit_keep);
    if (err != 0)
        buf_printf(why, "%s: %s\n", o->state, err_text(err));
    return err;
}

static int open_state(struct control *c, struct buf *why)
{
    const struct control_options *o = options_of(c->config);
    struct seal_keys *keys = NULL;
    struct arena mem;
    struct state *s;
    int err = o->secret_key_file[0] != '\0' ? seal_keys_read(&keys, o->secret_key_file, why) : 0;
    if (err == 0)
        err = state_sqlite_open(&s, o->state, why);
    if (err != 0) {
        seal_keys_destroy(&keys);
        return err;
    }
    c->api.registry = registry_create(&health_rules_default);
    struct plan_rules rules = control_options_rollout(o);
    c->api.rollout = rollout_create(&rules);
    c->api.papers = papers_create();
    c->api.secrets = secrets_create(keys);
    c->api.ledger = ledger_create();
    c->api.tokens = tokens_create();
    c->api.wrong_tokens = limit_create(AUTH_WRONG_PER_S, AUTH_WRONG_BURST);
    c->api.callers = limit_create(o->operator_rate, OPERATOR_BURST_S * o->operator_rate);
    arena_init(&mem, 64 << 20);
    struct registry_file file = control_options_file(o, &mem);
    registry_set_file(c->api.registry, &file);
    arena_finish(&mem);
    err = load_state(c, s, why);
    if (err == 0)
        c->api.queue = state_queue_create(s);
    else
        state_close(&s);
    return err;
}

static int bind_all(struct control *c, struct buf *why)
{
    const struct control_options *o = options_of(c->config);
    struct listen_bind_spec spec = {.listens = &o->routers,
                                    .workers = daemon_worker_count(c->daemon)};
    struct certificates_spec certificates = {&o->certificates, &o->tls};
    int err = certificates_create(&c->certificates, daemon_loop(c->daemon), &certificates, why);
    spec.certificates = c->certificates;
    if (err == 0)
        err = listen_bind(&c->routers, &spec, why);
    spec.listens = &o->apis;
    if (err == 0)
        err = listen_bind(&c->apis, &spec, why);
    if (err == 0)
        err = dns_server_bind(&c->dns, &o->zones, daemon_loop(c->daemon), spec.workers, why);
    return err;
}

static void write_metrics(void *app, struct buf *out)
{
    api_status_write_metrics(&((struct control *)app)->api, out);
}

static void write_dns_metrics(void *ctx, struct buf *out)
{
    struct control *c = ctx;
    int workers = daemon_worker_count(c->daemon);
    const void **records = mem_zarray((size_t)workers, sizeof *records);
    for (int i = 0; i < workers; i++)
        records[i] = dns_server_counters(c->dns, i);
    metrics_counters(&dns_counter_table, records, (size_t)workers, out);
    mem_free(records);
    certificates_write_metrics(c->certificates, out);
}

static int start_admin(struct control *c, struct buf *why)
{
    struct admin_base_spec spec = {.options = &options_of(c->config)->admin,
                                   .certificates = c->certificates,
                                   .app = c,
                                   .metrics = write_metrics};
    return admin_base_start(&c->admin, daemon_loop(c->daemon), &spec, why);
}

static void start_geo(struct control *c)
{
    struct geo_follow_spec spec;
    struct arena mem;
    arena_init(&mem, 1 << 20);
    control_rules_geo(options_of(c->config), &spec, &mem);
    c->api.geo = geo_follow_create(&spec);
    geo_view_init(&c->dns_geo, c->api.geo);
    arena_finish(&mem);
}

static int start_parts(struct control *c, struct buf *why)
{
    int err = bind_all(c, why);
    if (err == 0)
        err = open_state(c, why);
    if (err == 0)
        err = swap_config(c, c->config, NULL, why);
    if (err == 0) {
        tend_rules(c);
        start_geo(c);
    }
    registry_view_init(&c->dns_picture, c->api.registry);
    if (err == 0)
        c->probes = probes_create(daemon_loop(c->daemon), c->api.registry,
                                  options_of(c->config)->probe_every_ms,
                                  options_of(c->config)->probe_timeout_ms);
    return err == 0 ? start_admin(c, why) : err;
}

/* The last save is queued before the state's thread ends, so nothing that was heard is lost. */
static void stop(struct daemon *d)
{
    struct control *c = daemon_app(d);
    timer_finish(&c->tick);
    probes_destroy(&c->probes);
    admin_base_stop(&c->admin);
    if (c->api.queue != NULL && !c->api.routes_only) {
        c->last_save = (struct save){
            .job = {.run = run_save, .done = save_done}, .control = c, .is_last = true};
        if (state_queue_submit(c->api.queue, daemon_loop(d), &c->last_save.job) != 0)
            LOG_WARN("not-saved", "note=\"the state's queue is full\"");
    }
    state_queue_destroy(&c->api.queue);
    loop_deliver(daemon_loop(d)); /* what its last jobs have to give back */
    api_workers_free(&c->api);
    dns_server_destroy(&c->dns);
    registry_view_finish(&c->dns_picture);
    api_config_unref(&c->dns_config);
    geo_view_finish(&c->dns_geo);
    geo_follow_destroy(&c->api.geo);
    listen_destroy(&c->routers);
    listen_destroy(&c->apis);
    certificates_destroy(&c->certificates);
    purge_log_close(&c->api.purges);
    prefill_log_close(&c->api.prefills);
    ledger_destroy(&c->api.ledger);
    rollout_destroy(&c->api.rollout);
    papers_destroy(&c->api.papers);
    secrets_destroy(&c->api.secrets);
    tokens_destroy(&c->api.tokens);
    audit_close(&c->api.audit);
    limit_destroy(&c->api.wrong_tokens);
    limit_destroy(&c->api.callers);
    registry_destroy(&c->api.registry);
}

static int start(struct daemon *d, struct option_config *config, struct buf *why)
{
    struct control *c = daemon_app(d);
    c->daemon = d;
    c->config = config;
    c->api.routes_only = options_of(config)->routes_only;
    c->api.started_wall_ms = daemon_started_wall(d);
    c->api.other_metrics = write_dns_metrics;
    c->api.other_ctx = c;
    timer_init(&c->tick, daemon_loop(d), on_tick);
    int err = start_parts(c, why);
    if (err != 0) {
        stop(d);
        return err;
    }
    c->api.workers = mem_zarray((size_t)daemon_worker_count(d), sizeof *c->api.workers);
    for (int i = 0; i < daemon_worker_count(d); i++)
        api_worker_create(&c->api, daemon_worker(d, i)->loop, i);
    c->api.worker_count = daemon_worker_count(d);
    c->saved_at = clock_mono_ms();
    timer_set(&c->tick, TICK_MS);
    return 0;
}

static void *worker_start(struct daemon *d, struct worker *w)
{
    struct control *c = daemon_app(d);
    struct api_worker *aw = c->api.workers[w->index];
    api_worker_start(aw);
    listen_start(c->routers, w->index, w->loop, aw->router_server);
    listen_start(c->apis, w->index, w->loop, aw->api_server);
    dns_server_start(c->dns, w->index, w->loop, view_for_worker, aw);
    return aw;
}

static void stop_listening(struct control *c, struct worker *w)
{
    listen_stop(c->routers, w->index);
    listen_stop(c->apis, w->index);
    dns_server_stop(c->dns, w->index);
}

static void on_idle(void *ctx)
{
    struct worker *w = ctx;
    daemon_worker_drained(w->daemon, w);
}

static void worker_drain(struct daemon *d, struct worker *w)
{
    stop_listening(daemon_app(d), w);
    api_worker_drain(w->state, on_idle, w);
}

static void worker_stop(struct daemon *d, struct worker *w)
{
    stop_listening(daemon_app(d), w);
    api_worker_stop(w->state);
}

/* ---- reload ---- */

static const char *const fixed_names[] = {
    "state",      "snapshot",   "routes_only",   "workers",
    "purge_keep", "audit_keep", "operator_rate", "secret_key_file",
    "router",     "api",        "dns",           "admin",
    NULL};

static int reload(struct daemon *d, struct option_config *config, struct buf *why)
{
    struct control *c = daemon_app(d);
    const struct control_options *o = options_of(config);
    struct certificates_spec certificates = {&o->certificates, &o->tls};
    struct rollout_document *rules = rollout_stable_document(c->api.rollout);
    int err = certificates_reload(c->certificates, &certificates, why);
    if (err == 0)
        err = swap_config(c, config, rules, why);
    rollout_document_unref(&rules);
    if (err != 0)
        return err;
    struct arena mem;
    arena_init(&mem, 64 << 20);
    struct registry_file nodes = control_options_file(o, &mem);
    registry_set_file(c->api.registry, &nodes);
    struct geo_follow_spec geo;
    control_rules_geo(o, &geo, &mem);
    geo_follow_set(c->api.geo, &geo);
    probes_set(c->probes, o->probe_every_ms, o->probe_timeout_ms);
    arena_finish(&mem);
    struct plan_rules plan = control_options_rollout(o);
    rollout_set_rules(c->api.rollout, &plan);
    c->config = config;
    api_audit_note(&c->api, daemon_loop(d), "configuration file", "reload");
    return 0;
}

struct control *control_create(void)
{
    struct control *c = mem_zalloc(sizeof *c);
    api_config_box_init(&c->api.config);
    return c;
}

void control_destroy(struct control **pc)
{
    struct control *c = *pc;
    *pc = NULL;
    api_config_box_finish(&c->api.config);
    mem_free(c);
}

const struct daemon_program control_program = {
    .name = "byeori-control",
    .options = &control_section,
    .counters = counter_tables,
    .check = check,
    .rehearse = rehearse,
    .start = start,
    .worker_start = worker_start,
    .fixed = fixed_names,
    .reload = reload,
    .worker_drain = worker_drain,
    .worker_stop = worker_stop,
    .stop = stop,
    .workers_offset = OPTION_FIELD(struct control_options, workers),
    .drain_offset = OPTION_FIELD(struct control_options, drain_ms),
    .log_level_offset = OPTION_FIELD(struct control_options, log_level),
};
