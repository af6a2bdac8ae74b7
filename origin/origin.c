/* SPDX-License-Identifier: MIT
 *
 * The parts of byeori-origin and their order: connector, I/O threads, a server and a face for each
 * worker, listeners, admin. Nothing else knows this list. */
#include "origin/origin.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/daemon/metrics_text.h"
#include "lib/net/iopool.h"
#include "lib/web/server_counters.h"
#include "origin/connect/release.h"
#include "origin/connect/storage_options.h"
#include "origin/origin_options.h"
#include "origin/origin_store.h"
#include "origin/serve/serve.h"

/* What a worker has; made and freed on its thread, its counters read from the main thread. */
struct origin_worker {
    struct worker *worker;
    struct daemon *daemon;
    struct serve serve;
    struct server *server;
};

/* A new configuration on its way to one worker. */
struct origin_news {
    struct mail mail; /* first */
    struct origin_worker *to;
    const struct origin_options *options;
};

struct origin {
    struct daemon *daemon;
    struct option_config *config; /* in force; the daemon's, which keeps earlier ones too */
    struct iopool *io;
    struct connector *connector;
    struct gate *gate; /* before a storage across a network; else NULL */
    struct listen_set *listens;
    struct certificates *certificates;
    struct admin_base *admin;
    struct origin_worker **workers; /* filled by each worker's thread */
};

static const struct counter_table *const counter_tables[] = {&serve_counter_table,
                                                             &server_counter_table, NULL};

static const struct origin_options *options_of(struct option_config *config)
{
    return option_record(config);
}

static struct server_config server_config_of(const struct origin_options *o)
{
    struct server_config c = server_config_default;
    c.idle_ms = o->idle_ms;
    c.stall_ms = o->stall_ms;
    c.conns = (uint32_t)o->conns;
    return c;
}

static int check(struct option_config *config, struct buf *why)
{
    return origin_options_check(config, why);
}

static void write_metrics(void *app, struct buf *out)
{
    struct origin *o = app;
    size_t count = (size_t)daemon_worker_count(o->daemon), n = 0;
    const void **serves = mem_zarray(count, sizeof *serves);
    const void **servers = mem_zarray(count, sizeof *servers);
    for (size_t i = 0; i < count; i++) {
        if (o->workers[i] == NULL)
            continue;
        serves[n] = &o->workers[i]->serve.counters;
        servers[n++] = server_counters_of(o->workers[i]->server);
    }
    metrics_counters(&serve_counter_table, serves, n, out);
    metrics_counters(&server_counter_table, servers, n, out);
    certificates_write_metrics(o->certificates, out);
    metrics_process(daemon_started_wall(o->daemon), out);
    mem_free(serves);
    mem_free(servers);
}

static struct gate *gate_of(const struct storage_options *s)
{
    struct gate_spec spec = {.reads = s->reads,
                             .reads_per_key = s->reads_per_key,
                             .queue = s->queue,
                             .wait_ms = s->wait_ms,
                             .key_wait_ms = s->key_wait_ms};
    return gate_create(&spec);
}

/* The storage that the options name, and releases before it. */
static int open_store(struct origin *o, const struct origin_options *opt, struct buf *why)
{
    int err = origin_store_open(&o->connector, opt, option_file(o->config), o->io, why);
    if (err == 0 && opt->storages.count > 0)
        o->gate = gate_of(opt->storages.v);
    if (err == 0 && opt->releases_ms > 0) {
        struct release_spec releases = {o->connector, o->io, opt->releases_ms, &opt->mirrors};
        o->connector = release_create(&releases);
    }
    return err;
}

static int start_parts(struct origin *o, struct buf *why)
{
    const struct origin_options *opt = options_of(o->config);
    struct listen_bind_spec bind = {.listens = &opt->listens,
                                    .workers = daemon_worker_count(o->daemon)};
    struct admin_base_spec admin = {.options = &opt->admin, .app = o, .metrics = write_metrics};
    o->io = iopool_create((int)opt->io_threads, (size_t)opt->io_queue);
    struct certificates_spec certificates = {&opt->certificates, &opt->tls};
    int err = open_store(o, opt, why);
    if (err == 0)
        err = certificates_create(&o->certificates, daemon_loop(o->daemon), &certificates, why);
    bind.certificates = admin.certificates = o->certificates;
    if (err == 0)
        err = listen_bind(&o->listens, &bind, why);
    if (err == 0)
        err = admin_base_start(&o->admin, daemon_loop(o->daemon), &admin, why);
    return err;
}

