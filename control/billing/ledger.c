/* SPDX-License-Identifier: MIT
 * Three tables under one lock: positions (node/boot/site), open buckets (start/node/site), the
 * month's totals (node/site); and for the month a sample a bucket, of each node's bytes to clients
 * and of all bytes from upstream. */
#include "control/billing/ledger.h"

#include "control/billing/percentile.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FACT_BYTES       2048
#define KEY_BYTES        (3 * HEARTBEAT_NAME_BYTES + 16)
#define POSITION_KEPT_MS (7LL * 86400 * 1000)

struct row {
    char *key;
    size_t key_bytes;
    struct usage usage;
    msec_t at_wall_ms;       /* last change */
    uint64_t changed, saved; /* count of changes, and how many of them are durable */
};

struct table {
    struct map *by_key;
    struct row **v;
    size_t count;
};

struct ledger {
    pthread_mutex_t lock;
    struct table positions, buckets, totals;
    sec_t month_from_s, month_to_s;
    struct map *out_bytes;    /* by node: uint64_t[LEDGER_MONTH_BUCKETS] of the month */
    uint64_t *upstream_bytes; /* [LEDGER_MONTH_BUCKETS] */
};

/* ---- tables ---- */

static struct row *row_of(struct table *t, struct span key)
{
    struct row *r = map_get(t->by_key, key);
    if (r != NULL)
        return r;
    r = mem_zalloc(sizeof *r);
    r->key = mem_strndup(key.p, key.n);
    r->key_bytes = key.n;
    t->v = mem_grow(t->v, t->count + 1, sizeof *t->v);
    t->v[t->count++] = r;
    map_put(t->by_key, key, r);
    return r;
}

static struct span key_of(const struct row *r)
{
    return span_make(r->key, r->key_bytes);
}

static void free_row(struct row *r)
{
    mem_free(r->key);
    mem_free(r);
}

/* Takes out v[i]; the last row takes its place. */
static void drop_row(struct table *t, size_t i)
{
    struct row *r = t->v[i];
    map_remove(t->by_key, key_of(r));
    t->v[i] = t->v[--t->count];
    free_row(r);
}

static void empty_table(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free_row(t->v[i]);
    mem_free(t->v);
    map_destroy(t->by_key);
    *t = (struct table){.by_key = map_create()};
}

static void empty_samples(struct ledger *l)
{
    size_t at = 0;
    struct span node;
    void *samples;
    while (map_next(l->out_bytes, &at, &node, &samples))
        mem_free(samples);
    map_destroy(l->out_bytes);
    l->out_bytes = map_create();
}

struct ledger *ledger_create(void)
{
    struct ledger *l = mem_zalloc(sizeof *l);
    CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
    empty_table(&l->positions);
    empty_table(&l->buckets);
    empty_table(&l->totals);
    l->out_bytes = map_create();
    l->upstream_bytes = mem_zarray(LEDGER_MONTH_BUCKETS, sizeof *l->upstream_bytes);
    return l;
}

void ledger_destroy(struct ledger **pl)
{
    struct ledger *l = *pl;
    *pl = NULL;
    if (l == NULL)
        return;
    struct table *tables[] = {&l->positions, &l->buckets, &l->totals};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        empty_table(tables[i]);
        map_destroy(tables[i]->by_key);
    }
    empty_samples(l);
    map_destroy(l->out_bytes);
    mem_free(l->upstream_bytes);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

/* ---- months ---- */

void ledger_month_of(msec_t wall, sec_t *from_s, sec_t *to_s)
{
    time_t now = (time_t)(wall / MSEC_PER_SEC);
    struct tm tm;
    CHECK(gmtime_r(&now, &tm) != NULL);
    struct tm first = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = 1};
    *from_s = timegm(&first);
    first = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + 1, .tm_mday = 1};
    *to_s = timegm(&first);
}

static void begin_month_locked(struct ledger *l, msec_t wall)
{
    sec_t now = wall / MSEC_PER_SEC;
    if (now >= l->month_from_s && now < l->month_to_s)
        return;
    ledger_month_of(wall, &l->month_from_s, &l->month_to_s);
    empty_table(&l->totals);
    empty_samples(l);
    memset(l->upstream_bytes, 0, LEDGER_MONTH_BUCKETS * sizeof *l->upstream_bytes);
}

