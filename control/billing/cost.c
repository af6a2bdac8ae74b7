/* SPDX-License-Identifier: MIT
 * Prices applied to the ledger, and the account of the month as JSON. */
#include "control/billing/cost.h"

#include "lib/codec/json_out.h"

#define GB   1e9
#define MBPS (1e6 / 8)

struct cost cost_of(const struct usage *usage, uint64_t p95_bytes_per_s, const struct price *price)
{
    double out = (double)usage_out_bytes(usage), upstream = (double)usage->upstream_bytes;
    struct cost c = {
        .edges =
            out / GB * price->out_per_gb + (double)p95_bytes_per_s / MBPS * price->out_per_mbps,
        .upstream = upstream / GB * price->upstream_per_gb,
        .upstream_without_cache = out / GB * price->upstream_per_gb,
    };
    if (out > 0 && upstream < out)
        c.offload = 1 - upstream / out;
    return c;
}

static void write_usage(const struct usage *u, struct json_out *o)
{
    json_out_u64(o, "requests", u->requests);
    json_out_u64(o, "hits", u->hits);
    json_out_u64(o, "out_bytes", usage_out_bytes(u));
    json_out_object(o, "out_bytes_by_source");
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        json_out_u64(o, ledger_source_name((enum ledger_source)i), u->out_bytes[i]);
    json_out_end_object(o);
    json_out_u64(o, "upstream_bytes", u->upstream_bytes);
}

void cost_write(const struct ledger_month *m, const struct price *price, struct json_out *o)
{
    char day[25];
    struct cost c = cost_of(&m->total, m->p95_bytes_per_s, price);
    clock_iso(m->from_s * MSEC_PER_SEC, day);
    json_out_text(o, "month", span_make(day, strlen("2026-01")));
    json_out_u64(o, "buckets", m->buckets);
    write_usage(&m->total, o);
    json_out_real(o, "offload", c.offload, 6);
    json_out_u64(o, "p95_bytes_per_s", m->p95_bytes_per_s);
    json_out_u64(o, "upstream_p95_bytes_per_s", m->upstream_p95_bytes_per_s);
    json_out_object(o, "cost");
    json_out_text(o, "currency", span_of(price->currency));
    json_out_real(o, "edges", c.edges, 4);
    json_out_real(o, "upstream", c.upstream, 4);
    json_out_real(o, "upstream_without_cache", c.upstream_without_cache, 4);
    json_out_real(o, "saved", c.upstream_without_cache - c.upstream, 4);
    json_out_end_object(o);
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
