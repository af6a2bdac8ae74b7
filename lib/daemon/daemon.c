/* SPDX-License-Identifier: MIT
 * The life of a program:
 *
 *   LOADING -> STARTING -> RUNNING -> DRAINING -> ENDING -> (exit)
 *   LOADING   configuration read and checked                  load()
 *   STARTING  program.start, then a thread for each worker    start_workers()
 *   RUNNING   every worker said that it has started           on_started()
 *   DRAINING  stop asked: workers finish what they have       begin_drain()
 *   ENDING    all drained, or the bound of time has passed    begin_end()
 *
 * The main thread owns this record and moves the phase; workers are told by mail and answer by
 * mail. Signals are the main thread's alone. What a program serves is not known here. */
#include "lib/daemon/daemon.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/sink.h"
#include "lib/base/thread.h"
#include "lib/base/whole_file.h"
#include "lib/daemon/arguments.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define WHY_MAX_BYTES ((size_t)1 << 20)
#define LOG_MAX_BYTES ((size_t)4 << 20)
#define WORKERS_MAX   256 /* as the programs let configurations say; cores may be more */
#define EXIT_OK       0
#define EXIT_NO_START 1
#define EXIT_USAGE    2

enum phase { LOADING, STARTING, RUNNING, DRAINING, ENDING };

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

/* A worker with its thread and the mail between it and the main thread. */
struct slot {
    struct worker worker;
    pthread_t thread;
    struct mail started, drain, drained, end, ended;
};

/* Configurations that were in force stay until the end: what was built from them may still point
 * into them, and they are small. */
struct retired {
    struct retired *next;
    struct option_config *config;
};

struct daemon {
    /* constant once the workers run */
    const struct daemon_program *program;
    void *app;
    const char *config_file;
    bool is_reformat, is_rehearsal;
    struct loop *loop;
    struct slot *slots;
    int worker_count;
    msec_t started_wall;
    /* the main thread's */
    enum phase phase;
    bool is_reload_due; /* asked for before it ran */
    struct option_config *config;
    struct retired *retired;
    struct event *signal_events[ARRAY_LEN(signals)];
    struct timer drain_timer;
    int running_count, started_count, drained_count, ended_count;
    int exit_code;
    struct sink *log;
    /* any thread */
    struct mail stop_mail;
    atomic_bool is_stop_asked, is_stopping;
};

static void print(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n <= 0)
            return;
        text = span_skip(text, (size_t)n);
    }
}

/* The lines of `why`, each as an event of its own. */
static void log_why(const char *event, struct buf *why)
{
    struct span rest = buf_span(why);
    for (size_t i = 0; i < why->n; i++)
        if (why->p[i] == '"') /* a quote inside would end the value */
            why->p[i] = '\'';
    while (rest.n > 0) {
        struct span line = span_cut(rest, '\n', &rest);
        if (line.n > 0)
            LOG_ERROR(event, "why=\"%.*s\"", SPAN_FMT(line));
    }
}

static int load(const struct daemon *d, struct option_config **out, struct buf *why)
{
    const struct daemon_program *p = d->program;
    int e = option_load(out, p->options, d->config_file, why);
    if (e != 0)
        return e;
    if (p->check != NULL)
        e = p->check(*out, why);
    if (d->is_rehearsal && p->rehearse != NULL && p->rehearse(*out, why) != 0)
        e = ERR_CONFIG;
    if (e != 0)
        option_free(out);
    return e;
}

static const void *field(const struct daemon *d, size_t offset)
{
    return (const char *)option_record(d->config) + offset;
}

static int64_t number(const struct daemon *d, size_t offset)
{
    return *(const int64_t *)field(d, offset);
}

static void apply_log_level(const struct daemon *d)
{
    int level = *(const int *)field(d, d->program->log_level_offset);
    log_set_level((enum log_level)level);
}

static int wanted_workers(const struct daemon *d)
{
    int64_t n = number(d, d->program->workers_offset);
    cpu_set_t cores;
    if (n == 0)
        n = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
    return n < WORKERS_MAX ? (int)n : WORKERS_MAX;
}

/* ---- end ---- */

