/* SPDX-License-Identifier: MIT
 * Purges: ordered, and followed. */
#include "control/api/api_purge.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "control/api/held.h"
#include "control/purge/fanout.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"
#include "lib/http/url.h"

#include <inttypes.h>

#define BODY_BYTES (16 << 10)

struct purge_job {
    struct api_job api; /* first */
    struct purge_record record;
};

/* Sets what the order purges; faults stick to in. */
static void read_order(struct json_in *in, struct api_job *j, struct heartbeat_purge *p)
{
    struct span url = arena_dup(&j->mem, json_in_text(in, in->root, "url", HEARTBEAT_URL_BYTES));
    struct span site = arena_dup(&j->mem, json_in_text(in, in->root, "site", HEARTBEAT_NAME_BYTES));
    p->is_soft = json_in_bool(in, in->root, "soft", false);
    if ((url.n > 0) == (site.n > 0)) {
        json_in_fault(in, "url, site", "exactly one of them must be given");
        return;
    }
    p->kind = url.n > 0 ? HEARTBEAT_PURGE_URL : HEARTBEAT_PURGE_SITE;
    p->value = url;
    p->site = site;
    struct url parsed;
    if (url.n > 0 && url_parse(url, &parsed) != 0)
        json_in_fault(in, "url", "must be an absolute http or https URL");
    if (url.n > 0 && !json_in_is_faulty(in))
        p->site = arena_dup(&j->mem, picture_site(api_worker_picture(j->worker), parsed.host));
}

static int read_purge(struct api_job *j, struct span body)
{
    struct purge_job *purge = CONTAINER_OF(j, struct purge_job, api);
    struct json_in in;
    int err = json_in_parse(&in, body, BODY_BYTES);
    if (err == 0)
        read_order(&in, j, &purge->record.purge);
    if (json_in_is_faulty(&in)) {
        buf_printf(&j->why, "%s", in.fault);
        err = err != 0 ? err : ERR_SYNTAX;
    }
    json_in_finish(&in);
    purge->record.at_wall_ms = loop_wall(j->worker->loop);
    return err;
}

static int run_purge(struct api_job *j, struct state *s)
{
    struct purge_record *r = &CONTAINER_OF(j, struct purge_job, api)->record;
    int err = purge_log_append(j->worker->api->purges, s, r);
    if (err == 0)
        LOG_INFO("purge", "seq=%" PRIu64 " site=%.*s url=%.*s soft=%d", r->purge.seq,
                 SPAN_FMT(r->purge.site), SPAN_FMT(r->purge.value), r->purge.is_soft);
    return err;
}

static void answer_status(struct api_worker *w, struct exchange *x, uint64_t seq, int status)
{
    struct purge_record r;
    struct buf text;
    struct json_out o;
    struct registry_position *nodes;
    char at[25];
    if (purge_log_find(w->api->purges, seq, &r, &x->mem) != 0) {
        answer_problem(x, 404, "Purge %" PRIu64 " was never given, or is too old to be kept.", seq);
        return;
    }
    size_t count = registry_positions(w->api->registry, &nodes, &x->mem);
    buf_init(&text, ANSWER_MAX_BYTES);
    clock_iso(r.at_wall_ms, at);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_u64(&o, "seq", seq);
    if (r.purge.kind == HEARTBEAT_PURGE_URL)
        json_out_text(&o, "url", r.purge.value);
    if (r.purge.site.n > 0)
        json_out_text(&o, "site", r.purge.site);
    json_out_bool(&o, "soft", r.purge.is_soft);
    json_out_text(&o, "at", span_of(at));
    fanout_write(&(struct fanout_spec){nodes, count, purge_log_id(w->api->purges), seq}, &o);
    json_out_end_object(&o);
    answer_json(x, status, &text);
    buf_finish(&text);
}

static void answer_purge(struct api_job *j)
{
    counter_add(&j->worker->counters.purges, 1);
    answer_status(j->worker, j->x, CONTAINER_OF(j, struct purge_job, api)->record.purge.seq, 202);
}

static void after_purge(struct api_worker *w)
{
    held_ring(w->api);
}

static const struct api_job_ops purge_ops = {.bytes = sizeof(struct purge_job),
                                             .body_bytes = BODY_BYTES,
                                             .read = read_purge,
                                             .run = run_purge,
                                             .answer = answer_purge,
                                             .after = after_purge};

void api_purge_order(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    api_job_start(api_job_create(app, x, &purge_ops, SPAN_NONE));
}

void api_purge_get(void *app, struct exchange *x, const struct router_match *m)
{
    uint64_t seq;
    if (span_u64(m->arg[0], &seq))
        answer_status(app, x, seq, 200);
    else
        answer_problem(x, 404, "A purge is named by its number.");
}
