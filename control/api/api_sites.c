/* SPDX-License-Identifier: MIT
 * Sites: told and put. A document that was put goes to every edge with its next answer. */
#include "control/api/api_sites.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "control/api/config_commit.h"
#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"
#include "lib/site/site_doc_check.h"

void api_sites_list(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    struct answer a;
    (void)m;
    struct json_out *o = answer_open(&a);
    json_out_u64(o, "version", api_worker_picture(w)->config_version);
    json_out_array(o, "sites");
    registry_write_sites(w->api->registry, o);
    json_out_end_array(o);
    answer_close(&a, x, 200);
}

static void answer_site(struct api_worker *w, struct exchange *x, struct span name)
{
    struct buf text;
    struct json_out o;
    buf_init(&text, ANSWER_MAX_BYTES);
    json_out_begin(&o, &text);
    if (registry_write_site(w->api->registry, name, &o))
        answer_json(x, 200, &text);
    else
        answer_problem(x, 404, "There is no site %.*s.", SPAN_FMT(name));
    buf_finish(&text);
}

void api_sites_get(void *app, struct exchange *x, const struct router_match *m)
{
    answer_site(app, x, m->arg[0]);
}

struct put_job {
    struct api_job api; /* first */
    struct site_doc doc;
    struct span text; /* the document with its name in it */
};

/* The document as it is kept: compact, and with its name, which the path may have given. */
static struct span kept_text(struct api_job *j, struct span body)
{
    struct json_in in;
    struct buf text;
    if (json_in_parse(&in, body, SITE_DOC_MAX_BYTES) != 0)
        return SPAN_NONE; /* it was parsed before */
    buf_init(&text, 2 * SITE_DOC_MAX_BYTES);
    json_in_dump(in.root, &text);
    struct span kept = buf_span(&text);
    if (json_in_has(in.root, "name"))
        kept = arena_dup(&j->mem, kept);
    else
        kept = arena_printf(&j->mem, "{\"name\":\"%.*s\",%.*s", SPAN_FMT(j->subject),
                            SPAN_FMT(span_skip(kept, 1)));
    buf_finish(&text);
    json_in_finish(&in);
    return kept;
}

static int read_put(struct api_job *j, struct span body)
{
    struct put_job *put = CONTAINER_OF(j, struct put_job, api);
    int err = site_doc_read(body, j->subject, &put->doc, &j->mem, &j->why);
    if (err == 0 && !span_eq(put->doc.name, j->subject)) {
        buf_printf(&j->why, "name: is not the one in the path");
        err = ERR_SYNTAX;
    }
    if (err == 0 && site_doc_check(&put->doc, &j->why) != 0)
        err = ERR_SYNTAX;
    if (err == 0)
        put->text = kept_text(j, body);
    return err;
}

/* One site put or taken out, as a new version of the whole. */
static int commit_site(struct api_job *j, struct state *s, const struct state_change *change,
                       uint64_t *version)
{
    struct api *a = j->worker->api;
    struct audit_entry e = api_job_entry(j);
    struct config_result result = {.why = &j->why};
    struct buf text;
    buf_init(&text, CONFIG_DOCUMENT_BYTES);
    int err = config_document(a, change, NULL, &text);
    struct config_commit c = {.changes = change, .count = 1, .document = buf_span(&text)};
    if (err == 0)
        err = config_commit(a, s, &c, &e, &result);
    if (err == ERR_TOO_BIG)
        buf_printf(&j->why, "All of the configuration would be larger than an edge takes.");
    *version = result.version;
    buf_finish(&text);
    return err == ERR_CERTIFICATE ? ERR_SYNTAX : err;
}

static int run_put(struct api_job *j, struct state *s)
{
    struct registry *r = j->worker->api->registry;
    struct put_job *put = CONTAINER_OF(j, struct put_job, api);
    struct state_change change = {STATE_SITE, put->doc.name, put->text};
    uint64_t version;
    int err = registry_may_put_site(r, &put->doc, &j->why);
    if (err == 0)
        err = commit_site(j, s, &change, &version);
    if (err == 0)
        registry_put_site(r, &put->doc, put->text, version);
    return err;
}

static void answer_put(struct api_job *j)
{
    answer_site(j->worker, j->x, j->subject);
}

static const struct api_job_ops put_ops = {.bytes = sizeof(struct put_job),
                                           .body_bytes = SITE_DOC_MAX_BYTES,
                                           .read = read_put,
                                           .run = run_put,
                                           .answer = answer_put,
                                           .is_news = true};

void api_sites_put(void *app, struct exchange *x, const struct router_match *m)
{
    api_job_start(api_job_create(app, x, &put_ops, m->arg[0]));
}

/* ---- taking out ---- */

static int run_delete(struct api_job *j, struct state *s)
{
    struct registry *r = j->worker->api->registry;
    struct state_change change = {STATE_SITE, j->subject, SPAN_NONE};
    uint64_t version;
    int err = registry_may_take_out_site(r, j->subject, &j->why);
    if (err == 0)
        err = commit_site(j, s, &change, &version);
    if (err == 0)
        registry_take_out_site(r, j->subject, version);
    return err;
}

static void answer_deleted(struct api_job *j)
{
    answer_nothing(j->x);
}

static const struct api_job_ops delete_ops = {
    .bytes = sizeof(struct api_job), .run = run_delete, .answer = answer_deleted, .is_news = true};

void api_sites_delete(void *app, struct exchange *x, const struct router_match *m)
{
    api_job_start(api_job_create(app, x, &delete_ops, m->arg[0]));
}
