/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_WORKER_H
#define CONTROL_API_API_WORKER_H

#include "control/access/audit.h"
#include "control/access/secrets.h"
#include "control/access/token.h"
#include "control/api/api_config.h"
#include "control/api/api_counters.h"
#include "control/prefill/prefill_log.h"
#include "control/purge/purge_log.h"
#include "control/registry/registry.h"
#include "control/rollout/papers.h"
#include "control/rollout/rollout.h"
#include "control/route/heat.h"
#include "control/state/state_queue.h"
#include "lib/base/limit.h"
#include "lib/net/addr.h"
#include "lib/geo/geo_follow.h"
#include "lib/net/loop.h"
#include "lib/web/router.h"
#include "lib/web/server.h"

/* What all workers of the API share, and what each has of its own. */
struct api_worker;

struct api {
    /* set before the workers start, then constant */
    struct registry *registry;
    struct purge_log *purges;
    struct prefill_log *prefills;
    struct ledger *ledger;
    struct geo_follow *geo;
    struct rollout *rollout;
    struct papers *papers;
    struct secrets *secrets; /* the state's thread */
    struct tokens *tokens;
    struct audit *audit;                  /* the state's thread */
    struct limit *wrong_tokens, *callers; /* by address, by name of token */
    struct state_queue *queue;
    struct api_worker **workers; /* [worker_count] */
    int worker_count;
    bool routes_only; /* changes and heartbeats are refused */
    msec_t started_wall_ms;
    void (*other_metrics)(void *ctx,
                          struct buf *out); /* of parts that are not the API's; or NULL */
    void *other_ctx;
    /* any thread */
    struct api_config_box config;
};

/* Who asks: of the request whose row's function is being called. */
struct api_caller {
    struct token token;
    char from[ADDR_TEXT_ROOM];
};

struct api_worker {
    /* constant */
    struct api *api;
    struct loop *loop;
    struct server *api_server, *router_server;
    /* this thread only */
    struct registry_view view;
    struct api_config *config; /* through api_worker_config() */
    struct heat *heat;         /* what its users ask for */
    struct geo_view geo;
    struct list held; /* heartbeats that wait for news */
    struct mirror_lists *mirrors;
    struct round *round;
    struct api_caller caller;
    struct buf text; /* of the answer that is being written */
    size_t jobs;     /* on their way through the state's thread */
    bool is_draining;
    int servers_left;           /* that have not drained yet */
    void (*on_idle)(void *ctx); /* once: nothing runs any more */
    void *idle_ctx;
    /* written by this thread, read by any */
    struct api_counters counters;
    /* any thread */
    struct mail bell;
    atomic_bool bell_rings;
};

static inline const struct picture *api_worker_picture(struct api_worker *w)
{
    return registry_view_now(&w->view);
}

/* api_worker_check_idle: tells on_idle, where it waits for that. After anything that ended. */
void api_worker_check_idle(struct api_worker *w);

static inline const struct api_config *api_worker_config(struct api_worker *w)
{
    return api_config_now(&w->api->config, &w->config);
}

#endif
