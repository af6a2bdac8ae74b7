/* SPDX-License-Identifier: MIT
 * The one route table, and the life of workers. Threads: each function on its worker's. */
#include "control/api/api.h"

#include "control/api/answer.h"
#include "control/api/api_audit.h"
#include "control/api/api_cost.h"
#include "control/api/api_heartbeat.h"
#include "control/api/api_history.h"
#include "control/api/api_nodes.h"
#include "control/api/api_papers.h"
#include "control/api/api_prefill.h"
#include "control/api/api_purge.h"
#include "control/api/api_route.h"
#include "control/api/api_sites.h"
#include "control/api/api_status.h"
#include "control/api/api_tokens.h"
#include "control/api/auth.h"
#include "control/api/held.h"
#include "control/api/mirror_lists.h"
#include "control/api/redirect.h"
#include "control/api/round.h"
#include "control/dashboard/dashboard.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

static const struct router_row rows[] = {
    {METHOD_GET, "/v1/route", api_route, TOKEN_READ},
    {METHOD_GET, "/v1/nodes", api_nodes_list, TOKEN_READ},
    {METHOD_GET, "/v1/nodes/{id}", api_nodes_get, TOKEN_READ},
    {METHOD_PUT, "/v1/nodes/{id}", api_nodes_put, TOKEN_ADMIN},
    {METHOD_POST, "/v1/nodes/{id}/drain", api_nodes_drain, TOKEN_ADMIN},
    {METHOD_POST, "/v1/nodes/{id}/activate", api_nodes_activate, TOKEN_ADMIN},
    {METHOD_POST, "/v1/nodes/{id}/down", api_nodes_down, TOKEN_ADMIN},
    {METHOD_POST, "/v1/nodes/{id}/force", api_nodes_force, TOKEN_ADMIN},
    {METHOD_POST, "/v1/nodes/{id}/heartbeat", api_heartbeat, TOKEN_NODE},
    {METHOD_GET, "/v1/sites", api_sites_list, TOKEN_READ},
    {METHOD_GET, "/v1/sites/{name}", api_sites_get, TOKEN_READ},
    {METHOD_PUT, "/v1/sites/{name}", api_sites_put, TOKEN_ADMIN},
    {METHOD_DELETE, "/v1/sites/{name}", api_sites_delete, TOKEN_ADMIN},
    {METHOD_GET, "/v1/certificates", api_certificates_list, TOKEN_READ},
    {METHOD_GET, "/v1/certificates/{name}", api_certificates_get, TOKEN_READ},
    {METHOD_PUT, "/v1/certificates/{name}", api_certificates_put, TOKEN_ADMIN},
    {METHOD_DELETE, "/v1/certificates/{name}", api_certificates_delete, TOKEN_ADMIN},
    {METHOD_GET, "/v1/keys", api_keys_list, TOKEN_READ},
    {METHOD_GET, "/v1/keys/{name}", api_keys_get, TOKEN_READ},
    {METHOD_PUT, "/v1/keys/{name}", api_keys_put, TOKEN_ADMIN},
    {METHOD_POST, "/v1/keys/{name}/rotate", api_keys_rotate, TOKEN_ADMIN},
    {METHOD_DELETE, "/v1/keys/{name}", api_keys_delete, TOKEN_ADMIN},
    {METHOD_GET, "/v1/routing", api_routing_get, TOKEN_READ},
    {METHOD_PUT, "/v1/routing", api_routing_put, TOKEN_ADMIN},
    {METHOD_DELETE, "/v1/routing", api_routing_delete, TOKEN_ADMIN},
    {METHOD_GET, "/v1/config", api_history_list, TOKEN_READ},
    {METHOD_GET, "/v1/config/{version}", api_history_get, TOKEN_READ},
    {METHOD_POST, "/v1/config/rollback", api_history_rollback, TOKEN_ADMIN},
    {METHOD_POST, "/v1/purge", api_purge_order, TOKEN_PURGE},
    {METHOD_GET, "/v1/purges/{seq}", api_purge_get, TOKEN_READ | TOKEN_PURGE},
    {METHOD_POST, "/v1/prefill", api_prefill_order, TOKEN_PREFILL},
    {METHOD_GET, "/v1/prefills", api_prefill_list, TOKEN_READ | TOKEN_PREFILL},
    {METHOD_GET, "/v1/prefills/{id}", api_prefill_get, TOKEN_READ | TOKEN_PREFILL},
    {METHOD_DELETE, "/v1/prefills/{id}", api_prefill_cancel, TOKEN_PREFILL},
    {METHOD_GET, "/v1/cost", api_cost, TOKEN_READ},
    {METHOD_GET, "/v1/tokens", api_tokens_list, TOKEN_ADMIN},
    {METHOD_POST, "/v1/tokens", api_tokens_make, TOKEN_ADMIN},
    {METHOD_DELETE, "/v1/tokens/{name}", api_tokens_delete, TOKEN_ADMIN},
    {METHOD_GET, "/v1/audit", api_audit, TOKEN_READ},
    {METHOD_GET, "/v1/status", api_status, TOKEN_READ},
    {METHOD_GET, "/", dashboard_page, 0},
    {METHOD_GET, "/dashboard/{file}", dashboard_file, 0},
    {METHOD_GET, "/openapi.json", api_status_openapi, 0},
    {METHOD_GET, "/metrics", api_status_metrics, 0},
    {METHOD_GET, "/healthz", api_status_health, 0},
    {METHOD_GET, "/readyz", api_status_health, 0},
    {.pattern = NULL},
};

