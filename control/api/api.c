/* SPDX-License-Identifier: MIT
 * The one route table, and the life of workers. Threads: each function on its worker's. */
#include "control/api/api.h"

#include "control/api/answer.h"
#include "control/api/api_cost.h"
#include "control/api/api_heartbeat.h"
#include "control/api/api_nodes.h"
#include "control/api/api_purge.h"
#include "control/api/api_route.h"
#include "control/api/api_sites.h"
#include "control/api/api_status.h"
#include "control/api/auth.h"
#include "control/api/held.h"
#include "control/api/redirect.h"
#include "control/api/steer.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

static const struct router_row rows[] = {
    {METHOD_GET, "/v1/route", api_route, AUTH_OPERATOR},
    {METHOD_GET, "/v1/nodes", api_nodes_list, AUTH_OPERATOR},
    {METHOD_GET, "/v1/nodes/{id}", api_nodes_get, AUTH_OPERATOR},
    {METHOD_PUT, "/v1/nodes/{id}", api_nodes_put, AUTH_OPERATOR},
    {METHOD_POST, "/v1/nodes/{id}/drain", api_nodes_drain, AUTH_OPERATOR},
    {METHOD_POST, "/v1/nodes/{id}/activate", api_nodes_activate, AUTH_OPERATOR},
    {METHOD_POST, "/v1/nodes/{id}/down", api_nodes_down, AUTH_OPERATOR},
    {METHOD_POST, "/v1/nodes/{id}/force", api_nodes_force, AUTH_OPERATOR},
    {METHOD_POST, "/v1/nodes/{id}/heartbeat", api_heartbeat, AUTH_NODE},
    {METHOD_GET, "/v1/sites", api_sites_list, AUTH_OPERATOR},
    {METHOD_GET, "/v1/sites/{name}", api_sites_get, AUTH_OPERATOR},
    {METHOD_PUT, "/v1/sites/{name}", api_sites_put, AUTH_OPERATOR},
    {METHOD_POST, "/v1/purge", api_purge_order, AUTH_OPERATOR},
    {METHOD_GET, "/v1/purges/{seq}", api_purge_get, AUTH_OPERATOR},
    {METHOD_GET, "/v1/cost", api_cost, AUTH_OPERATOR},
    {METHOD_GET, "/v1/status", api_status, AUTH_OPERATOR},
    {METHOD_GET, "/metrics", api_status_metrics, AUTH_OPEN},
    {METHOD_GET, "/healthz", api_status_health, AUTH_OPEN},
    {METHOD_GET, "/readyz", api_status_health, AUTH_OPEN},
    {.pattern = NULL},
};

static void run_row(struct api_worker *w, struct exchange *x, const struct router_row *row,
                    const struct router_match *m)
{
    if (auth_may(api_worker_config(w), x, (enum auth_right)row->tag)) {
        row->run(w, x, m);
        return;
    }
    counter_add(&w->counters.tokens_refused, 1);
    LOG_WARN_LIMITED("token-refused", "path=%.*s", SPAN_FMT(x->request.path));
    answer_problem(x, 401, "This needs the %s token: Authorization: Bearer <token>.",
                   row->tag == AUTH_NODE ? "nodes'" : "operators'");
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

/* A router address has no rows of its own but the one that anybody may ask; the rest is a user's
 * request for a site, or misdirected (RFC 9110 s.15.5.20). */
static void on_router_request(void *app, struct exchange *x)
{
    struct api_worker *w = app;
    struct span host = steer_host(x->request.host, &x->mem);
    x->events = &router_no_events;
    if (picture_site(api_worker_picture(w), host).p != NULL) {
        redirect_user(w, x, host);
        return;
    }
    if (x->request.method == METHOD_GET && span_eq(x->request.path, SPAN("/v1/route"))) {
        struct router_match m = {.query = x->request.query};
        api_route(w, x, &m);
        return;
    }
    counter_add(&w->counters.unknown_hosts, 1);
    answer_problem(x, 421, "No site has the host %.*s.", SPAN_FMT(host));
}

struct api_worker *api_worker_create(struct api *a, struct loop *l, int index)
{
    struct api_worker *w = mem_zalloc(sizeof *w);
    w->api = a;
    w->loop = l;
    list_init(&w->held);
    registry_view_init(&w->view, a->registry);
    a->workers[index] = w;
    return w;
}

void api_worker_start(struct api_worker *w)
{
    struct server_config config = server_config_default;
    config.server_name = "byeori-control";
    w->api_server = server_create(w->loop, &config, on_api_request, w);
    w->router_server = server_create(w->loop, &config, on_router_request, w);
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
    registry_view_finish(&w->view);
    api_config_unref(&w->config);
}

void api_workers_free(struct api *a)
{
    for (int i = 0; i < a->worker_count; i++)
        mem_free(a->workers[i]);
    mem_free(a->workers);
    a->workers = NULL;
}