static void stop(struct daemon *d)
{
    struct origin *o = daemon_app(d);
    admin_base_stop(&o->admin);
    listen_destroy(&o->listens);
    certificates_destroy(&o->certificates);
    iopool_destroy(&o->io);
    connector_destroy(&o->connector);
    gate_destroy(&o->gate);
    for (int i = 0; o->workers != NULL && i < daemon_worker_count(d); i++)
        mem_free(o->workers[i]);
    mem_free(o->workers);
    o->workers = NULL;
}

static int start(struct daemon *d, struct option_config *config, struct buf *why)
{
    struct origin *o = daemon_app(d);
    o->daemon = d;
    o->config = config;
    o->workers = mem_zarray((size_t)daemon_worker_count(d), sizeof *o->workers);
    int err = start_parts(o, why);
    if (err != 0)
        stop(d);
    return err;
}

static void *worker_start(struct daemon *d, struct worker *w)
{
    struct origin *o = daemon_app(d);
    const struct origin_options *opt = options_of(o->config);
    struct server_config config = server_config_of(opt);
    struct origin_worker *ow = mem_zalloc(sizeof *ow);
    ow->worker = w;
    ow->daemon = d;
    ow->serve.connector = o->connector;
    ow->serve.gate = o->gate;
    connector_enter(o->connector, w->loop);
    ow->serve.rules = &opt->rules;
    ow->serve.index = opt->index;
    ow->server = server_create(w->loop, &config, serve_request, &ow->serve);
    listen_start(o->listens, w->index, w->loop, ow->server);
    o->workers[w->index] = ow;
    return ow;
}

static void on_drained(void *ctx)
{
    struct origin_worker *ow = ctx;
    daemon_worker_drained(ow->daemon, ow->worker);
}

static void worker_drain(struct daemon *d, struct worker *w)
{
    struct origin *o = daemon_app(d);
    struct origin_worker *ow = w->state;
    listen_stop(o->listens, w->index);
    server_drain(ow->server, on_drained, ow);
}

static void worker_stop(struct daemon *d, struct worker *w)
{
    struct origin *o = daemon_app(d);
    struct origin_worker *ow = w->state;
    listen_stop(o->listens, w->index);
    server_destroy(&ow->server);
    loop_deliver(w->loop); /* who was called at the gate while all this ended */
    connector_leave(o->connector, w->loop);
}

/* Everything else of a file can change while it runs: rules, index, time-outs, certificates. */
static const char *const fixed_names[] = {"folder",   "storage",    "mirrors",  "releases",
                                          "sendfile", "io_threads", "io_queue", "workers",
                                          "listen",   "admin",      NULL};

static void take_news(struct mail *m)
{
    struct origin_news *news = CONTAINER_OF(m, struct origin_news, mail);
    struct origin_worker *ow = news->to;
    const struct origin_options *opt = news->options;
    struct server_config config = server_config_of(opt);
    ow->serve.rules = &opt->rules;
    ow->serve.index = opt->index;
    server_set_config(ow->server, &config);
    mem_free(news);
}

static int reload(struct daemon *d, struct option_config *config, struct buf *why)
{
    struct origin *o = daemon_app(d);
    const struct origin_options *opt = options_of(config);
    struct certificates_spec certificates = {&opt->certificates, &opt->tls};
    int err = certificates_reload(o->certificates, &certificates, why);
    if (err != 0)
        return err;
    o->config = config;
    for (int i = 0; i < daemon_worker_count(d); i++) {
        struct origin_news *news = mem_zalloc(sizeof *news);
        news->to = o->workers[i];
        news->options = opt;
        mailbox_post(loop_mailbox(daemon_worker(d, i)->loop), &news->mail, take_news);
    }
    return 0;
}

const struct daemon_program origin_program = {
    .name = "byeori-origin",
    .options = &origin_section,
    .counters = counter_tables,
    .check = check,
    .start = start,
    .worker_start = worker_start,
    .fixed = fixed_names,
    .reload = reload,
    .worker_drain = worker_drain,
    .worker_stop = worker_stop,
    .stop = stop,
    .workers_offset = offsetof(struct origin_options, workers),
    .drain_offset = offsetof(struct origin_options, drain_ms),
    .log_level_offset = offsetof(struct origin_options, log_level),
};

struct origin *origin_create(void)
{
    return mem_zalloc(sizeof(struct origin));
}

void origin_destroy(struct origin **po)
{
    struct origin *o = *po;
    *po = NULL;
    mem_free(o);
}
