/* SPDX-License-Identifier: MIT
 * Nodes: told, put, and the operator's word on them. */
#include "control/api/api_nodes.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#define BODY_BYTES (32 << 10)

static void write_node(const struct picture_node *n, struct json_out *o)
{
    char heard[25];
    json_out_object(o, NULL);
    node_write(&n->spec, o);
    json_out_text(o, "mode", span_of(node_mode_name(n->mode)));
    json_out_text(o, "health", span_of(health_state_name(n->health)));
    json_out_text(o, "class", span_of(standing_name(picture_standing(n, NODE_ANY_FAMILY))));
    if (n->heard_wall_ms > 0) {
        clock_iso(n->heard_wall_ms, heard);
        json_out_text(o, "heard", span_of(heard));
        json_out_text(o, "program", n->program);
        json_out_object(o, "load");
        json_out_u64(o, "connections", n->load.connections);
        json_out_real(o, "requests_per_s", n->load.requests_per_s, 1);
        json_out_real(o, "out_bytes_per_s", n->load.out_bytes_per_s, 0);
        json_out_real(o, "cpu", n->load.cpu, 4);
        json_out_u64(o, "memory_used_bytes", n->load.memory_used_bytes);
        json_out_u64(o, "memory_cap_bytes", n->load.memory_cap_bytes);
        json_out_end_object(o);
        json_out_u64(o, "config_version", n->config_version);
        if (n->config_fault.n > 0)
            json_out_text(o, "config_fault", n->config_fault);
    }
    json_out_end_object(o);
}

void api_nodes_list(void *app, struct exchange *x, const struct router_match *m)
{
    const struct picture *p = api_worker_picture(app);
    struct answer a;
    (void)m;
    struct json_out *o = answer_open(&a);
    json_out_bool(o, "frozen", p->is_frozen);
    json_out_array(o, "nodes");
    for (size_t i = 0; i < p->node_count; i++)
        write_node(&p->nodes[i], o);
    json_out_end_array(o);
    answer_close(&a, x, 200);
}

static void answer_node(struct api_worker *w, struct exchange *x, struct span id)
{
    const struct picture_node *n = picture_node_named(api_worker_picture(w), id);
    struct buf text;
    struct json_out o;
    if (n == NULL) {
        answer_problem(x, 404, "There is no node %.*s.", SPAN_FMT(id));
        return;
    }
    buf_init(&text, ANSWER_MAX_BYTES);
    json_out_begin(&o, &text);
    write_node(n, &o);
    answer_json(x, 200, &text);
    buf_finish(&text);
}

void api_nodes_get(void *app, struct exchange *x, const struct router_match *m)
{
    answer_node(app, x, m->arg[0]);
}

static void answer_changed(struct api_job *j)
{
    answer_node(j->worker, j->x, j->subject);
}

/* ---- put ---- */

struct put_job {
    struct api_job api; /* first */
    struct node_spec spec;
};

static int read_put(struct api_job *j, struct span body)
{
    struct put_job *put = CONTAINER_OF(j, struct put_job, api);
    struct json_in in;
    int err = json_in_parse(&in, body, BODY_BYTES);
    if (err == 0 && json_in_kind(in.root) != JSON_KIND_OBJECT)
        json_in_fault(&in, "node", "is no object");
    if (err == 0) {
        put->spec = node_read(&in, in.root, &j->mem);
        if (put->spec.id.n == 0)
            put->spec.id = j->subject;
    }
    if (err == 0 && !json_in_is_faulty(&in) && !span_eq(put->spec.id, j->subject))
        json_in_fault(&in, "id", "is not the one in the path");
    const char *fault = err != 0 || json_in_is_faulty(&in) ? in.fault : node_check(&put->spec);
    if (fault[0] != '\0') {
        buf_printf(&j->why, "%s", fault);
        err = err != 0 ? err : ERR_SYNTAX;
    }
    json_in_finish(&in);
    return err;
}

static int run_put(struct api_job *j, struct state *s)
{
    struct registry *r = j->worker->api->registry;
    struct put_job *put = CONTAINER_OF(j, struct put_job, api);
    struct registry_edit edit = {put->spec.id, &put->spec, -1};
    struct state_change change;
    int err = registry_may_put(r, put->spec.id, &j->why);
    if (err == 0)
        err = registry_node_change(r, &edit, &change, &j->mem);
    if (err == 0)
        err = api_job_commit(j, s, &change, 1);
    if (err == 0)
        registry_put(r, &put->spec);
    return err;
}

static const struct api_job_ops put_ops = {.bytes = sizeof(struct put_job),
                                           .body_bytes = BODY_BYTES,
                                           .read = read_put,
                                           .run = run_put,
                                           .answer = answer_changed};

void api_nodes_put(void *app, struct exchange *x, const struct router_match *m)
{
    api_job_start(api_job_create(app, x, &put_ops, m->arg[0]));
}

/* ---- modes ---- */

struct mode_job {
    struct api_job api; /* first */
    enum node_mode mode;
};

static int run_mode(struct api_job *j, struct state *s)
{
    struct registry *r = j->worker->api->registry;
    enum node_mode mode = CONTAINER_OF(j, struct mode_job, api)->mode;
    struct registry_edit edit = {j->subject, NULL, (int)mode};
    struct state_change change;
    int err = registry_node_change(r, &edit, &change, &j->mem);
    if (err == ERR_NOT_FOUND)
        buf_printf(&j->why, "There is no node %.*s.", SPAN_FMT(j->subject));
    if (err == 0)
        err = api_job_commit(j, s, &change, 1);
    if (err == 0) {
        registry_set_mode(r, j->subject, mode);
        LOG_INFO("node-mode", "node=%.*s mode=%s", SPAN_FMT(j->subject), node_mode_name(mode));
    }
    return err;
}

static const struct api_job_ops mode_ops = {
    .bytes = sizeof(struct mode_job), .run = run_mode, .answer = answer_changed};

static void set_mode(void *app, struct exchange *x, const struct router_match *m,
                     enum node_mode mode)
{
    struct api_job *j = api_job_create(app, x, &mode_ops, m->arg[0]);
    CONTAINER_OF(j, struct mode_job, api)->mode = mode;
    api_job_start(j);
}

void api_nodes_drain(void *app, struct exchange *x, const struct router_match *m)
{
    set_mode(app, x, m, NODE_DRAIN);
}

void api_nodes_activate(void *app, struct exchange *x, const struct router_match *m)
{
    set_mode(app, x, m, NODE_AUTO);
}

void api_nodes_down(void *app, struct exchange *x, const struct router_match *m)
{
    set_mode(app, x, m, NODE_DOWN);
}

void api_nodes_force(void *app, struct exchange *x, const struct router_match *m)
{
    set_mode(app, x, m, NODE_FORCED);
}
