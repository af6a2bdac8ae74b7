/* SPDX-License-Identifier: MIT
 *
 * GET /v1/status: what this edge is and has, in one document. */
#include "edge/admin/admin_rows.h"

#include "edge/admin/control_link.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"
#include "lib/daemon/metrics_text.h"

#include <inttypes.h>
#include <unistd.h>

static void put_disks(struct json_out *o, const struct store *st)
{
    struct store_disk_usage u;
    json_out_array(o, "disks");
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++) {
        json_out_object(o, NULL);
        json_out_text(o, "path", span_of(u.path));
        json_out_text(o, "state", span_of(store_disk_state_text(u.state)));
        json_out_int(o, "unread_segments", u.unread_segments);
        json_out_int(o, "used_bytes", u.used_bytes);
        json_out_int(o, "cap_bytes", u.cap_bytes);
        json_out_int(o, "queued_bytes", u.queued_bytes);
        json_out_int(o, "loads", u.loads);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void put_store(struct json_out *o, const struct store *st)
{
    const struct store_counters *c = store_counters_of(st);
    struct store_usage u;
    store_usage(st, &u);
    json_out_object(o, "store");
    json_out_int(o, "memory_bytes", u.memory_bytes);
    json_out_int(o, "memory_cap_bytes", u.memory_cap_bytes);
    json_out_u64(o, "objects", u.objects);
    json_out_u64(o, "blocks", u.blocks);
    json_out_u64(o, "segments", u.segments);
    json_out_int(o, "disk_blocks", u.disk_blocks);
    json_out_u64(o, "disk_coded_blocks", counter_get(&c->disk_coded_blocks));
    json_out_u64(o, "disk_coded_saved_bytes", counter_get(&c->disk_coded_saved_bytes));
    put_disks(o, st);
    json_out_end_object(o);
}

static void put_usage(struct json_out *o, const struct usage *u)
{
    uint64_t out = usage_out_bytes(u);
    json_out_object(o, "ledger");
#define X(name, meaning) json_out_u64(o, #name, u->name);
    USAGE_COUNTERS(X)
#undef X
    json_out_u64(o, "out_bytes", out);
    json_out_object(o, "out_bytes_by_source");
    for (int s = 0; s < LEDGER_SOURCE_COUNT; s++)
        json_out_u64(o, ledger_source_name((enum ledger_source)s), u->out_bytes[s]);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void put_origins(struct json_out *o, const struct upstream *u, msec_t now)
{
    json_out_array(o, "origins");
    for (size_t i = 0; i < u->count; i++) {
        struct upstream_origin *origin = &u->origins[i];
        json_out_object(o, NULL);
        json_out_text(o, "name", origin->name);
        json_out_text(o, "state", span_of(upstream_state_name(origin, now)));
        json_out_u64(o, "failures_in_a_row", origin->failures);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static const struct usage *usage_of(const struct heartbeat_site_usage *v, size_t count,
                                    const char *name)
{
    static const struct usage none;
    for (size_t i = 0; i < count; i++) {
        if (span_eq(v[i].site, span_of(name)))
            return &v[i].usage;
    }
    return &none;
}

static void put_sites(struct json_out *o, struct admin *a)
{
    struct upstream_set *set = a->spec.sites(a->spec.ctx);
    struct heartbeat_site_usage *usage = mem_zarray(HEARTBEAT_MAX_SITES, sizeof(*usage));
    size_t count = ledger_usage(a->spec.ledger, usage, HEARTBEAT_MAX_SITES);
    json_out_array(o, "sites");
    for (uint32_t i = 0; i < site_count(set->sites); i++) {
        const struct site *site = site_at(set->sites, i);
        json_out_object(o, NULL);
        json_out_text(o, "name", span_of(site->name));
        json_out_array(o, "hosts");
        for (size_t h = 0; h < site->hosts.count; h++)
            json_out_text(o, NULL, span_of(site->hosts.v[h]));
        json_out_end_array(o);
        put_origins(o, upstream_of(set, site), clock_mono_ms());
        admin_put_tiers(o, a, upstream_of(set, site), NULL);
        put_usage(o, usage_of(usage, count, site->name));
        json_out_end_object(o);
    }
    json_out_end_array(o);
    mem_free(usage);
}

void admin_status(void *app, struct exchange *x, const struct router_match *m)
{
    struct admin *a = app;
    struct buf text;
    struct json_out o;
    char started[25];
    (void)m;
    clock_iso(a->spec.started_wall, started);
    buf_init(&text, ADMIN_JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_text(&o, "node", span_of(a->spec.node));
    json_out_text(&o, "version", SPAN(BYEORI_VERSION));
    json_out_int(&o, "pid", getpid());
    json_out_text(&o, "started", span_of(started));
    json_out_int(&o, "resident_bytes", metrics_resident_bytes());
    json_out_real(&o, "cpu_s", metrics_cpu_s(), 3);
    put_store(&o, a->spec.store);
    put_sites(&o, a);
    if (a->spec.link != NULL)
        control_link_status(a->spec.link, &o);
    json_out_end_object(&o);
    buf_add_char(&text, '\n');
    if (buf_overflowed(&text))
        admin_problem(x, 500, "The status is larger than its bound.");
    else
        exchange_reply(x, 200, SPAN("application/json"), buf_span(&text));
    buf_finish(&text);
}