static void on_ended(struct mail *m)
{
    struct daemon *d = CONTAINER_OF(m, struct slot, ended)->worker.daemon;
    if (++d->ended_count == d->running_count)
        loop_stop(d->loop);
}

/* On the worker's thread. */
static void end_worker(struct mail *m)
{
    struct worker *w = &CONTAINER_OF(m, struct slot, end)->worker;
    w->daemon->program->worker_stop(w->daemon, w);
    loop_stop(w->loop);
}

static void begin_end(struct daemon *d)
{
    if (d->phase == ENDING)
        return;
    d->phase = ENDING;
    timer_stop(&d->drain_timer);
    for (int i = 0; i < d->running_count; i++)
        mailbox_post(loop_mailbox(d->slots[i].worker.loop), &d->slots[i].end, end_worker);
    if (d->running_count == 0)
        loop_stop(d->loop);
}

static void on_drain_bound(struct timer *t)
{
    struct daemon *d = CONTAINER_OF(t, struct daemon, drain_timer);
    LOG_WARN("drain-cut", "workers_left=%d", d->running_count - d->drained_count);
    begin_end(d);
}

static void on_drained(struct mail *m)
{
    struct daemon *d = CONTAINER_OF(m, struct slot, drained)->worker.daemon;
    if (++d->drained_count == d->running_count)
        begin_end(d);
}

void daemon_worker_drained(struct daemon *d, struct worker *w)
{
    struct slot *s = CONTAINER_OF(w, struct slot, worker);
    CHECK_OBJ(w, WORKER_MAGIC);
    mailbox_post(loop_mailbox(d->loop), &s->drained, on_drained);
}

/* On the worker's thread. */
static void drain_worker(struct mail *m)
{
    struct worker *w = &CONTAINER_OF(m, struct slot, drain)->worker;
    w->daemon->program->worker_drain(w->daemon, w);
}

static void begin_drain(struct daemon *d)
{
    if (d->phase >= DRAINING)
        return;
    int64_t bound_ms = number(d, d->program->drain_offset);
    d->phase = DRAINING;
    atomic_store(&d->is_stopping, true);
    LOG_INFO("stopping", "drain_ms=%lld", (long long)bound_ms);
    timer_set(&d->drain_timer, bound_ms);
    for (int i = 0; i < d->running_count; i++)
        mailbox_post(loop_mailbox(d->slots[i].worker.loop), &d->slots[i].drain, drain_worker);
    if (d->running_count == 0)
        begin_end(d);
}

static void on_stop_mail(struct mail *m)
{
    begin_drain(CONTAINER_OF(m, struct daemon, stop_mail));
}

void daemon_request_stop(struct daemon *d)
{
    if (!atomic_exchange(&d->is_stop_asked, true))
        mailbox_post(loop_mailbox(d->loop), &d->stop_mail, on_stop_mail);
}

/* ---- signals ---- */

static void reload(struct daemon *d)
{
    struct option_config *fresh = NULL;
    struct buf why;
    d->is_reload_due = d->phase < RUNNING;
    if (d->phase != RUNNING)
        return;
    buf_init(&why, WHY_MAX_BYTES);
    int e = load(d, &fresh, &why);
    if (e == 0 && d->program->fixed != NULL)
        e = option_refuse_changed(d->program->options, d->config, fresh, d->program->fixed, &why);
    if (e == 0 && d->program->reload != NULL)
        e = d->program->reload(d, fresh, &why);
    if (e != 0) {
        log_why("reload-refused", &why);
        LOG_ERROR("reload-refused", "file=%s error=\"%s\" kept=running", d->config_file,
                  err_text(e));
        option_free(&fresh);
    } else {
        struct retired *r = mem_alloc(sizeof(*r));
        *r = (struct retired){.next = d->retired, .config = d->config};
        d->retired = r;
        d->config = fresh;
        apply_log_level(d);
        LOG_INFO("reloaded", "file=%s", d->config_file);
    }
    buf_finish(&why);
}

