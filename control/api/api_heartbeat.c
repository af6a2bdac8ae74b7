/* SPDX-License-Identifier: MIT
 * A heartbeat comes in: into the registry and the ledger; how it is answered is held.c's matter. */
#include "control/api/api_heartbeat.h"

#include "control/api/answer.h"
#include "control/api/auth.h"
#include "control/api/held.h"
#include "control/billing/ledger.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

#define DECODE_BYTES (4 << 20)
#define BODY_BYTES   (768 << 10) /* the exchange's own memory has 1 MiB */

/* While the body comes in; in the memory of the exchange. */
struct incoming {
    struct api_worker *worker;
    struct span node; /* as in the path */
};

static void take(struct api_worker *w, struct exchange *x, const struct heartbeat *h)
{
    if (registry_beat(w->api->registry, h, loop_now(w->loop), loop_wall(w->loop)) != 0) {
        counter_add(&w->counters.heartbeats_refused, 1);
        LOG_WARN_LIMITED("heartbeat-of-unknown-node", "node=%.*s", SPAN_FMT(h->node));
        answer_problem(x, 404,
                       "Node %.*s is not registered: PUT /v1/nodes/%.*s, or a node "
                       "section in the configuration.",
                       SPAN_FMT(h->node), SPAN_FMT(h->node));
        return;
    }
    counter_add(&w->counters.heartbeats, 1);
    rollout_beat(w->api->rollout, h, loop_now(w->loop));
    ledger_add(w->api->ledger, h, loop_wall(w->loop));
    prefill_log_beat(w->api->prefills, h);
    held_answer_or_wait(w, x, h);
}

static const char *fault_of(const struct heartbeat *h, struct span node)
{
    if (!span_eq(h->node, node))
        return "node: is not the one in the path";
    const struct span urls[] = {h->http_url, h->https_url, h->admin_url};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        if (urls[i].n > 0 && !node_url_is_valid(urls[i]))
            return "http_url, https_url, admin_url: must be http(s)://host[:port][/path] without a "
                   "slash at the end";
    return NULL;
}

static void on_body(void *owner, struct exchange *x, int err, struct span bytes)
{
    struct incoming in = *(struct incoming *)owner;
    struct arena mem;
    struct buf why;
    struct heartbeat h;
    arena_init(&mem, DECODE_BYTES);
    buf_init(&why, 1024);
    x->events = &router_no_events; /* whoever answers may set others */
    if (err == 0)
        err = heartbeat_read(bytes, &h, &mem, &why);
    const char *fault = err == 0 ? fault_of(&h, in.node) : NULL;
    if (fault != NULL) {
        buf_printf(&why, "%s", fault);
        err = ERR_SYNTAX;
    }
    if (err == 0) {
        take(in.worker, x, &h);
    } else if (err != ERR_CLOSED) {
        counter_add(&in.worker->counters.heartbeats_refused, 1);
        answer_error(x, err, buf_span(&why));
    }
    buf_finish(&why);
    arena_finish(&mem);
}

void api_heartbeat(void *app, struct exchange *x, const struct router_match *m)
{
    if (!auth_is_node(app, m->arg[0])) {
        counter_add(&((struct api_worker *)app)->counters.rights_refused, 1);
        answer_problem(x, 403, "The token is another node's.");
        return;
    }
    struct incoming *in = arena_alloc(&x->mem, sizeof *in);
    *in = (struct incoming){app, m->arg[0]};
    x->events = &router_no_events;
    x->owner = in;
    exchange_collect(x, BODY_BYTES, on_body);
}
