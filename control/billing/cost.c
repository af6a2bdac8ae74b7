/* SPDX-License-Identifier: MIT
 * Prices applied to the ledger, and the account of the month as JSON. */
#include "control/billing/cost.h"

#include "lib/base/map.h"
#include "lib/codec/json_out.h"

static size_t tariff_of(void *ctx, struct span node)
{
    const struct price *p = ctx;
    return tariff_find(p->tariffs, p->count, node);
}

void cost_month(struct ledger *l, msec_t wall, const struct price *price, struct ledger_month *out,
                struct arena *mem)
{
    const struct ledger_groups groups = {price->count, tariff_of, (void *)(uintptr_t)price};
    ledger_month(l, wall, &groups, out, mem);
}

/* ---- sums ---- */

static struct cost_part *part_of(struct map *by_name, struct cost_part *v, size_t *count,
                                 struct span name)
{
    struct cost_part *part = map_get(by_name, name);
    if (part == NULL) {
        part = &v[(*count)++];
        part->name = name;
        map_put(by_name, name, part);
    }
    return part;
}

static void sum_up(const struct ledger_month *m, const struct price *price, struct cost *c)
{
    struct map *sites = map_create(), *nodes = map_create();
    for (size_t i = 0; i < m->row_count; i++) {
        const struct ledger_row *r = &m->rows[i];
        size_t tariff = tariff_find(price->tariffs, price->count, r->node);
        usage_add(&part_of(sites, c->sites, &c->site_count, r->site)->usage, &r->usage);
        usage_add(&part_of(nodes, c->nodes, &c->node_count, r->node)->usage, &r->usage);
        if (tariff < price->count)
            usage_add(&c->tariffs[tariff].usage, &r->usage);
    }
    map_destroy(sites);
    map_destroy(nodes);
}

/* Of a tariff by the bytes through its nodes; where there are none (a port that is paid for and not
 * used), by all bytes. */
static double share_of(const struct cost *c, const struct ledger_month *m, size_t tariff,
                       const struct ledger_row *r)
{
    bool is_used = usage_out_bytes(&c->tariffs[tariff].usage) > 0;
    uint64_t all = usage_out_bytes(is_used ? &c->tariffs[tariff].usage : &m->total);
    return all > 0 ? (double)usage_out_bytes(&r->usage) / (double)all : 0;
}

static double edges_of_row(const struct cost *c, const struct ledger_month *m,
                           const struct price *price, const struct ledger_row *r)
{
    size_t own = tariff_find(price->tariffs, price->count, r->node);
    double sum = 0;
    for (size_t t = 0; t < price->count; t++)
        if (t == own || usage_out_bytes(&c->tariffs[t].usage) == 0)
            sum += share_of(c, m, t, r) * tariff_sum(&c->tariffs[t].cost);
    return sum;
}

static void share_out(const struct ledger_month *m, const struct price *price, struct cost *c)
{
    struct map *sites = map_create(), *nodes = map_create();
    for (size_t i = 0; i < c->site_count; i++)
        map_put(sites, c->sites[i].name, &c->sites[i]);
    for (size_t i = 0; i < c->node_count; i++)
        map_put(nodes, c->nodes[i].name, &c->nodes[i]);
    for (size_t i = 0; i < m->row_count; i++) {
        const struct ledger_row *r = &m->rows[i];
        struct cost_part *parts[] = {map_get(sites, r->site), map_get(nodes, r->node)};
        double edges = edges_of_row(c, m, price, r);
        double upstream = (double)r->usage.upstream_bytes / TARIFF_GB * price->upstream_per_gb;
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            parts[k]->edges += edges;
            parts[k]->upstream += upstream;
        }
    }
    map_destroy(sites);
    map_destroy(nodes);
}

struct cost cost_of(const struct ledger_month *m, const struct price *price, struct arena *mem)
{
    double out = (double)usage_out_bytes(&m->total), upstream = (double)m->total.upstream_bytes;
    struct cost c = {.upstream = upstream / TARIFF_GB * price->upstream_per_gb,
                     .upstream_without_cache = out / TARIFF_GB * price->upstream_per_gb};
    c.tariffs = arena_zalloc(mem, (price->count + 1) * sizeof *c.tariffs);
    c.sites = arena_zalloc(mem, (m->row_count + 1) * sizeof *c.sites);
    c.nodes = arena_zalloc(mem, (m->row_count + 1) * sizeof *c.nodes);
    if (arena_overflowed(mem))
        return c;
    if (out > 0 && upstream < out)
        c.offload = 1 - upstream / out;
    sum_up(m, price, &c);
    for (size_t t = 0; t < price->count; t++) {
        struct cost_tariff *of = &c.tariffs[t];
        of->p95_bytes_per_s = m->group_p95_bytes_per_s[t];
        of->cost =
            tariff_cost_of(&price->tariffs[t], usage_out_bytes(&of->usage), of->p95_bytes_per_s);
        c.edges += tariff_sum(&of->cost);
    }
    share_out(m, price, &c);
    return c;
}