static void on_stop_signal(struct daemon *d)
{
    switch (d->phase) {
    case LOADING:
    case STARTING:
    case RUNNING:
        begin_drain(d);
        return;
    case DRAINING:
        LOG_WARN("stopping-at-once", "workers_left=%d", d->running_count - d->drained_count);
        begin_end(d);
        return;
    case ENDING: /* somebody is stuck: the operator has asked three times */
        _exit(EXIT_NO_START);
    }
}

static void on_signal(evutil_socket_t number_, short what, void *ctx)
{
    struct daemon *d = ctx;
    (void)what;
    switch (number_) {
    case SIGHUP:
        reload(d);
        return;
    case SIGUSR1:
        if (d->program->reopen != NULL)
            d->program->reopen(d);
        return;
    default:
        on_stop_signal(d);
    }
}

static void watch_signals(struct daemon *d)
{
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        d->signal_events[i] = evsignal_new(loop_base(d->loop), signals[i], on_signal, d);
        CHECK(d->signal_events[i] != NULL && event_add(d->signal_events[i], NULL) == 0);
    }
}

/* ---- start ---- */

static void on_started(struct mail *m)
{
    struct daemon *d = CONTAINER_OF(m, struct slot, started)->worker.daemon;
    if (++d->started_count < d->worker_count || d->phase != STARTING)
        return;
    d->phase = RUNNING;
    if (d->program->ready != NULL)
        d->program->ready(d);
    LOG_INFO("started", "program=%s version=" BYEORI_VERSION " pid=%d workers=%d", d->program->name,
             (int)getpid(), d->worker_count);
    if (d->is_reload_due)
        reload(d);
}

static void *run_worker(void *ctx)
{
    struct slot *s = ctx;
    struct worker *w = &s->worker;
    struct mailbox *home = loop_mailbox(w->daemon->loop);
    w->state = w->daemon->program->worker_start(w->daemon, w);
    mailbox_post(home, &s->started, on_started);
    loop_run(w->loop);
    mailbox_post(home, &s->ended, on_ended);
    return NULL;
}

/* Loops are made before program.start, which may want to post to them. */
static int make_loops(struct daemon *d)
{
    d->loop = loop_create();
    d->worker_count = wanted_workers(d);
    d->slots = mem_zarray((size_t)d->worker_count, sizeof(*d->slots));
    for (int i = 0; i < d->worker_count; i++) {
        struct worker *w = &d->slots[i].worker;
        *w = (struct worker){.magic = WORKER_MAGIC, .index = i, .daemon = d};
        w->loop = loop_create();
        if (w->loop == NULL)
            return ERR_IO;
    }
    if (d->loop == NULL)
        return ERR_IO;
    timer_init(&d->drain_timer, d->loop, on_drain_bound);
    return 0;
}

static void start_workers(struct daemon *d)
{
    int e = 0;
    while (d->running_count < d->worker_count && e == 0) {
        struct slot *s = &d->slots[d->running_count];
        char name[24];
        snprintf(name, sizeof(name), "worker-%d", d->running_count);
        e = thread_start(&s->thread, run_worker, s, name);
        d->running_count += e == 0;
    }
    if (e != 0) {
        LOG_ERROR("start-failed", "worker=%d error=\"%s\"", d->running_count, strerrordesc_np(e));
        d->exit_code = EXIT_NO_START;
        daemon_request_stop(d);
    }
}

static void finish(struct daemon *d)
{
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if (d->signal_events[i] != NULL)
            event_free(d->signal_events[i]);
    timer_finish(&d->drain_timer);
    for (int i = 0; i < d->worker_count; i++)
        loop_destroy(&d->slots[i].worker.loop);
    loop_destroy(&d->loop);
    mem_free(d->slots);
    while (d->retired != NULL) {
        struct retired *r = d->retired;
        d->retired = r->next;
        option_free(&r->config);
        mem_free(r);
    }
    option_free(&d->config);
    log_start(NULL);
    sink_close(&d->log);
}

static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void start_log(struct daemon *d)
{
    apply_log_level(d);
    if (sink_open(&d->log, "-", LOG_MAX_BYTES) == 0)
        log_start(d->log);
}

