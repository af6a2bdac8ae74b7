/* SPDX-License-Identifier: MIT
 * Versions of the configuration: told, gone back to, by operators or by the rollout itself. */
#include "control/api/api_history.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "control/api/config_commit.h"
#include "control/api/held.h"
#include "control/rollout/config_log.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <inttypes.h>
#include <stdio.h>

#define BODY_BYTES 1024
#define READ_BYTES (32 << 20)

/* ---- telling ---- */

struct history_job {
    struct api_job api; /* first */
    uint64_t version;   /* get: which; rollback: to which, then the new one */
    struct buf text;
};

static struct history_job *self_of(struct api_job *j)
{
    return CONTAINER_OF(j, struct history_job, api);
}

static void free_text(struct api_job *j)
{
    buf_finish(&self_of(j)->text);
}

static void answer_text(struct api_job *j)
{
    answer_json(j->x, 200, &self_of(j)->text);
}

static int run_list(struct api_job *j, struct state *s)
{
    struct json_out o;
    json_out_begin(&o, &self_of(j)->text);
    json_out_object(&o, NULL);
    rollout_write(j->worker->api->rollout, &o);
    json_out_array(&o, "versions");
    int err = config_log_write(s, &o);
    json_out_end_array(&o);
    json_out_end_object(&o);
    return err;
}

static int no_such_version(struct api_job *j, uint64_t version)
{
    buf_printf(&j->why, "Version %" PRIu64 " was never there, or is too old to be kept.", version);
    return ERR_NOT_FOUND;
}

static int run_get(struct api_job *j, struct state *s)
{
    struct history_job *job = self_of(j);
    struct config_version v;
    struct json_out o;
    struct arena mem;
    arena_init(&mem, READ_BYTES);
    int err = config_log_find(s, job->version, &v, &mem);
    if (err == 0) {
        json_out_begin(&o, &job->text);
        json_out_object(&o, NULL);
        config_log_write_one(&v, &o);
        json_out_raw(&o, "document", v.document);
        json_out_end_object(&o);
    } else if (err == ERR_NOT_FOUND) {
        err = no_such_version(j, job->version);
    }
    arena_finish(&mem);
    return err;
}

static const struct api_job_ops list_ops = {
    .bytes = sizeof(struct history_job), .run = run_list, .answer = answer_text, .free = free_text};
static const struct api_job_ops get_ops = {
    .bytes = sizeof(struct history_job), .run = run_get, .answer = answer_text, .free = free_text};

static struct history_job *create(void *app, struct exchange *x, const struct api_job_ops *ops)
{
    struct history_job *job = self_of(api_job_create(app, x, ops, SPAN_NONE));
    buf_init(&job->text, ANSWER_MAX_BYTES);
    return job;
}

void api_history_list(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    api_job_start(&create(app, x, &list_ops)->api);
}

void api_history_get(void *app, struct exchange *x, const struct router_match *m)
{
    uint64_t version;
    if (!span_u64(m->arg[0], &version)) {
        answer_problem(x, 404, "A version is named by its number.");
        return;
    }
    struct history_job *job = create(app, x, &get_ops);
    job->version = version;
    api_job_start(&job->api);
}

/* ---- going back ---- */

static int read_rollback(struct api_job *j, struct span body)
{
    struct history_job *job = self_of(j);
    struct json_in in;
    int err = json_in_parse(&in, body, BODY_BYTES);
    if (err == 0)
        job->version = json_in_u64(&in, in.root, "version", 0);
    if (err == 0 && job->version == 0)
        json_in_fault(&in, "version", "must be given");
    return json_in_end(&in, err, NULL, &j->why);
}

static int run_rollback(struct api_job *j, struct state *s)
{
    struct history_job *job = self_of(j);
    uint64_t to = job->version;
    j->what = j->about = arena_printf(&j->mem, "rollback to version %" PRIu64, to);
    struct audit_entry e = api_job_entry(j);
    struct config_result result = {.why = &j->why};
    int err = config_return(j->worker->api, s, to, &e, &result);
    job->version = result.version;
    return err == ERR_NOT_FOUND ? no_such_version(j, to) : err;
}

static void answer_rollback(struct api_job *j)
{
    struct history_job *job = self_of(j);
    struct json_out o;
    json_out_begin(&o, &job->text);
    json_out_object(&o, NULL);
    rollout_write(j->worker->api->rollout, &o);
    json_out_end_object(&o);
    answer_text(j);
}

static const struct api_job_ops rollback_ops = {.bytes = sizeof(struct history_job),
                                                .body_bytes = BODY_BYTES,
                                                .read = read_rollback,
                                                .run = run_rollback,
                                                .answer = answer_rollback,
                                                .is_news = true,
                                                .free = free_text};

void api_history_rollback(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    api_job_start(&create(app, x, &rollback_ops)->api);
}

/* ---- the rollout's own acts ---- */

struct act {
    struct state_job job; /* first */
    struct api *api;
    struct rollout_step step;
};

static void run_act(struct state_job *job, struct state *s)
{
    struct act *act = CONTAINER_OF(job, struct act, job);
    char what[sizeof act->step.why + 64];
    struct buf why;
    int err;
    buf_init(&why, 1024);
    if (act->step.act == ROLLOUT_SETTLE) {
        err = config_settle(act->api, s, act->step.version);
    } else {
        snprintf(what, sizeof what, "return to version %" PRIu64 ": %s", act->step.stable,
                 act->step.why);
        struct audit_entry e = {
            .at_wall_ms = clock_wall_ms(), .who = SPAN("rollout"), .what = span_of(what)};
        LOG_WARN("configuration-returned", "version=%" PRIu64 " stable=%" PRIu64 " why=\"%s\"",
                 act->step.version, act->step.stable, act->step.why);
        err =
            config_return(act->api, s, act->step.stable, &e, &(struct config_result){.why = &why});
    }
    if (err != 0)
        LOG_WARN_LIMITED("rollout-act-failed", "version=%" PRIu64 " error=\"%s\" why=\"%.*s\"",
                         act->step.version, err_text(err), SPAN_FMT(buf_span(&why)));
    buf_finish(&why);
}

static void act_done(struct state_job *job)
{
    struct act *act = CONTAINER_OF(job, struct act, job);
    held_ring(act->api);
    mem_free(act);
}

void api_history_tick(struct api *a, struct loop *l)
{
    struct rollout_step step = rollout_tick(a->rollout, loop_now(l));
    if (step.act == ROLLOUT_TELL)
        held_ring(a);
    if (step.act != ROLLOUT_SETTLE && step.act != ROLLOUT_RETURN)
        return;
    struct act *act = mem_zalloc(sizeof *act);
    act->job = (struct state_job){.run = run_act, .done = act_done};
    act->api = a;
    act->step = step;
    if (state_queue_submit(a->queue, l, &act->job) != 0)
        mem_free(act); /* the rollout says it again */
}
