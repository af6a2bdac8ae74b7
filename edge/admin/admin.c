/* SPDX-License-Identifier: MIT
 *
 * The admin listener's routes, and the metrics of what all workers share. */
#include "edge/admin/admin_rows.h"

#include "edge/admin/control_link.h"
#include "edge/admin/prefill.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"
#include "lib/daemon/metrics_text.h"

static const struct router_row rows[] = {
    {METHOD_GET, "/v1/status", admin_status, 0},
    {METHOD_GET, "/v1/explain", admin_explain, 0},
    {METHOD_POST, "/v1/purge", admin_purge, 0},
    {METHOD_GET, "/v1/objects", admin_objects, 0},
    {METHOD_POST, "/v1/prefill", admin_prefill_order, 0},
    {METHOD_GET, "/v1/prefill", admin_prefills, 0},
    {METHOD_GET, "/v1/prefill/{id}", admin_prefill, 0},
    {METHOD_DELETE, "/v1/prefill/{id}", admin_prefill_cancel, 0},
    {.pattern = NULL},
};

void admin_problem(struct exchange *x, int status, const char *title)
{
    struct buf text;
    struct json_out o;
    buf_init(&text, ADMIN_JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_text(&o, "title", span_of(title));
    json_out_int(&o, "status", status);
    json_out_end_object(&o);
    buf_add_char(&text, '\n');
    exchange_reply(x, status, SPAN("application/problem+json"), buf_span(&text));
    buf_finish(&text);
}

static void disk_gauge(const char *name, const char *help, struct buf *out)
{
    buf_printf(out, "# HELP byeori_edge_disk_%s %s\n# TYPE byeori_edge_disk_%s gauge\n", name, help,
               name);
}

static void disk_metrics(const struct store *st, struct buf *out)
{
    struct store_disk_usage u;
    if (!store_disk_usage(st, 0, &u))
        return;
    disk_gauge("state", "0 up, 1 slow, 2 dead", out);
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++)
        buf_printf(out, "byeori_edge_disk_state{disk=\"%s\"} %d\n", u.path, (int)u.state);
    disk_gauge("used_bytes", "bytes of segment files", out);
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++)
        buf_printf(out, "byeori_edge_disk_used_bytes{disk=\"%s\"} %lld\n", u.path,
                   (long long)u.used_bytes);
    disk_gauge("cap_bytes", "bound of the segment files", out);
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++)
        buf_printf(out, "byeori_edge_disk_cap_bytes{disk=\"%s\"} %lld\n", u.path,
                   (long long)u.cap_bytes);
    disk_gauge("unread_segments", "segments whose records are not known yet since the start", out);
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++)
        buf_printf(out, "byeori_edge_disk_unread_segments{disk=\"%s\"} %u\n", u.path,
                   u.unread_segments);
    disk_gauge("queued_bytes", "bytes that wait to be written", out);
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++)
        buf_printf(out, "byeori_edge_disk_queued_bytes{disk=\"%s\"} %lld\n", u.path,
                   (long long)u.queued_bytes);
}

static void metrics(void *app, struct buf *out)
{
    struct admin *a = app;
    struct store_usage u;
    const void *store_record = store_counters_of(a->spec.store);
    a->spec.worker_metrics(a->spec.ctx, out);
    metrics_counters(&store_counter_table, &store_record, 1, out);
    store_usage(a->spec.store, &u);
    metrics_gauge("byeori_edge_store_memory_bytes", "bytes of the store in use",
                  (double)u.memory_bytes, out);
    metrics_gauge("byeori_edge_store_memory_cap_bytes", "bound of the store",
                  (double)u.memory_cap_bytes, out);
    metrics_gauge("byeori_edge_store_objects", "objects in the store", (double)u.objects, out);
    metrics_gauge("byeori_edge_store_blocks", "blocks in the store", (double)u.blocks, out);
    metrics_gauge("byeori_edge_store_disk_blocks", "blocks on disks", (double)u.disk_blocks, out);
    disk_metrics(a->spec.store, out);
    ledger_metrics(a->spec.ledger, out);
    prefill_metrics(a->spec.prefill, out);
    if (a->spec.link != NULL)
        control_link_metrics(a->spec.link, out);
    metrics_process(a->spec.started_wall, out);
}

static bool is_ready(void *app, struct buf *why)
{
    struct admin *a = app;
    return a->spec.is_ready(a->spec.ctx, why);
}

int admin_start(struct admin **out, struct loop *l, const struct admin_spec *spec, struct buf *why)
{
    struct admin *a = mem_zalloc(sizeof(*a));
    a->spec = *spec;
    struct admin_base_spec base = {.options = spec->options,
                                   .certificates = spec->certificates,
                                   .rows = rows,
                                   .app = a,
                                   .metrics = metrics,
                                   .is_ready = is_ready};
    int err = admin_base_start(&a->base, l, &base, why);
    if (err != 0) {
        mem_free(a);
        return err;
    }
    *out = a;
    return 0;
}

void admin_stop(struct admin **pa)
{
    struct admin *a = *pa;
    *pa = NULL;
    if (a == NULL)
        return;
    if (a->base != NULL)
        admin_base_stop(&a->base);
    mem_free(a);
}
