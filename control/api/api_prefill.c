/* SPDX-License-Identifier: MIT
 * Prefills: ordered for some nodes or all, followed, and cancelled. */
#include "control/api/api_prefill.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "control/prefill/prefill_log.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

struct prefill_job {
    struct api_job api; /* first */
    struct prefill_record record;
};

static struct prefill_job *prefill_of(struct api_job *j)
{
    return CONTAINER_OF(j, struct prefill_job, api);
}

/* Those that are named; all that there are where none is. */
static void read_nodes(struct json_in *in, struct api_job *j, struct prefill_record *r)
{
    const struct picture *p = api_worker_picture(j->worker);
    const struct json_t *named = json_in_array(in, in->root, "nodes", PREFILL_LOG_NODES_MAX);
    size_t count = named != NULL ? json_in_count(named) : p->node_count;
    struct span *v = arena_zalloc(&j->mem, (count + 1) * sizeof *v);
    for (size_t i = 0; i < count && !arena_overflowed(&j->mem); i++) {
        struct span id = named != NULL ? json_in_text_at(in, named, i, HEARTBEAT_NAME_BYTES)
                                       : p->nodes[i].spec.id;
        if (picture_node_named(p, id) == NULL)
            json_in_fault(in, "nodes", "names a node that there is not");
        v[i] = arena_dup(&j->mem, id);
    }
    if (count == 0 || count > PREFILL_LOG_NODES_MAX)
        json_in_fault(in, "nodes", "are none, or more than 1024");
    r->nodes = v;
    r->node_count = count;
}

static int read_prefill(struct api_job *j, struct span body)
{
    struct prefill_record *r = &prefill_of(j)->record;
    struct json_in in;
    int err = json_in_parse(&in, body, PREFILL_BODY_BYTES);
    r->at_wall_ms = loop_wall(j->worker->loop);
    if (err == 0) {
        prefill_order_read(&in, in.root, r->at_wall_ms, &r->order, &j->mem);
        read_nodes(&in, j, r);
    }
    return json_in_end(&in, err, &j->mem, &j->why);
}

static int run_prefill(struct api_job *j, struct state *s)
{
    struct prefill_record *r = &prefill_of(j)->record;
    struct prefill_log *log = j->worker->api->prefills;
    struct state_change changes[PREFILL_LOG_CHANGES];
    if (r->order.id.n > 0 && prefill_log_has(log, r->order.id)) {
        buf_printf(&j->why, "There is a prefill of the id %.*s.", SPAN_FMT(r->order.id));
        return ERR_EXISTS;
    }
    size_t count = prefill_log_next(log, r, changes, &j->mem);
    j->about = arena_printf(&j->mem, "%.*s: %zu URLs to %zu nodes", SPAN_FMT(r->order.id),
                            r->order.url_count, r->node_count);
    int err = count > 0 ? api_job_commit(j, s, changes, count) : ERR_TOO_BIG;
    if (err == 0) {
        prefill_log_put(log, r);
        LOG_INFO("prefill", "id=%.*s urls=%zu nodes=%zu", SPAN_FMT(r->order.id), r->order.url_count,
                 r->node_count);
    }
    return err;
}

static void answer_one(struct api_worker *w, struct exchange *x, struct span id, int status)
{
    struct answer a;
    if (prefill_log_write(w->api->prefills, id, answer_open(&a))) {
        answer_close(&a, x, status);
        return;
    }
    answer_drop(&a);
    answer_problem(x, 404, "There is no such prefill, or it is too long ago.");
}

static void answer_prefill(struct api_job *j)
{
    answer_one(j->worker, j->x, prefill_of(j)->record.order.id, 202);
}

static const struct api_job_ops order_ops = {.bytes = sizeof(struct prefill_job),
                                             .body_bytes = PREFILL_BODY_BYTES,
                                             .read = read_prefill,
                                             .run = run_prefill,
                                             .answer = answer_prefill,
                                             .is_news = true};

void api_prefill_order(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    api_job_start(api_job_create(app, x, &order_ops, SPAN_NONE));
}

static int run_cancel(struct api_job *j, struct state *s)
{
    struct prefill_log *log = j->worker->api->prefills;
    struct state_change change;
    if (!prefill_log_cancel_change(log, j->subject, &change, &j->mem))
        return ERR_NOT_FOUND;
    j->about = j->subject;
    int err = api_job_commit(j, s, &change, 1);
    if (err == 0)
        prefill_log_cancel(log, j->subject);
    return err;
}

static void answer_cancel(struct api_job *j)
{
    answer_one(j->worker, j->x, j->subject, 200);
}

static const struct api_job_ops cancel_ops = {.bytes = sizeof(struct prefill_job),
                                              .run = run_cancel,
                                              .answer = answer_cancel,
                                              .is_news = true};

void api_prefill_cancel(void *app, struct exchange *x, const struct router_match *m)
{
    api_job_start(api_job_create(app, x, &cancel_ops, m->arg[0]));
}

void api_prefill_get(void *app, struct exchange *x, const struct router_match *m)
{
    answer_one(app, x, m->arg[0], 200);
}

void api_prefill_list(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    struct answer a;
    (void)m;
    struct json_out *o = answer_open(&a);
    json_out_array(o, "prefills");
    prefill_log_write_all(w->api->prefills, o);
    json_out_end_array(o);
    answer_close(&a, x, 200);
}
