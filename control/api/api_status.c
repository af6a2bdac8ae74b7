/* SPDX-License-Identifier: MIT
 * The control plane about itself. */
#include "control/api/api_status.h"

#include "control/api/answer.h"
#include "control/api/api_geo.h"
#include "control/billing/ledger.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"
#include "lib/daemon/metrics_text.h"
#include "lib/web/server_counters.h"

static const struct counter_row api_rows[] = {
#define X(name, help) {#name, help, offsetof(struct api_counters, name)},
    API_COUNTERS(X)
#undef X
};

const struct counter_table api_counter_table = {"byeori_control_", api_rows, ARRAY_LEN(api_rows)};

extern const struct span openapi_text; /* made from openapi.json when this is built */

struct tally {
    size_t up, down, recovering, unseen, able;
};

static struct tally tally_of(const struct picture *p)
{
    struct tally t = {0};
    size_t *const by_state[] = {[HEALTH_UNSEEN] = &t.unseen,
                                [HEALTH_UP] = &t.up,
                                [HEALTH_DOWN] = &t.down,
                                [HEALTH_RECOVERING] = &t.recovering};
    for (size_t i = 0; i < p->node_count; i++) {
        ++*by_state[p->nodes[i].health];
        t.able += picture_standing(&p->nodes[i], NODE_ANY_FAMILY) == STANDING_ABLE;
    }
    return t;
}

static void write_purges(struct api *a, struct json_out *o)
{
    struct heartbeat_answer purges = {0};
    struct arena none;
    arena_init(&none, 0);
    purge_log_answer(a->purges, SPAN_NONE, 0, &purges, &none);
    json_out_object(o, "purges");
    json_out_text(o, "log", purges.purge_log);
    json_out_u64(o, "floor", purges.purge_floor);
    json_out_u64(o, "head", purges.purge_head);
    json_out_end_object(o);
    arena_finish(&none);
}

void api_status(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    const struct picture *p = api_worker_picture(w);
    struct tally t = tally_of(p);
    struct answer a;
    (void)m;
    struct json_out *o = answer_open(&a);
    json_out_text(o, "program", SPAN("byeori-control"));
    json_out_text(o, "version", SPAN(BYEORI_VERSION));
    json_out_int(o, "uptime_s", (loop_wall(w->loop) - w->api->started_wall_ms) / MSEC_PER_SEC);
    json_out_object(o, "nodes");
    json_out_u64(o, "all", p->node_count);
    json_out_u64(o, "able", t.able);
    json_out_u64(o, "up", t.up);
    json_out_u64(o, "down", t.down);
    json_out_u64(o, "recovering", t.recovering);
    json_out_u64(o, "unseen", t.unseen);
    json_out_bool(o, "frozen", p->is_frozen);
    json_out_end_object(o);
    json_out_u64(o, "site_hosts", map_count(p->site_by_host));
    json_out_u64(o, "config_version", p->config_version);
    write_purges(w->api, o);
    api_geo_write(w, o);
    answer_close(&a, x, 200);
}

static void write_server(struct api *a, bool is_router, struct buf *out)
{
    const void **records = mem_zarray((size_t)a->worker_count + 1, sizeof *records);
    struct counter_table table = server_counter_table;
    size_t count = 0;
    for (int i = 0; i < a->worker_count; i++) {
        const struct api_worker *w = a->workers[i];
        const struct server *s = is_router ? w->router_server : w->api_server;
        if (s != NULL) /* it starts or stops with its worker */
            records[count++] = server_counters_of(s);
    }
    table.prefix = is_router ? "byeori_control_router_http_" : "byeori_control_api_http_";
    metrics_counters(&table, records, count, out);
    mem_free(records);
}

static void write_gauges(struct api *a, const struct picture *p, struct buf *out)
{
    struct tally t = tally_of(p);
    const struct {
        const char *name, *help;
        double value;
    } rows[] = {
        {"byeori_control_nodes", "nodes registered", (double)p->node_count},
        {"byeori_control_nodes_up", "nodes whose heartbeats come", (double)t.up},
        {"byeori_control_nodes_able", "nodes that users are sent to", (double)t.able},
        {"byeori_control_frozen", "1: more than half fell silent at once, the picture stays",
         p->is_frozen},
        {"byeori_control_purge_head", "sequence number of the newest purge",
         (double)purge_log_head(a->purges)},
        {"byeori_control_config_version", "version of the site document",
         (double)p->config_version},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metrics_gauge(rows[i].name, rows[i].help, rows[i].value, out);
}

void api_status_write_metrics(struct api *a, struct buf *out)
{
    const void **records = mem_zarray((size_t)a->worker_count + 1, sizeof *records);
    struct registry_view view;
    for (int i = 0; i < a->worker_count; i++)
        records[i] = &a->workers[i]->counters;
    metrics_counters(&api_counter_table, records, (size_t)a->worker_count, out);
    mem_free(records);
    write_server(a, true, out);
    write_server(a, false, out);
    registry_view_init(&view, a->registry);
    write_gauges(a, registry_view_now(&view), out);
    registry_view_finish(&view);
    api_geo_write_metrics(a, out);
    if (a->other_metrics != NULL)
        a->other_metrics(a->other_ctx, out);
    metrics_process(a->started_wall_ms, out);
}

void api_status_metrics(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    struct buf text;
    (void)m;
    buf_init(&text, ANSWER_MAX_BYTES);
    api_status_write_metrics(w->api, &text);
    exchange_reply(x, 200, SPAN("text/plain; version=0.0.4; charset=utf-8"), buf_span(&text));
    buf_finish(&text);
}

void api_status_openapi(void *app, struct exchange *x, const struct router_match *m)
{
    (void)app;
    (void)m;
    exchange_reply(x, 200, SPAN("application/json"), openapi_text);
}

void api_status_health(void *app, struct exchange *x, const struct router_match *m)
{
    (void)app;
    (void)m;
    exchange_reply(x, 200, SPAN_NONE, SPAN("ok\n"));
}
