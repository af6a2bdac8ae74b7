/* SPDX-License-Identifier: MIT
 * Certificates, keys and routing rules: told and put. What a document says is read on the loop; the
 * whole configuration with it is judged, kept and sent on its way on the state's thread. */
#include "control/api/api_papers.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "control/api/auth.h"
#include "control/api/config_commit.h"
#include "control/route/rule_set.h"
#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"
#include "lib/net/tls_identity.h"

#define BODY_BYTES         SECRET_DOC_MAX_BYTES
#define ROUTING_BYTES      (512 << 10) /* the exchange's own memory has 1 MiB */
#define PAPER_BYTES        (2 * ROUTING_BYTES)
#define TICKET_BYTES       80 /* lib/net/tls_tickets.h */
#define URL_SECRET_BYTES   32
#define SECRETS_OF_ROTATED 3 /* the newest, and those whose tickets and links are still about */

static const char *const kinds[PAPER_KINDS] = {
    [PAPER_CERTIFICATE] = "certificate", [PAPER_KEY] = "key", [PAPER_ROUTING] = "routing"};
static const char *const lists[PAPER_KINDS] = {
    [PAPER_CERTIFICATE] = "certificates", [PAPER_KEY] = "keys", [PAPER_ROUTING] = ""};

/* ---- telling ---- */

static void list(struct api_worker *w, struct exchange *x, enum paper_kind kind)
{
    struct answer a;
    struct json_out *o = answer_open(&a);
    json_out_u64(o, "version", api_worker_picture(w)->config_version);
    json_out_array(o, lists[kind]);
    papers_write_kind(w->api->papers, kind, o);
    json_out_end_array(o);
    answer_close(&a, x, 200);
}

static void answer_paper(struct api_worker *w, struct exchange *x, enum paper_kind kind,
                         struct span name)
{
    struct buf text;
    buf_init(&text, ANSWER_MAX_BYTES);
    bool is_there = papers_get(w->api->papers, kind, name, &text);
    if (!is_there && kind == PAPER_ROUTING)
        buf_printf(&text, "{}");
    if (is_there || kind == PAPER_ROUTING)
        answer_json(x, 200, &text);
    else
        answer_problem(x, 404, "There is no %s %.*s.", kinds[kind], SPAN_FMT(name));
    buf_finish(&text);
}

/* ---- changing ---- */

struct paper_job {
    struct api_job api;   /* first */
    struct paper paper;   /* text p == NULL: to be taken out */
    struct key_doc key;   /* PAPER_KEY */
    struct secret *fresh; /* [fresh_count]; in api.mem */
    size_t fresh_count;
};

static struct paper_job *self_of(struct api_job *j)
{
    return CONTAINER_OF(j, struct paper_job, api);
}

static int refuse(struct api_job *j, const char *sentence)
{
    buf_printf(&j->why, "%s", sentence);
    return ERR_SYNTAX;
}

static int check_name(struct api_job *j, struct span name)
{
    return span_eq(name, j->subject) ? 0 : refuse(j, "name: is not the one in the path");
}

static void on_name(void *ctx, struct span name)
{
    json_out_text(ctx, NULL, name);
}

/* A certificate as it is kept: with what people want to know of it. */
static void write_certificate(const struct certificate_doc *c, const struct tls_identity *i,
                              struct json_out *o)
{
    char at[CLOCK_ISO_BYTES + 1];
    clock_iso(tls_identity_not_after(i) * MSEC_PER_SEC, at);
    json_out_object(o, NULL);
    json_out_text(o, "name", c->name);
    json_out_array(o, "names");
    tls_identity_names(i, on_name, o);
    json_out_end_array(o);
    json_out_text(o, "not_after", span_of(at));
    json_out_text(o, "chain", c->chain);
    json_out_object(o, "key");
    json_out_text(o, "sha256", span_of(c->key.sha256));
    json_out_end_object(o);
    json_out_end_object(o);
}

static int judge_certificate(struct api_job *j, const struct certificate_doc *c)
{
    struct paper_job *job = self_of(j);
    struct tls_identity *identity = NULL;
    struct tls_texts texts = {arena_cstr(&j->mem, c->name), c->chain, c->key.text};
    struct json_out o;
    struct buf text;
    if (c->key.text.p == NULL)
        return refuse(j, "key: must be given as PEM text");
    if (tls_identity_parse(&identity, &texts, &j->why) != 0) {
        j->why.n -= j->why.n > 0; /* its line end */
        return ERR_SYNTAX;
    }
    bool has_expired = tls_identity_not_after(identity) * MSEC_PER_SEC <= clock_wall_ms();
    buf_init(&text, PAPER_BYTES);
    json_out_begin(&o, &text);
    write_certificate(c, identity, &o);
    job->paper.text = arena_dup(&j->mem, buf_span(&text));
    buf_finish(&text);
    tls_identity_unref(&identity);
    return has_expired ? refuse(j, "chain: the certificate has expired") : 0;
}

