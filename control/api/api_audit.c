/* SPDX-License-Identifier: MIT
 * The audit log, told newest first by pages. */
#include "control/api/api_audit.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"

#define DEFAULT_COUNT 100
#define MAX_COUNT     1000

struct audit_job {
    struct api_job api; /* first */
    uint64_t before, count;
    struct buf text;
};

static struct audit_job *self_of(struct api_job *j)
{
    return CONTAINER_OF(j, struct audit_job, api);
}

static int run_audit(struct api_job *j, struct state *s)
{
    struct audit_job *job = self_of(j);
    struct json_out o;
    uint64_t head = audit_head(j->worker->api->audit);
    uint64_t before = job->before <= head ? job->before : head + 1;
    json_out_begin(&o, &job->text);
    json_out_object(&o, NULL);
    json_out_u64(&o, "head", head);
    json_out_array(&o, "entries");
    int err = audit_write(s, before > job->count ? before - job->count : 1, before, &o);
    json_out_end_array(&o);
    json_out_end_object(&o);
    return err;
}

static void answer_audit(struct api_job *j)
{
    answer_json(j->x, 200, &self_of(j)->text);
}

static void free_audit(struct api_job *j)
{
    buf_finish(&self_of(j)->text);
}

static const struct api_job_ops audit_ops = {.bytes = sizeof(struct audit_job),
                                             .run = run_audit,
                                             .answer = answer_audit,
                                             .free = free_audit};

static uint64_t number(struct exchange *x, struct span query, const char *name, uint64_t fallback)
{
    uint64_t n;
    int err;
    struct span s = router_query(query, name, &x->mem, &err);
    return s.p == NULL ? fallback : err == 0 && span_u64(s, &n) ? n : 0;
}

void api_audit(void *app, struct exchange *x, const struct router_match *m)
{
    uint64_t before = number(x, m->query, "before", UINT64_MAX);
    uint64_t count = number(x, m->query, "n", DEFAULT_COUNT);
    if (before == 0 || count == 0 || count > MAX_COUNT) {
        answer_problem(x, 400, "before is an entry's number, n is from 1 to %d.", MAX_COUNT);
        return;
    }
    struct api_job *j = api_job_create(app, x, &audit_ops, SPAN_NONE);
    struct audit_job *job = self_of(j);
    job->before = before;
    job->count = count;
    buf_init(&job->text, ANSWER_MAX_BYTES);
    api_job_start(j);
}

/* ---- what did not come through the API ---- */

struct note {
    struct state_job job; /* first */
    struct audit *audit;
    struct audit_entry entry; /* of constants */
};

static void run_note(struct state_job *job, struct state *s)
{
    struct note *n = CONTAINER_OF(job, struct note, job);
    if (audit_commit(n->audit, s, &n->entry, NULL, 0) != 0)
        LOG_WARN("audit-note-lost", "what=\"%.*s\"", SPAN_FMT(n->entry.what));
}

static void note_done(struct state_job *job)
{
    mem_free(CONTAINER_OF(job, struct note, job));
}

void api_audit_note(struct api *a, struct loop *l, const char *who, const char *what)
{
    struct note *n = mem_zalloc(sizeof *n);
    n->job = (struct state_job){.run = run_note, .done = note_done};
    n->audit = a->audit;
    n->entry = (struct audit_entry){
        .at_wall_ms = clock_wall_ms(), .who = span_of(who), .what = span_of(what)};
    if (state_queue_submit(a->queue, l, &n->job) != 0) {
        LOG_WARN("audit-note-lost", "what=\"%s\"", what);
        mem_free(n);
    }
}