/* ---- telling ---- */

static void write_usage(const struct usage *u, struct json_out *o)
{
#define X(name, meaning) json_out_u64(o, #name, u->name);
    USAGE_COUNTERS(X)
#undef X
    json_out_u64(o, "out_bytes", usage_out_bytes(u));
    json_out_object(o, "out_bytes_by_source");
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        json_out_u64(o, ledger_source_name((enum ledger_source)i), u->out_bytes[i]);
    json_out_end_object(o);
}

static void write_parts(const char *key, const struct cost_part *v, size_t count,
                        struct json_out *o)
{
    json_out_array(o, key);
    for (size_t i = 0; i < count; i++) {
        json_out_object(o, NULL);
        json_out_text(o, "name", v[i].name);
        write_usage(&v[i].usage, o);
        json_out_real(o, "edges", v[i].edges, 4);
        json_out_real(o, "upstream", v[i].upstream, 4);
        json_out_real(o, "cost", v[i].edges + v[i].upstream, 4);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void write_tariffs(const struct cost *c, const struct price *price, struct json_out *o)
{
    json_out_array(o, "tariffs");
    for (size_t i = 0; i < price->count; i++) {
        const struct cost_tariff *t = &c->tariffs[i];
        json_out_object(o, NULL);
        json_out_text(o, "name", price->tariffs[i].name);
        json_out_text(o, "currency", price->tariffs[i].currency);
        json_out_real(o, "rate", price->tariffs[i].rate, 8);
        json_out_u64(o, "out_bytes", usage_out_bytes(&t->usage));
        json_out_u64(o, "p95_bytes_per_s", t->p95_bytes_per_s);
        json_out_real(o, "commit_mbps", price->tariffs[i].commit_mbps, 3);
        json_out_real(o, "bytes", t->cost.bytes, 4);
        json_out_real(o, "bandwidth", t->cost.bandwidth, 4);
        json_out_real(o, "flat", t->cost.flat, 4);
        json_out_real(o, "cost", tariff_sum(&t->cost), 4);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void write_money(const struct cost *c, const struct price *price, struct json_out *o)
{
    json_out_object(o, "cost");
    json_out_text(o, "currency", span_of(price->currency));
    json_out_real(o, "edges", c->edges, 4);
    json_out_real(o, "upstream", c->upstream, 4);
    json_out_real(o, "total", c->edges + c->upstream, 4);
    json_out_real(o, "upstream_without_cache", c->upstream_without_cache, 4);
    json_out_real(o, "total_without_cache", c->edges + c->upstream_without_cache, 4);
    json_out_real(o, "saved", c->upstream_without_cache - c->upstream, 4);
    json_out_end_object(o);
}

void cost_write(const struct ledger_month *m, const struct price *price, struct json_out *o,
                struct arena *mem)
{
    char day[CLOCK_ISO_BYTES + 1];
    struct cost c = cost_of(m, price, mem);
    clock_iso(m->from_s * MSEC_PER_SEC, day);
    json_out_text(o, "month", span_make(day, strlen("2026-01")));
    json_out_u64(o, "buckets", m->buckets);
    write_usage(&m->total, o);
    json_out_real(o, "offload", c.offload, 6);
    json_out_u64(o, "p95_bytes_per_s", m->p95_bytes_per_s);
    json_out_u64(o, "upstream_p95_bytes_per_s", m->upstream_p95_bytes_per_s);
    write_money(&c, price, o);
    write_tariffs(&c, price, o);
    write_parts("sites", c.sites, c.site_count, o);
    write_parts("nodes", c.nodes, c.node_count, o);
    json_out_array(o, "rows");
    for (size_t i = 0; i < m->row_count; i++) {
        json_out_object(o, NULL);
        json_out_text(o, "node", m->rows[i].node);
        json_out_text(o, "site", m->rows[i].site);
        write_usage(&m->rows[i].usage, o);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}