static uint64_t *samples_of(struct ledger *l, struct span node)
{
    uint64_t *v = map_get(l->out_bytes, node);
    if (v == NULL) {
        v = mem_zarray(LEDGER_MONTH_BUCKETS, sizeof *v);
        map_put(l->out_bytes, node, v);
    }
    return v;
}

/* node_site: the key "node/site". */
static void count_locked(struct ledger *l, sec_t bucket_s, struct span node_site,
                         const struct usage *u)
{
    if (bucket_s < l->month_from_s || bucket_s >= l->month_to_s)
        return;
    size_t i = (size_t)((bucket_s - l->month_from_s) / LEDGER_BUCKET_S);
    struct span site;
    samples_of(l, span_cut(node_site, '/', &site))[i] += usage_out_bytes(u);
    l->upstream_bytes[i] += u->upstream_bytes;
    usage_add(&row_of(&l->totals, node_site)->usage, u);
}

/* ---- heartbeats ---- */

static struct span print_key(char out[KEY_BYTES], const struct span *parts, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(n + parts[i].n + 1 < KEY_BYTES);
        if (i > 0)
            out[n++] = '/';
        memcpy(out + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return span_make(out, n);
}

static void add_site_locked(struct ledger *l, const struct heartbeat *h,
                            const struct heartbeat_site_usage *site, msec_t wall)
{
    char text[KEY_BYTES], start[24];
    struct span position_key = print_key(text, (struct span[]){h->node, h->boot, site->site}, 3);
    struct row *position = row_of(&l->positions, position_key);
    struct usage more = usage_since(&site->usage, &position->usage);
    position->at_wall_ms = wall;
    if (usage_is_zero(&more))
        return;
    position->usage = site->usage;
    position->changed++;
    sec_t bucket_s = wall / MSEC_PER_SEC / LEDGER_BUCKET_S * LEDGER_BUCKET_S;
    int n = snprintf(start, sizeof start, "%010" PRId64, bucket_s);
    struct span parts[] = {span_make(start, (size_t)n), h->node, site->site};
    struct row *bucket = row_of(&l->buckets, print_key(text, parts, 3));
    usage_add(&bucket->usage, &more);
    bucket->at_wall_ms = wall;
    bucket->changed++;
    count_locked(l, bucket_s, print_key(text, parts + 1, 2), &more);
}

void ledger_add(struct ledger *l, const struct heartbeat *h, msec_t wall)
{
    pthread_mutex_lock(&l->lock);
    begin_month_locked(l, wall);
    for (size_t i = 0; i < h->usage_count; i++)
        add_site_locked(l, h, &h->usage[i], wall);
    pthread_mutex_unlock(&l->lock);
}

/* ---- the state ---- */

static void write_fact(const struct row *r, struct buf *out)
{
    struct json_out o;
    json_out_begin(&o, out);
    json_out_object(&o, NULL);
    json_out_int(&o, "at_ms", r->at_wall_ms);
#define X(name, meaning) json_out_u64(&o, #name, r->usage.name);
    USAGE_COUNTERS(X)
#undef X
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        json_out_u64(&o, ledger_source_name((enum ledger_source)i), r->usage.out_bytes[i]);
    json_out_end_object(&o);
}

static bool read_fact(struct span text, struct usage *u, msec_t *at)
{
    struct json_in in;
    if (json_in_parse(&in, text, FACT_BYTES) == 0) {
        *at = (msec_t)json_in_u64(&in, in.root, "at_ms", 0);
#define X(name, meaning) u->name = json_in_u64(&in, in.root, #name, 0);
        USAGE_COUNTERS(X)
#undef X
        for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
            u->out_bytes[i] =
                json_in_u64(&in, in.root, ledger_source_name((enum ledger_source)i), 0);
    }
    bool is_good = !json_in_is_faulty(&in);
    if (!is_good)
        LOG_WARN("state-ledger-damaged", "reason=\"%s\"", in.fault);
    json_in_finish(&in);
    return is_good;
}

static bool on_position(void *ctx, struct span key, struct span value)
{
    struct ledger *l = ctx;
    struct usage u = {0};
    msec_t at = 0;
    if (read_fact(value, &u, &at)) {
        struct row *r = row_of(&l->positions, key);
        r->usage = u;
        r->at_wall_ms = at;
    }
    return true;
}

/* The newest bucket may still grow: it stays in the table of open ones. */
static bool on_bucket(void *ctx, struct span key, struct span value)
{
    struct ledger *l = ctx;
    struct usage u = {0};
    msec_t at = 0;
    uint64_t bucket_s;
    struct span node_site, start = span_cut(key, '/', &node_site);
    if (node_site.p == NULL || !span_u64(start, &bucket_s) || !read_fact(value, &u, &at))
        return true;
    struct row *r = row_of(&l->buckets, key);
    r->usage = u;
    r->at_wall_ms = at;
    count_locked(l, (sec_t)bucket_s, node_site, &u);
    return true;
}

int ledger_load(struct ledger *l, struct state *s, msec_t wall)
{
    char from[24];
    pthread_mutex_lock(&l->lock);
    begin_month_locked(l, wall);
    int n = snprintf(from, sizeof from, "%010" PRId64, l->month_from_s);
    int err = state_each(s, STATE_POSITION, SPAN_NONE, on_position, l);
    if (err == 0)
        err = state_each(s, STATE_USAGE, span_make(from, (size_t)n), on_bucket, l);
    pthread_mutex_unlock(&l->lock);
    return err;
}

/* What one flush writes: copies, since the lock is not held meanwhile. */
struct flush {
    struct arena mem;
    struct state_change *changes;
    size_t count;
};

static bool is_outdated(const struct row *r, msec_t wall)
{
    return wall - r->at_wall_ms > POSITION_KEPT_MS;
}

static void collect(struct flush *f, struct table *t, enum state_kind kind, msec_t wall)
{
    for (size_t i = 0; i < t->count; i++) {
        struct row *r = t->v[i];
        bool is_over = kind == STATE_POSITION && is_outdated(r, wall);
        if (r->changed == r->saved && !is_over)
            continue;
        struct buf text;
        buf_init(&text, FACT_BYTES);
        write_fact(r, &text);
        f->changes = mem_grow(f->changes, f->count + 1, sizeof *f->changes);
        f->changes[f->count++] =
            (struct state_change){kind, arena_dup(&f->mem, key_of(r)),
                                  is_over ? SPAN_NONE : arena_dup(&f->mem, buf_span(&text))};
        buf_finish(&text);
    }
}

static void mark_locked(struct table *t, const uint64_t *changed)
{
    for (size_t i = 0; i < t->count; i++)
        t->v[i]->saved = changed[i];
}

static uint64_t *marks_of(const struct table *t)
{
    uint64_t *v = mem_zarray(t->count + 1, sizeof *v);
    for (size_t i = 0; i < t->count; i++)
        v[i] = t->v[i]->changed;
    return v;
}

/* Only flush takes rows out, and rows are added at the end: a mark taken before the commit still
 * stands at its row after it. */
static void forget_locked(struct ledger *l, msec_t wall)
{
    sec_t open_s = wall / MSEC_PER_SEC / LEDGER_BUCKET_S * LEDGER_BUCKET_S;
    for (size_t i = l->positions.count; i-- > 0;)
        if (is_outdated(l->positions.v[i], wall))
            drop_row(&l->positions, i);
    for (size_t i = l->buckets.count; i-- > 0;) {
        const struct row *r = l->buckets.v[i];
        if (r->changed == r->saved && strtoll(r->key, NULL, 10) < open_s)
            drop_row(&l->buckets, i);
    }
}

int ledger_flush(struct ledger *l, struct state *s, msec_t wall)
{
    struct flush f = {0};
    arena_init(&f.mem, SIZE_MAX);
    pthread_mutex_lock(&l->lock);
    size_t positions = l->positions.count, buckets = l->buckets.count;
    uint64_t *position_marks = marks_of(&l->positions), *bucket_marks = marks_of(&l->buckets);
    collect(&f, &l->positions, STATE_POSITION, wall);
    collect(&f, &l->buckets, STATE_USAGE, wall);
    pthread_mutex_unlock(&l->lock);
    int err = f.count > 0 ? state_commit(s, f.changes, f.count) : 0;
    if (err == 0) {
        pthread_mutex_lock(&l->lock);
        struct table old_positions = {.v = l->positions.v, .count = positions};
        struct table old_buckets = {.v = l->buckets.v, .count = buckets};
        mark_locked(&old_positions, position_marks);
        mark_locked(&old_buckets, bucket_marks);
        forget_locked(l, wall);
        pthread_mutex_unlock(&l->lock);
    }
    mem_free(position_marks);
    mem_free(bucket_marks);
    mem_free(f.changes);
    arena_finish(&f.mem);
    return err;
}

/* ---- what is too old ---- */

struct pruning {
    struct arena mem;
    struct state_change changes[LEDGER_PRUNE_ROWS];
    size_t count;
    sec_t before_s;
};

static bool on_old(void *ctx, struct span key, struct span value)
{
    struct pruning *p = ctx;
    struct span rest;
    uint64_t bucket_s;
    (void)value;
    if (p->count == LEDGER_PRUNE_ROWS || !span_u64(span_cut(key, '/', &rest), &bucket_s) ||
        (sec_t)bucket_s >= p->before_s)
        return false; /* keys come in the order of time */
    p->changes[p->count++] = (struct state_change){STATE_USAGE, arena_dup(&p->mem, key), SPAN_NONE};
    return true;
}

int ledger_prune(struct state *s, msec_t wall, msec_t keep_ms, bool *has_more)
{
    struct pruning *p = mem_zalloc(sizeof *p);
    arena_init(&p->mem, LEDGER_PRUNE_ROWS * KEY_BYTES * 2);
    p->before_s = (wall - keep_ms) / MSEC_PER_SEC;
    int err = state_each(s, STATE_USAGE, SPAN_NONE, on_old, p);
    if (err == 0 && p->count > 0)
        err = state_commit(s, p->changes, p->count);
    *has_more = p->count == LEDGER_PRUNE_ROWS;
    arena_finish(&p->mem);
    mem_free(p);
    return err;
}

/* ---- the month so far ---- */

static void add_samples(uint64_t *to, const uint64_t *more, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += more[i];
}

/* Of samples that nobody needs any more in their order. */
static uint64_t p95_of(uint64_t *samples, size_t count)
{
    return percentile_95(samples, count) / LEDGER_BUCKET_S;
}

/* sums: [groups->count + 2][out->buckets]: each group, all nodes, upstream. */
static void measure_locked(struct ledger *l, const struct ledger_groups *groups, uint64_t *sums,
                           struct ledger_month *out)
{
    size_t n = out->buckets, at = 0;
    uint64_t *all = sums + groups->count * n, *upstream = all + n;
    struct span node;
    void *samples;
    while (map_next(l->out_bytes, &at, &node, &samples)) {
        size_t group = groups->of(groups->ctx, node);
        add_samples(all, samples, n);
        if (group < groups->count)
            add_samples(sums + group * n, samples, n);
    }
    memcpy(upstream, l->upstream_bytes, n * sizeof *upstream);
    for (size_t g = 0; g < groups->count; g++)
        out->group_p95_bytes_per_s[g] = p95_of(sums + g * n, n);
    out->p95_bytes_per_s = p95_of(all, n);
    out->upstream_p95_bytes_per_s = p95_of(upstream, n);
}

void ledger_month(struct ledger *l, msec_t wall, const struct ledger_groups *groups,
                  struct ledger_month *out, struct arena *mem)
{
    *out = (struct ledger_month){0};
    pthread_mutex_lock(&l->lock);
    begin_month_locked(l, wall);
    out->from_s = l->month_from_s;
    out->to_s = l->month_to_s;
    out->buckets = (size_t)((wall / MSEC_PER_SEC - l->month_from_s) / LEDGER_BUCKET_S) + 1;
    out->rows = arena_zalloc(mem, (l->totals.count + 1) * sizeof *out->rows);
    for (size_t i = 0; i < l->totals.count && !arena_overflowed(mem); i++) {
        struct ledger_row *row = &out->rows[out->row_count++];
        row->node = span_cut(arena_dup(mem, key_of(l->totals.v[i])), '/', &row->site);
        row->usage = l->totals.v[i]->usage;
        usage_add(&out->total, &row->usage);
    }
    out->group_p95_bytes_per_s = arena_zalloc(mem, (groups->count + 1) * sizeof(uint64_t));
    if (!arena_overflowed(mem)) {
        uint64_t *sums = mem_zarray((groups->count + 2) * out->buckets, sizeof *sums);
        measure_locked(l, groups, sums, out);
        mem_free(sums);
    }
    pthread_mutex_unlock(&l->lock);
}
