/* SPDX-License-Identifier: MIT
 *
 * libmemcached behind a pool of threads. The library never gives up a server that hangs (each call
 * would cost its whole time-out, for ever), so whether a server is asked is decided here:
 *
 *   WELL ─ any error ─> LEFT ALONE for a second ─ then one probe ─> WELL, or left alone again */
#include "edge/cluster/mcache.h"

#include "lib/base/clock.h"
#include "lib/base/counter.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/iopool.h"

#include <libmemcached/memcached.h>
#include <libmemcachedutil-1.0/pool.h>
#include <time.h>

#define SERVERS_MAX 64
#define QUEUE_BOUND 64 /* calls that wait for a thread: with values of a block some 64 MiB */
#define ALONE_MS    1000
#define KEY_ROOM    40
#define QUIESCE_NS  1000000
#define TTL_MAX_S   (30 * 24 * 3600) /* more would be read as a date */

#define COUNTERS(X)                                                                                \
    X(gets, "values asked of memcached")                                                           \
    X(hits, "values that memcached had")                                                           \
    X(errors, "calls that memcached did not answer in time or well")                               \
    X(puts, "values given to memcached")                                                           \
    X(skipped, "calls left out: its server is down, or too much waits")

struct counts {
#define X(name, help) counter_t name;
    COUNTERS(X)
#undef X
};

struct server_health {
    const char *name; /* as configured */
    _Atomic bool is_down;
    _Atomic int64_t probe_at; /* monotonic ms */
};

struct mcache {
    memcached_pool_st *pool;
    struct iopool *io;
    int64_t item_max_bytes;
    struct server_health health[SERVERS_MAX]; /* by position */
    struct counts counts;
};

enum job_kind { JOB_GET, JOB_PUT, JOB_PROBE };

struct mcache_get {
    struct iojob job; /* first */
    struct mcache_user *user;
    struct mcache *shared;
    enum job_kind kind;
    mcache_fn done; /* NULL: nobody waits (any more) */
    void *ctx;
    uint8_t *value; /* put: to be given; get: what came */
    size_t bytes;
    time_t ttl_s;
    bool wants_probe; /* its server may be back */
    char key[KEY_ROOM];
};

static const struct option mcache_rows[] = {
    OPTION_ROW(
        "servers", TEXTS, OPTION_FIELD(struct mcache_options, servers), "",
        "memcached servers, \"127.0.0.1:11211\"; the same ones in the same order on all edges."),
    OPTION_ROW_WITH("timeout", DURATION, OPTION_FIELD(struct mcache_options, timeout_ms), "50ms",
                    "For one call; then the server is left alone for a second.", .min = 1,
                    .max = 10000),
    OPTION_ROW_WITH("item_max", BYTES, OPTION_FIELD(struct mcache_options, item_max_bytes),
                    "1000KiB",
                    "Largest value, a little below the servers' own limit (memcached -I, 1 MiB).",
                    .min = 1024, .max = 128 << 20),
    OPTION_ROW_WITH("threads", INT, OPTION_FIELD(struct mcache_options, threads), "4",
                    "Threads that talk to the servers.", .min = 1, .max = 64),
    {.name = NULL},
};
const struct option_section mcache_section = {
    .options = mcache_rows,
    .record_bytes = sizeof(struct mcache_options),
    .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE,
};

/* Ketama before the servers, so that the ring is made once, with it. */
static memcached_st *master_create(const struct mcache_options *o, struct buf *why)
{
    memcached_st *m = memcached_create(NULL);
    uint64_t ms = (uint64_t)o->timeout_ms;
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA, 1);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, 1);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_NO_BLOCK, 1);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, ms);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_POLL_TIMEOUT, ms);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_SND_TIMEOUT, ms * 1000);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_RCV_TIMEOUT, ms * 1000);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 1);
    for (size_t i = 0; i < o->servers.count && i < SERVERS_MAX; i++) {
        memcached_server_st *s = memcached_servers_parse(o->servers.v[i]);
        if (s == NULL || memcached_server_push(m, s) != MEMCACHED_SUCCESS) {
            buf_printf(why, "memcached: servers: \"%s\" is not like \"127.0.0.1:11211\"\n",
                       o->servers.v[i]);
            memcached_server_list_free(s);
            memcached_free(m);
            return NULL;
        }
        memcached_server_list_free(s);
    }
    return m;
}

