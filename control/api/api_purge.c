/* SPDX-License-Identifier: MIT
 * Purges: ordered, and followed. */
#include "control/api/api_purge.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
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

/* By its key in the body; "site" alone is a kind of its own, and "all" that of every site. */
static const enum heartbeat_purge_kind kinds[] = {HEARTBEAT_PURGE_URL, HEARTBEAT_PURGE_PREFIX,
                                                  HEARTBEAT_PURGE_HOST, HEARTBEAT_PURGE_TAG};

/* The host that a value of this kind lies under; p == NULL: it tells none. */
static struct span host_of(struct json_in *in, const struct heartbeat_purge *p)
{
    struct url parsed;
    if (p->kind == HEARTBEAT_PURGE_HOST)
        return p->value;
    if (p->kind != HEARTBEAT_PURGE_URL && p->kind != HEARTBEAT_PURGE_PREFIX)
        return SPAN_NONE;
    if (url_parse(p->value, &parsed) == 0)
        return parsed.host;
    json_in_fault(in, heartbeat_purge_name(p->kind), "must be an absolute http or https URL");
    return SPAN_NONE;
}

/* Sets what the order purges; faults stick to in. */
static void read_order(struct json_in *in, struct api_job *j, struct heartbeat_purge *p)
{
    bool is_all = json_in_bool(in, in->root, "all", false);
    int count = is_all;
    struct span site = json_in_text(in, in->root, "site", HEARTBEAT_NAME_BYTES);
    *p = (struct heartbeat_purge){.kind = HEARTBEAT_PURGE_SITE,
                                  .site = arena_dup(&j->mem, site),
                                  .is_soft = json_in_bool(in, in->root, "soft", false)};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct span value =
            json_in_text(in, in->root, heartbeat_purge_name(kinds[i]), HEARTBEAT_URL_BYTES);
        if (value.n == 0)
            continue;
        p->kind = kinds[i];
        p->value = arena_dup(&j->mem, value);
        count++;
    }
    count += count == 0 && site.n > 0;
    if (count != 1 || (is_all && site.n > 0)) {
        json_in_fault(in, "url, prefix, host, tag, site, all", "exactly one of them must be given");
        return;
    }
    struct span host = host_of(in, p);
    if (host.n > 0 && site.n == 0)
        p->site = arena_dup(&j->mem, picture_site(api_worker_picture(j->worker), host));
}

static int read_purge(struct api_job *j, struct span body)
{
    struct purge_job *purge = CONTAINER_OF(j, struct purge_job, api);
    struct json_in in;
    int err = json_in_parse(&in, body, BODY_BYTES);
    if (err == 0)
        read_order(&in, j, &purge->record.purge);
    err = json_in_end(&in, err, &j->mem, &j->why);
    purge->record.at_wall_ms = loop_wall(j->worker->loop);
    return err;
}

static int run_purge(struct api_job *j, struct state *s)
{
    struct purge_record *r = &CONTAINER_OF(j, struct purge_job, api)->record;
    struct purge_log *log = j->worker->api->purges;
    struct state_change changes[PURGE_LOG_CHANGES];
    size_t count = purge_log_next(log, r, changes, &j->mem);
    j->about = arena_printf(&j->mem, "seq %" PRIu64 " %s %.*s", r->purge.seq,
                            heartbeat_purge_name(r->purge.kind),
                            SPAN_FMT(r->purge.value.n > 0 ? r->purge.value : r->purge.site));
    int err = count > 0 ? api_job_commit(j, s, changes, count) : ERR_TOO_BIG;
    if (err == 0) {
        purge_log_put(log, r);
        LOG_INFO("purge", "seq=%" PRIu64 " kind=%s site=%.*s value=\"%.*s\" soft=%d", r->purge.seq,
                 heartbeat_purge_name(r->purge.kind), SPAN_FMT(r->purge.site),
                 SPAN_FMT(r->purge.value), r->purge.is_soft);
    }
    return err;
}

static void answer_status(struct api_worker *w, struct exchange *x, uint64_t seq, int status)
{
    struct purge_record r;
    struct answer a;
    struct registry_position *nodes;
    char at[25];
    if (purge_log_find(w->api->purges, seq, &r, &x->mem) != 0) {
        answer_problem(x, 404, "Purge %" PRIu64 " was never given, or is too old to be kept.", seq);
        return;
    }
    size_t count = registry_positions(w->api->registry, &nodes, &x->mem);
    clock_iso(r.at_wall_ms, at);
    struct json_out *o = answer_open(&a);
    json_out_u64(o, "seq", seq);
    json_out_text(o, "kind", span_of(heartbeat_purge_name(r.purge.kind)));
    if (r.purge.kind != HEARTBEAT_PURGE_SITE)
        json_out_text(o, heartbeat_purge_name(r.purge.kind), r.purge.value);
    if (r.purge.site.n > 0)
        json_out_text(o, "site", r.purge.site);
    json_out_bool(o, "soft", r.purge.is_soft);
    json_out_text(o, "at", span_of(at));
    fanout_write(&(struct fanout_spec){nodes, count, purge_log_id(w->api->purges), seq}, o);
    answer_close(&a, x, status);
}

static void answer_purge(struct api_job *j)
{
    counter_add(&j->worker->counters.purges, 1);
    answer_status(j->worker, j->x, CONTAINER_OF(j, struct purge_job, api)->record.purge.seq, 202);
}

static const struct api_job_ops purge_ops = {.bytes = sizeof(struct purge_job),
                                             .body_bytes = BODY_BYTES,
                                             .read = read_purge,
                                             .run = run_purge,
                                             .answer = answer_purge,
                                             .is_news = true};

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
