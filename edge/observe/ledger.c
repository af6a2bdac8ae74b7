/* SPDX-License-Identifier: MIT
 *
 * The account book: sites by name, a row for each worker. The lock guards the list of sites only;
 * counters are read and written without it. */
#include "edge/observe/ledger.h"

#include "lib/base/map.h"
#include "lib/base/mem.h"

#include <inttypes.h>
#include <pthread.h>

struct account {
    char *site;
    struct ledger_row *rows; /* one for each worker */
};

struct ledger {
    pthread_mutex_t lock;
    struct map *by_name; /* -> struct account */
    struct account *accounts[HEARTBEAT_MAX_SITES];
    _Atomic size_t count;
    int workers;
};

struct ledger *ledger_create(int workers)
{
    struct ledger *l = mem_zalloc(sizeof(*l));
    pthread_mutex_init(&l->lock, NULL);
    l->by_name = map_create();
    l->workers = workers;
    return l;
}

void ledger_destroy(struct ledger **pl)
{
    struct ledger *l = *pl;
    *pl = NULL;
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++) {
        mem_free(l->accounts[i]->site);
        mem_free(l->accounts[i]->rows);
        mem_free(l->accounts[i]);
    }
    map_destroy(l->by_name);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

static struct account *account_locked(struct ledger *l, struct span site)
{
    struct account *a = map_get(l->by_name, site);
    if (a != NULL || l->count == HEARTBEAT_MAX_SITES)
        return a;
    a = mem_zalloc(sizeof(*a));
    a->site = mem_strndup(site.p, site.n);
    a->rows = mem_zarray((size_t)l->workers, sizeof(*a->rows));
    map_put(l->by_name, span_of(a->site), a);
    l->accounts[l->count] = a;
    atomic_store_explicit(&l->count, l->count + 1, memory_order_release);
    return a;
}

struct ledger_row *ledger_row(struct ledger *l, struct span site, int worker)
{
    pthread_mutex_lock(&l->lock);
    struct account *a = account_locked(l, site);
    pthread_mutex_unlock(&l->lock);
    return a != NULL ? &a->rows[worker] : NULL;
}

static struct usage account_sum(const struct account *a, int workers)
{
    struct usage u = {0};
    for (int w = 0; w < workers; w++) {
        const struct ledger_row *row = &a->rows[w];
#define X(name, meaning) u.name += counter_get(&row->name);
        USAGE_COUNTERS(X)
#undef X
        for (int s = 0; s < LEDGER_SOURCE_COUNT; s++)
            u.out_bytes[s] += counter_get(&row->out_bytes[s]);
    }
    return u;
}

size_t ledger_usage(struct ledger *l, struct heartbeat_site_usage *out, size_t max)
{
    size_t count = atomic_load_explicit(&l->count, memory_order_acquire);
    if (count > max)
        count = max;
    for (size_t i = 0; i < count; i++) {
        out[i].site = span_of(l->accounts[i]->site);
        out[i].usage = account_sum(l->accounts[i], l->workers);
    }
    return count;
}

static void metric_head(struct buf *out, const char *name, const char *help)
{
    buf_printf(out, "# HELP byeori_edge_site_%s %s\n# TYPE byeori_edge_site_%s counter\n", name,
               help, name);
}

static void metric_out_bytes(struct ledger *l, size_t count, struct buf *out)
{
    metric_head(out, "out_bytes_total", "body bytes to clients by where they came from");
    for (size_t i = 0; i < count; i++) {
        struct usage u = account_sum(l->accounts[i], l->workers);
        for (int s = 0; s < LEDGER_SOURCE_COUNT; s++)
            buf_printf(
                out, "byeori_edge_site_out_bytes_total{site=\"%s\",source=\"%s\"} %" PRIu64 "\n",
                l->accounts[i]->site, ledger_source_name((enum ledger_source)s), u.out_bytes[s]);
    }
}

struct plain_metric {
    const char *name, *help;
    size_t offset_bytes; /* of a uint64_t in struct usage */
};
static const struct plain_metric plain_metrics[] = {
#define X(name, meaning) {#name "_total", meaning, offsetof(struct usage, name)},
    USAGE_COUNTERS(X)
#undef X
};

void ledger_metrics(struct ledger *l, struct buf *out)
{
    size_t count = atomic_load_explicit(&l->count, memory_order_acquire);
    for (size_t m = 0; m < ARRAY_LEN(plain_metrics); m++) {
        const struct plain_metric *p = &plain_metrics[m];
        metric_head(out, p->name, p->help);
        for (size_t i = 0; i < count; i++) {
            struct usage u = account_sum(l->accounts[i], l->workers);
            uint64_t value;
            memcpy(&value, (const char *)&u + p->offset_bytes, sizeof(value));
            buf_printf(out, "byeori_edge_site_%s{site=\"%s\"} %" PRIu64 "\n", p->name,
                       l->accounts[i]->site, value);
        }
    }
    metric_out_bytes(l, count, out);
}