int mcache_open(struct mcache **out, const struct mcache_options *o, struct buf *why)
{
    *out = NULL;
    if (o->servers.count == 0)
        return 0;
    memcached_st *master = master_create(o, why);
    if (master == NULL)
        return ERR_CONFIG;
    struct mcache *m = mem_zalloc(sizeof(*m));
    m->pool = memcached_pool_create(master, 1, (uint32_t)o->threads);
    m->io = iopool_create((int)o->threads, QUEUE_BOUND);
    m->item_max_bytes = o->item_max_bytes;
    for (size_t i = 0; i < o->servers.count && i < SERVERS_MAX; i++)
        m->health[i].name = o->servers.v[i];
    *out = m;
    return 0;
}

void mcache_close(struct mcache **pm)
{
    struct mcache *m = *pm;
    *pm = NULL;
    if (m == NULL)
        return;
    iopool_destroy(&m->io);
    memcached_st *master = memcached_pool_destroy(m->pool);
    if (master != NULL)
        memcached_free(master);
    mem_free(m);
}

void mcache_write_metrics(struct mcache *m, struct buf *out)
{
    if (m == NULL)
        return;
#define X(name, help)                                                                              \
    buf_printf(out,                                                                                \
               "# HELP byeori_edge_memcached_" #name "_total " help                                \
               "\n# TYPE byeori_edge_memcached_" #name                                             \
               "_total counter\nbyeori_edge_memcached_" #name "_total %llu\n",                     \
               (unsigned long long)counter_get(&m->counts.name));
    COUNTERS(X)
#undef X
}

static struct server_health *health_of(struct mcache *m, memcached_st *st, const char *key)
{
    memcached_return_t rc;
    const memcached_instance_st *s = memcached_server_by_key(st, key, strlen(key), &rc);
    uint32_t count = memcached_server_count(st);
    for (uint32_t i = 0; s != NULL && i < count && i < SERVERS_MAX; i++) {
        const memcached_instance_st *one = memcached_server_instance_by_position(st, i);
        if (memcached_server_port(one) == memcached_server_port(s) &&
            strcmp(memcached_server_name(one), memcached_server_name(s)) == 0)
            return &m->health[i];
    }
    return &m->health[0];
}

/* Whether to call the server. A down one only by a probe, one a second. */
static bool may_call(struct mcache_get *g, struct server_health *h)
{
    int64_t due = atomic_load_explicit(&h->probe_at, memory_order_relaxed);
    if (!atomic_load_explicit(&h->is_down, memory_order_relaxed) || g->kind == JOB_PROBE)
        return true;
    int64_t now = clock_mono_ms();
    g->wants_probe = due <= now && atomic_compare_exchange_strong_explicit(
                                       &h->probe_at, &due, now + ALONE_MS, memory_order_relaxed,
                                       memory_order_relaxed);
    return false;
}

static void note(struct mcache *m, struct server_health *h, bool is_well)
{
    if (!is_well) {
        counter_add_shared(&m->counts.errors, 1);
        atomic_store_explicit(&h->probe_at, clock_mono_ms() + ALONE_MS, memory_order_relaxed);
    }
    if (atomic_exchange_explicit(&h->is_down, !is_well, memory_order_relaxed) == is_well)
        LOG_AT(is_well ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
               is_well ? "memcached-back" : "memcached-lost", "server=%s", h->name);
}

/* The library's result is its own: what is to stay is copied. */
static memcached_return_t fetch_value(memcached_st *st, struct mcache_get *g)
{
    const char *keys[] = {g->key};
    size_t lengths[] = {strlen(g->key)};
    memcached_result_st result;
    memcached_return_t rc = memcached_mget(st, keys, lengths, 1), end = MEMCACHED_SUCCESS;
    if (rc != MEMCACHED_SUCCESS)
        return rc;
    memcached_result_create(st, &result);
    if (memcached_fetch_result(st, &result, &rc) != NULL) {
        size_t n = memcached_result_length(&result);
        g->value = n > 0 && n <= (size_t)g->shared->item_max_bytes ? mem_try_alloc(n) : NULL;
        if (g->value != NULL)
            memcpy(g->value, memcached_result_value(&result), n);
        g->bytes = g->value != NULL ? n : 0;
        while (memcached_fetch_result(st, &result, &end) != NULL)
            ; /* to the answer's end */
    }
    memcached_result_free(&result);
    return rc;
}