/* With the configuration loaded: until the end. Returns the exit code. */
static int run(struct daemon *d, struct buf *why)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    raise_descriptor_limit();
    if (make_loops(d) != 0) {
        buf_printf(why, "event loop: %s\n", strerrordesc_np(errno));
        return EXIT_NO_START;
    }
    d->phase = STARTING;
    d->started_wall = clock_wall_ms();
    start_log(d);
    if (d->program->start(d, d->config, why) != 0)
        return EXIT_NO_START;
    watch_signals(d);
    start_workers(d);
    loop_run(d->loop);
    for (int i = 0; i < d->running_count; i++)
        pthread_join(d->slots[i].thread, NULL);
    d->program->stop(d);
    LOG_INFO("stopped", "program=%s", d->program->name);
    return d->exit_code;
}

/* The lines of `why` to standard error, each with the program's name before it. */
static void complain(const struct daemon_program *program, const struct buf *why)
{
    struct buf text;
    struct span rest = buf_span(why);
    buf_init(&text, 2 * WHY_MAX_BYTES);
    while (rest.n > 0) {
        struct span line = span_cut(rest, '\n', &rest);
        if (line.n > 0)
            buf_printf(&text, "%s: %.*s\n", program->name, SPAN_FMT(line));
    }
    print(STDERR_FILENO, buf_span(&text));
    buf_finish(&text);
}

static int load_and_run(struct daemon *d, enum arguments_do what, struct buf *why)
{
    int e = load(d, &d->config, why);
    int code = e == 0 ? EXIT_OK : EXIT_NO_START;
    if (e != 0 && why->n == 0)
        buf_printf(why, "%s: %s\n", d->config_file, err_text(e));
    if (e == 0 && what == ARGUMENTS_RUN)
        code = run(d, why);
    finish(d);
    if (why->n > 0)
        complain(d->program, why);
    else if (code == EXIT_OK && what == ARGUMENTS_CHECK)
        print(STDERR_FILENO, SPAN("configuration is good\n"));
    return code;
}

int daemon_main(const struct daemon_program *program, void *app, int argc, char **argv)
{
    struct arguments a;
    struct buf text;
    int code = EXIT_OK;

    buf_init(&text, WHY_MAX_BYTES);
    if (arguments_read(&a, program, argc, argv, &text) != 0) {
        print(STDERR_FILENO, buf_span(&text));
        code = EXIT_USAGE;
    } else if (a.what == ARGUMENTS_RUN || a.what == ARGUMENTS_CHECK) {
        struct daemon d = {.program = program,
                           .app = app,
                           .config_file = a.config_file,
                           .is_reformat = a.is_reformat,
                           .is_rehearsal = a.what == ARGUMENTS_CHECK};
        code = load_and_run(&d, a.what, &text);
    } else {
        arguments_answer(a.what, program, &text);
        print(STDOUT_FILENO, buf_span(&text));
    }
    buf_finish(&text);
    return code;
}

void *daemon_app(struct daemon *d)
{
    return d->app;
}

struct loop *daemon_loop(struct daemon *d)
{
    return d->loop;
}

int daemon_worker_count(const struct daemon *d)
{
    return d->worker_count;
}

int64_t daemon_descriptors(void)
{
    struct rlimit r;
    bool is_bounded = getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < (rlim_t)INT64_MAX;
    return is_bounded ? (int64_t)r.rlim_cur : INT64_MAX;
}

struct worker *daemon_worker(struct daemon *d, int i)
{
    CHECK(i >= 0 && i < d->worker_count);
    return &d->slots[i].worker;
}

struct option_config *daemon_config(struct daemon *d)
{
    return d->config;
}

bool daemon_is_reformat(const struct daemon *d)
{
    return d->is_reformat;
}

bool daemon_is_stopping(const struct daemon *d)
{
    return atomic_load(&d->is_stopping);
}

msec_t daemon_started_wall(const struct daemon *d)
{
    return d->started_wall;
}

bool daemon_may_keep(struct option_config *config, const void *record, const char *name,
                     const char *path, struct buf *why)
{
    if (path[0] == '\0' || strcmp(path, "-") == 0 || whole_file_may_be_kept(path))
        return true;
    option_error(why, option_file(config), option_line(config, record, name),
                 "%s: %s cannot be written: %s", name, path, strerrordesc_np(errno));
    return false;
}