static int read_certificate(struct api_job *j, struct span body)
{
    struct paper_job *job = self_of(j);
    struct certificate_doc c;
    int err = certificate_doc_read(body, j->subject, &c, &j->mem, &j->why);
    if (err == 0)
        err = check_name(j, c.name);
    if (err == 0)
        err = judge_certificate(j, &c);
    job->fresh = arena_alloc(&j->mem, sizeof *job->fresh);
    job->fresh_count = err == 0;
    if (err == 0) {
        *job->fresh = c.key;
        j->about = arena_printf(&j->mem, "key sha256 %s", c.key.sha256);
    }
    return err;
}

/* ---- keys ---- */

static struct secret new_secret(struct api_job *j, enum key_use use)
{
    return secret_make(use == KEY_TICKETS ? TICKET_BYTES : URL_SECRET_BYTES, &j->mem);
}

/* The key's text in public form, and which of its secrets come with it. */
static void take_key(struct api_job *j)
{
    struct paper_job *job = self_of(j);
    const struct key_doc *k = &job->key;
    struct json_out o;
    struct buf text;
    job->fresh = arena_zalloc(&j->mem, (k->count + 1) * sizeof *job->fresh);
    for (size_t i = 0; i < k->count; i++)
        if (k->secrets[i].text.p != NULL)
            job->fresh[job->fresh_count++] = k->secrets[i];
    buf_init(&text, PAPER_BYTES);
    json_out_begin(&o, &text);
    key_doc_write(k, false, &o);
    job->paper.text = arena_dup(&j->mem, buf_span(&text));
    buf_finish(&text);
    j->about =
        arena_printf(&j->mem, "%s, newest sha256 %s", key_use_name(k->use), k->secrets[0].sha256);
}

static int read_key(struct api_job *j, struct span body)
{
    struct key_doc *k = &self_of(j)->key;
    int err = key_doc_read(body, j->subject, k, &j->mem, &j->why);
    if (err == 0)
        err = check_name(j, k->name);
    if (err != 0)
        return err;
    if (k->count == 0)
        k->secrets[k->count++] = new_secret(j, k->use);
    take_key(j);
    return 0;
}

/* A new secret before those that there are; the oldest go. */
static int rotate_key(struct api_job *j)
{
    struct paper_job *job = self_of(j);
    struct key_doc *k = &job->key;
    struct buf text;
    buf_init(&text, PAPER_BYTES);
    int err = ERR_NOT_FOUND;
    if (papers_get(j->worker->api->papers, PAPER_KEY, j->subject, &text))
        err = key_doc_read(buf_span(&text), j->subject, k, &j->mem, &j->why);
    else
        buf_printf(&j->why, "There is no key %.*s.", SPAN_FMT(j->subject));
    buf_finish(&text);
    if (err != 0)
        return err;
    struct secret *v = arena_zalloc(&j->mem, SECRETS_OF_ROTATED * sizeof *v);
    size_t kept = k->count < SECRETS_OF_ROTATED ? k->count : SECRETS_OF_ROTATED - 1;
    v[0] = new_secret(j, k->use);
    memcpy(v + 1, k->secrets, kept * sizeof *v);
    k->secrets = v;
    k->count = kept + 1;
    take_key(j);
    return 0;
}

/* ---- routing ---- */

static int check_asns(struct api_job *j, const struct routing_doc *doc)
{
    if (doc->asn_count == 0 || api_worker_config(j->worker)->knows_operators)
        return 0;
    buf_printf(&j->why, "asns: no database here tells whose network an address is of: geoip_asn in "
                        "the configuration file");
    return ERR_SYNTAX;
}

static int read_routing(struct api_job *j, struct span body)
{
    struct paper_job *job = self_of(j);
    static const struct routing_doc no_file;
    struct routing_doc doc;
    struct rule_set rules = {.overrides = NULL};
    struct json_in in;
    struct buf text;
    int err = routing_doc_read(body, &doc, &j->mem, &j->why);
    if (err == 0 && rule_set_make(&rules, &doc, &no_file, &j->mem, &j->why) != 0)
        err = ERR_SYNTAX;
    override_table_destroy(&rules.overrides);
    if (err == 0)
        err = check_asns(j, &doc);
    if (err != 0 || json_in_parse(&in, body, ROUTING_BYTES) != 0)
        return err;
    buf_init(&text, PAPER_BYTES);
    json_in_dump(in.root, &text);
    job->paper.text = arena_dup(&j->mem, buf_span(&text));
    buf_finish(&text);
    json_in_finish(&in);
    return 0;
}

/* ---- all of them ---- */

static int commit(struct api_job *j, struct state *s)
{
    struct api *a = j->worker->api;
    struct paper_job *job = self_of(j);
    struct audit_entry e = api_job_entry(j);
    struct config_result result = {.why = &j->why};
    struct buf text;
    buf_init(&text, CONFIG_DOCUMENT_BYTES);
    int err = config_document(a, NULL, &job->paper, &text);
    struct config_commit c = {
        .document = buf_span(&text), .fresh = job->fresh, .fresh_count = job->fresh_count};
    if (err == 0)
        err = config_commit(a, s, &c, &e, &result);
    if (err == 0) {
        papers_put(a->papers, &job->paper);
        registry_set_site_version(a->registry, result.version);
    }
    buf_finish(&text);
    if (err == ERR_TOO_BIG)
        buf_printf(&j->why, "All of the configuration would be larger than an edge takes.");
    if (err == ERR_NOT_FOUND)
        buf_printf(&j->why, "secrets: one that is named by its digest is not known here");
    return err == ERR_CERTIFICATE || err == ERR_NOT_FOUND ? ERR_SYNTAX : err;
}