static bool is_answer(memcached_return_t rc)
{
    return rc == MEMCACHED_SUCCESS || rc == MEMCACHED_END || rc == MEMCACHED_NOTFOUND ||
           rc == MEMCACHED_STORED || rc == MEMCACHED_NOTSTORED || rc == MEMCACHED_E2BIG ||
           rc == MEMCACHED_BUFFERED;
}

static void call(struct mcache_get *g, memcached_st *st)
{
    struct mcache *m = g->shared;
    struct server_health *h = health_of(m, st, g->key);
    memcached_return_t rc;
    if (!may_call(g, h)) {
        counter_add_shared(&m->counts.skipped, 1);
        return;
    }
    if (g->kind == JOB_PUT)
        rc = memcached_set(st, g->key, strlen(g->key), (const char *)g->value, g->bytes, g->ttl_s,
                           0);
    else
        rc = fetch_value(st, g);
    note(m, h, is_answer(rc));
}

static void run(struct iojob *j)
{
    struct mcache_get *g = (struct mcache_get *)j;
    struct timespec none = {0, 0};
    memcached_return_t rc;
    memcached_st *st = memcached_pool_fetch(g->shared->pool, &none, &rc);
    if (st == NULL)
        return;
    call(g, st);
    memcached_pool_release(g->shared->pool, st);
}

static struct mcache_get *submit(struct mcache_user *u, struct mcache_get *from);

static void on_done(struct iojob *j)
{
    struct mcache_get *g = (struct mcache_get *)j;
    struct mcache_user *u = g->user;
    u->running--;
    if (g->kind == JOB_GET && g->value != NULL)
        counter_add_shared(&g->shared->counts.hits, 1);
    if (g->wants_probe) {
        struct mcache_get probe = {.kind = JOB_PROBE};
        memcpy(probe.key, g->key, KEY_ROOM);
        (void)submit(u, &probe);
    }
    if (g->done != NULL) {
        g->done(g->ctx, g->value, g->bytes);
        g->value = NULL;
    }
    mem_free(g->value);
    mem_free(g);
}

/* from: copied. NULL: too much waits; the value is freed. */
static struct mcache_get *submit(struct mcache_user *u, struct mcache_get *from)
{
    struct mcache_get *g = mem_alloc(sizeof(*g));
    *g = *from;
    g->job = (struct iojob){.run = run, .done = on_done};
    g->user = u;
    g->shared = u->shared;
    if (iopool_submit(u->shared->io, u->loop, &g->job) != 0) {
        counter_add_shared(&u->shared->counts.skipped, 1);
        mem_free(g->value);
        mem_free(g);
        return NULL;
    }
    u->running++;
    return g;
}

static void set_key(struct mcache_get *g, const char *key)
{
    size_t n = strlen(key);
    CHECK(n < KEY_ROOM);
    memcpy(g->key, key, n + 1);
}

void mcache_user_init(struct mcache_user *u, struct mcache *m, struct loop *l)
{
    *u = (struct mcache_user){.shared = m, .loop = l};
}

void mcache_user_finish(struct mcache_user *u)
{
    const struct timespec step = {0, QUIESCE_NS};
    while (u->running > 0) {
        nanosleep(&step, NULL);
        loop_deliver(u->loop);
    }
}

struct mcache_get *mcache_get(struct mcache_user *u, const char *key, mcache_fn done, void *ctx)
{
    struct mcache_get g = {.kind = JOB_GET, .done = done, .ctx = ctx};
    if (u->shared == NULL)
        return NULL;
    set_key(&g, key);
    counter_add_shared(&u->shared->counts.gets, 1);
    return submit(u, &g);
}

void mcache_forget(struct mcache_get **pg)
{
    if (*pg != NULL)
        (*pg)->done = NULL;
    *pg = NULL;
}

uint8_t *mcache_room(struct mcache_user *u, size_t bytes)
{
    if (u->shared == NULL || bytes > (size_t)u->shared->item_max_bytes)
        return NULL;
    return mem_try_alloc(bytes);
}

void mcache_put(struct mcache_user *u, const char *key, uint8_t *value, size_t bytes, sec_t ttl_s)
{
    struct mcache_get g = {.kind = JOB_PUT,
                           .value = value,
                           .bytes = bytes,
                           .ttl_s = ttl_s < TTL_MAX_S ? ttl_s : TTL_MAX_S};
    set_key(&g, key);
    counter_add_shared(&u->shared->counts.puts, 1);
    (void)submit(u, &g);
}