static const char *rights_text(unsigned rights)
{
    if ((rights & TOKEN_NODE) != 0)
        return "node";
    if ((rights & TOKEN_PURGE) != 0)
        return "purge";
    if ((rights & TOKEN_PREFILL) != 0)
        return "prefill";
    return (rights & TOKEN_READ) != 0 ? "read" : "admin";
}

static void refuse(struct api_worker *w, struct exchange *x, enum auth_verdict verdict,
                   unsigned rights)
{
    const char *right = rights_text(rights);
    if (verdict == AUTH_NO_TOKEN) {
        counter_add(&w->counters.tokens_refused, 1);
        answer_problem(
            x, 401, "This needs a token with the %s right: Authorization: Bearer <token>.", right);
    } else if (verdict == AUTH_NO_RIGHT) {
        counter_add(&w->counters.rights_refused, 1);
        answer_problem(x, 403, "Token %s has not the %s right.", w->caller.token.name, right);
    } else {
        counter_add(&w->counters.requests_limited, 1);
        answer_problem(x, 429, "More requests than this token or address may make.");
    }
    LOG_WARN_LIMITED("request-refused", "status=%d from=%s path=%.*s", x->status, w->caller.from,
                     SPAN_FMT(x->request.path));
}

static void run_row(struct api_worker *w, struct exchange *x, const struct router_row *row,
                    const struct router_match *m)
{
    unsigned rights = (unsigned)row->tag;
    enum auth_verdict verdict = auth_check(w, x, rights);
    if (verdict == AUTH_PASS && w->api->routes_only && row->method != METHOD_GET)
        answer_problem(x, 503, "This instance only routes: ask the one that keeps the state.");
    else if (verdict == AUTH_PASS)
        row->run(w, x, m);
    else
        refuse(w, x, verdict, rights);
}

static void on_api_request(void *app, struct exchange *x)
{
    struct router_match m;
    int status;
    x->events = &router_no_events;
    const struct router_row *row = router_find(rows, x, &m, &status);
    if (row != NULL)
        run_row(app, x, row, &m);
    else if (status == 405)
        answer_problem(x, 405, "This path does not take that method.");
    else
        answer_problem(x, 404, "There is nothing at this path.");
}

static void on_router_request(void *app, struct exchange *x)
{
    redirect_answer(app, x);
}

static void on_round(void *app)
{
    struct api_worker *w = app;
    round_run(w->round);
}

struct api_worker *api_worker_create(struct api *a, struct loop *l, int index)
{
    struct api_worker *w = mem_zalloc(sizeof *w);
    w->api = a;
    w->loop = l;
    list_init(&w->held);
    w->heat = heat_create();
    buf_init(&w->text, ANSWER_MAX_BYTES);
    geo_view_init(&w->geo, a->geo);
    registry_view_init(&w->view, a->registry);
    w->round = round_create(w);
    a->workers[index] = w;
    return w;
}

void api_worker_start(struct api_worker *w)
{
    struct server_config config = server_config_default;
    config.server_name = "byeori-control";
    w->api_server = server_create(w->loop, &config, on_api_request, w);
    w->router_server = server_create(w->loop, &config, on_router_request, w);
    server_set_round(w->api_server, on_round);
    server_set_round(w->router_server, on_round);
    w->mirrors = mirror_lists_create(w);
}

static void on_drained(void *ctx)
{
    struct api_worker *w = ctx;
    w->servers_left--;
    api_worker_check_idle(w);
}

void api_worker_drain(struct api_worker *w, void (*on_idle)(void *ctx), void *ctx)
{
    w->is_draining = true;
    w->servers_left = 2;
    w->on_idle = on_idle;
    w->idle_ctx = ctx;
    held_release(w);
    server_drain(w->api_server, on_drained, w);
    server_drain(w->router_server, on_drained, w);
}

void api_worker_stop(struct api_worker *w)
{
    server_destroy(&w->api_server);
    server_destroy(&w->router_server);
    mirror_lists_destroy(&w->mirrors);
    round_destroy(&w->round);
    registry_view_finish(&w->view);
    geo_view_finish(&w->geo);
    api_config_unref(&w->config);
}

void api_workers_free(struct api *a)
{
    for (int i = 0; i < a->worker_count; i++) {
        heat_destroy(&a->workers[i]->heat);
        buf_finish(&a->workers[i]->text);
        mem_free(a->workers[i]);
    }
    mem_free(a->workers);
    a->workers = NULL;
}