static int run_rotate(struct api_job *j, struct state *s)
{
    int err = rotate_key(j);
    return err == 0 ? commit(j, s) : err;
}

static int run_delete(struct api_job *j, struct state *s)
{
    struct paper_job *job = self_of(j);
    struct buf text;
    buf_init(&text, PAPER_BYTES);
    bool is_there = papers_get(j->worker->api->papers, job->paper.kind, job->paper.name, &text);
    buf_finish(&text);
    if (is_there)
        return commit(j, s);
    buf_printf(&j->why, "There is no %s %.*s.", kinds[job->paper.kind], SPAN_FMT(j->subject));
    return ERR_NOT_FOUND;
}

static void answer_put(struct api_job *j)
{
    const struct paper *p = &self_of(j)->paper;
    answer_paper(j->worker, j->x, p->kind, p->name);
}

static void answer_deleted(struct api_job *j)
{
    answer_nothing(j->x);
}

static const struct api_job_ops put_ops[PAPER_KINDS] = {
    [PAPER_CERTIFICATE] = {.bytes = sizeof(struct paper_job),
                           .body_bytes = BODY_BYTES,
                           .read = read_certificate,
                           .run = commit,
                           .answer = answer_put,
                           .is_news = true},
    [PAPER_KEY] = {.bytes = sizeof(struct paper_job),
                   .body_bytes = BODY_BYTES,
                   .read = read_key,
                   .run = commit,
                   .answer = answer_put,
                   .is_news = true},
    [PAPER_ROUTING] = {.bytes = sizeof(struct paper_job),
                       .body_bytes = ROUTING_BYTES,
                       .read = read_routing,
                       .run = commit,
                       .answer = answer_put,
                       .is_news = true},
};
static const struct api_job_ops rotate_ops = {
    .bytes = sizeof(struct paper_job), .run = run_rotate, .answer = answer_put, .is_news = true};
static const struct api_job_ops delete_ops = {.bytes = sizeof(struct paper_job),
                                              .run = run_delete,
                                              .answer = answer_deleted,
                                              .is_news = true};

static void start(struct api_worker *w, struct exchange *x, const struct api_job_ops *ops,
                  const struct paper *paper)
{
    if (ops->read != NULL && paper->kind != PAPER_ROUTING && !auth_is_private(x)) {
        answer_problem(x, 403, "Secrets are taken over TLS only.");
        return;
    }
    struct paper_job *job = self_of(api_job_create(w, x, ops, paper->name));
    job->paper.kind = paper->kind;
    job->paper.name = job->api.subject;
    api_job_start(&job->api);
}

static void put(struct api_worker *w, struct exchange *x, enum paper_kind kind, struct span name)
{
    start(w, x, &put_ops[kind], &(struct paper){.kind = kind, .name = name});
}

static void take_out(struct api_worker *w, struct exchange *x, enum paper_kind kind,
                     struct span name)
{
    start(w, x, &delete_ops, &(struct paper){.kind = kind, .name = name});
}

void api_certificates_list(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    list(app, x, PAPER_CERTIFICATE);
}

void api_certificates_get(void *app, struct exchange *x, const struct router_match *m)
{
    answer_paper(app, x, PAPER_CERTIFICATE, m->arg[0]);
}

void api_certificates_put(void *app, struct exchange *x, const struct router_match *m)
{
    put(app, x, PAPER_CERTIFICATE, m->arg[0]);
}

void api_certificates_delete(void *app, struct exchange *x, const struct router_match *m)
{
    take_out(app, x, PAPER_CERTIFICATE, m->arg[0]);
}

void api_keys_list(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    list(app, x, PAPER_KEY);
}

void api_keys_get(void *app, struct exchange *x, const struct router_match *m)
{
    answer_paper(app, x, PAPER_KEY, m->arg[0]);
}

void api_keys_put(void *app, struct exchange *x, const struct router_match *m)
{
    put(app, x, PAPER_KEY, m->arg[0]);
}

void api_keys_rotate(void *app, struct exchange *x, const struct router_match *m)
{
    start(app, x, &rotate_ops, &(struct paper){.kind = PAPER_KEY, .name = m->arg[0]});
}

void api_keys_delete(void *app, struct exchange *x, const struct router_match *m)
{
    take_out(app, x, PAPER_KEY, m->arg[0]);
}

void api_routing_get(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    answer_paper(app, x, PAPER_ROUTING, SPAN_NONE);
}

void api_routing_put(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    put(app, x, PAPER_ROUTING, SPAN_NONE);
}

void api_routing_delete(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    take_out(app, x, PAPER_ROUTING, SPAN_NONE);
}
