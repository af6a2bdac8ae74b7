/* SPDX-License-Identifier: MIT
 *
 * From a request to an answer with a stored file: path, look-up, conditions, ranges, head, body.
 * What stands in the storage and how its bytes come is the connector's.
 * Runs on its worker's loop. */
#include "origin/serve/serve.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/http/conditional.h"
#include "lib/http/date.h"
#include "lib/http/multipart.h"
#include "lib/http/url.h"
#include "lib/proto/mirrors.h"
#include "lib/web/body_chain.h"
#include "origin/serve/companions.h"
#include "origin/serve/field_rules.h"

#include <stdio.h>

/* A request between its look-up and its end. The client may go before the look-up is done: then x
 * is
 * NULL, and whoever comes last frees. */
struct asked {
    struct connector_find find; /* first */
    struct serve *serve;
    struct exchange *x;
    struct gate_pass *pass; /* NULL: there is no gate */
    bool is_looking;
    char *path;        /* decoded; its own, because the look-up may outlast the exchange */
    char *stored_path; /* of the form that is looked up */
    /* Forms of the file that the client may have, the best first; the one looked up now. */
    struct companion forms[COMPANIONS_MAX];
    int form_count, form;
};

/* The parts of a multipart body, while it is sent. */
struct parts {
    struct asked *asked;
    struct multipart plan;
    struct byte_range ranges[RANGES_MAX];
    int count;
};

const struct counter_table serve_counter_table = {
    .prefix = "byeori_origin_",
    .rows =
        (const struct counter_row[]){
#define X(name, help) {#name, help, offsetof(struct serve_counters, name)},
            SERVE_COUNTERS(X)
#undef X
        },
#define X(name, help) +1
    .count = SERVE_COUNTERS(X),
#undef X
};

static void asked_free(struct asked *a)
{
    content_close(&a->find.content);
    gate_leave(&a->pass);
    mem_free(a->path);
    mem_free(a->stored_path);
    mem_free(a);
}

static void on_done(void *owner, struct exchange *x, int err)
{
    struct asked *a = owner;
    struct serve_counters *count = &a->serve->counters;
    counter_add(&count->requests, 1);
    counter_add(&count->body_bytes, x->body_bytes_out);
    if (err == ERR_CHANGED) {
        counter_add(&count->changed, 1);
        LOG_WARN_LIMITED("changed-in-place", "req=%llu path=\"%.*s\" sent=%llu",
                         (unsigned long long)x->id, SPAN_FMT(x->request.path),
                         (unsigned long long)x->body_bytes_out);
    }
    a->x = NULL;
    if (!a->is_looking)
        asked_free(a);
}

static const struct exchange_events events = {on_done};

/* What the storage said, else what the queue before it tells. */
static sec_t retry_after_of(const struct asked *a)
{
    if (a->find.retry_after_s > 0)
        return a->find.retry_after_s;
    return a->serve->gate != NULL ? gate_retry_after_s(a->serve->gate) : 1;
}

static void refuse(struct asked *a, int status, const char *text)
{
    struct response_head head = {.status = status, .content_length = (int64_t)strlen(text)};
    fields_init(&head.fields, &a->x->mem);
    fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("text/plain; charset=utf-8"));
    fields_add(&head.fields, FIELD_CACHE_CONTROL,
               status == 404 ? SPAN("public, max-age=5") : SPAN("no-store"));
    if (status == 503)
        fields_add(&head.fields, FIELD_RETRY_AFTER,
                   arena_printf(&a->x->mem, "%lld", (long long)retry_after_of(a)));
    if (status == 405)
        fields_add(&head.fields, FIELD_ALLOW, SPAN("GET, HEAD"));
    exchange_respond(a->x, &head, body_of_constant(span_of(text)));
}

static void add_validators(struct asked *a, struct fields *fs)
{
    const struct connector_find *f = &a->find;
    if (f->etag[0] != '\0')
        fields_add(fs, FIELD_ETAG, span_of(f->etag));
    if (f->last_modified >= 0) {
        char *date = arena_bytes(fs->mem, DATE_BYTES);
        date_write(f->last_modified, date);
        fields_add(fs, FIELD_LAST_MODIFIED, span_make(date, DATE_BYTES));
    }
    fields_add(fs, FIELD_ACCEPT_RANGES, SPAN("bytes"));
    if (f->has_sha256) {
        char text[DIGEST_BASE64_ROOM(sizeof f->sha256)];
        digest_base64(f->sha256, sizeof f->sha256, text);
        fields_add(fs, FIELD_REPR_DIGEST, arena_printf(fs->mem, "sha-256=:%s:", text));
    }
}

/* RFC 6249 s.2, s.6: where the list of mirrors is, and the digest in the spelling that its readers
 * know (RFC 3230). */
static void add_mirrors(struct asked *a, struct fields *fs)
{
    char text[DIGEST_BASE64_ROOM(sizeof a->find.sha256)];
    struct span rest = a->x->request.path, last = rest;
    while (rest.p != NULL)
        last = span_cut(rest, '/', &rest);
    fields_add_named(fs, SPAN("Link"),
                     arena_printf(fs->mem,
                                  "<%.*s" MIRRORS_SUFFIX ">; rel=describedby; type=\"" MIRRORS_TYPE
                                  "\"",
                                  SPAN_FMT(last)));
    digest_base64(a->find.sha256, sizeof a->find.sha256, text);
    fields_add_named(fs, SPAN("Digest"), arena_printf(fs->mem, "SHA-256=%s", text));
}

static void answer_whole(struct asked *a, struct response_head *head)
{
    head->status = 200;
    head->content_length = a->find.size_bytes;
    struct body *body = NULL;
    if (a->x->request.method == METHOD_GET && a->find.size_bytes > 0)
        body = content_body(a->find.content, a->find.home, 0, a->find.size_bytes);
    exchange_respond(a->x, head, body);
}

static void answer_range(struct asked *a, struct response_head *head, const struct byte_range *r)
{
    char *text = arena_bytes(&a->x->mem, CONTENT_RANGE_ROOM);
    struct content_range cr = {r->first, r->last, a->find.size_bytes};
    size_t n = content_range_write(text, &cr);
    fields_add(&head->fields, FIELD_CONTENT_RANGE, span_make(text, n));
    head->status = 206;
    head->content_length = r->last - r->first + 1;
    exchange_respond(a->x, head,
                     content_body(a->find.content, a->find.home, r->first, head->content_length));
}

/* Part heads and contents in turn: 0 is the first part's head, 1 its bytes, ... */
static struct body *next_part(void *ctx, int i)
{
    struct parts *p = ctx;
    int part = i / 2;
    if (part == p->count)
        return i % 2 == 0 ? body_of_constant(p->plan.after) : NULL;
    if (i % 2 == 0)
        return body_of_constant(p->plan.before[part]);
    const struct byte_range *r = &p->ranges[part];
    return content_body(p->asked->find.content, p->asked->find.home, r->first,
                        r->last - r->first + 1);
}

static void answer_parts(struct asked *a, struct response_head *head, struct parts *p)
{
    uint8_t random[16];
    char *boundary = arena_bytes(&a->x->mem, 2 * sizeof random + 1);
    digest_random(random, sizeof random);
    digest_hex(random, sizeof random, boundary);
    struct multipart_spec spec = {.ranges = p->ranges,
                                  .count = p->count,
                                  .size = a->find.size_bytes,
                                  .type = fields_value(&head->fields, FIELD_CONTENT_TYPE),
                                  .boundary = span_make(boundary, 2 * sizeof random)};
    multipart_plan(&p->plan, &spec, &a->x->mem);
    fields_set(&head->fields, FIELD_CONTENT_TYPE, p->plan.content_type);
    head->status = 206;
    head->content_length = p->plan.total_bytes;
    /* The plan lives in the exchange's arena, which outlasts the body that the session closes. */
    struct body_chain_source source = {.next = next_part, .ctx = p};
    exchange_respond(a->x, head, body_chain(&source));
}

static void answer_unsatisfiable(struct asked *a, struct response_head *head)
{
    char *text = arena_bytes(&a->x->mem, CONTENT_RANGE_ROOM);
    struct content_range cr = {-1, -1, a->find.size_bytes};
    size_t n = content_range_write(text, &cr);
    fields_add(&head->fields, FIELD_CONTENT_RANGE, span_make(text, n));
    head->status = 416;
    head->content_length = 0;
    exchange_respond(a->x, head, NULL);
}

static void answer_content(struct asked *a, struct response_head *head, const struct validators *v)
{
    struct range_spec specs[RANGES_MAX];
    int count = conditional_ranges(&a->x->request, v, v->date, specs);
    if (count <= 0) { /* none, or so many that the whole is cheaper (RFC 9110 s.14.2) */
        answer_whole(a, head);
        return;
    }
    struct parts *p = arena_zalloc(&a->x->mem, sizeof *p);
    p->asked = a;
    p->count = range_resolve(specs, count, a->find.size_bytes, p->ranges);
    if (p->count == ERR_UNSATISFIABLE) {
        answer_unsatisfiable(a, head);
        return;
    }
    counter_add(&a->serve->counters.ranges, 1);
    if (p->count == 1)
        answer_range(a, head, &p->ranges[0]);
    else
        answer_parts(a, head, p);
}

static struct validators validators_of_find(const struct asked *a)
{
    return (struct validators){.etag = a->find.etag[0] != '\0' ? span_of(a->find.etag) : SPAN_NONE,
                               .last_modified = a->find.last_modified,
                               .date = loop_wall(a->find.home) / MSEC_PER_SEC};
}

static void add_fields(struct asked *a, struct fields *fs)
{
    const struct companion *form = &a->forms[a->form];
    struct span path = span_of(a->path);
    /* The storage knows the type of what it stores; of an encoded form that is not the file's. */
    struct span type = form->coding.n == 0 ? span_of(a->find.content_type) : SPAN_NONE;
    field_rules_add(field_rules_of(a->serve->rules, path), path, type, fs);
    if (form->coding.n > 0)
        fields_add(fs, FIELD_CONTENT_ENCODING, form->coding);
}

static void answer(struct asked *a)
{
    struct response_head head = {.content_length = 0};
    struct validators v = validators_of_find(a);
    fields_init(&head.fields, &a->x->mem);
    add_fields(a, &head.fields);
    add_validators(a, &head.fields);
    if (a->find.has_mirrors && a->forms[a->form].coding.n == 0)
        add_mirrors(a, &head.fields);
    switch (conditional_of(&a->x->request, &v, 200, v.date)) {
    case CONDITIONAL_NOT_MODIFIED:
        counter_add(&a->serve->counters.not_modified, 1);
        head.status = 304;
        head.content_length = LENGTH_UNKNOWN;
        exchange_respond(a->x, &head, NULL);
        return;
    case CONDITIONAL_FAILED:
        head.status = 412;
        exchange_respond(a->x, &head, NULL);
        return;
    case CONDITIONAL_NORMAL:
        break;
    }
    answer_content(a, &head, &v);
}

static void tell(struct asked *a, int err)
{
    switch (err) {
    case 0:
        answer(a);
        return;
    case ERR_BUSY:
        counter_add(&a->serve->counters.busy, 1);
        refuse(a, 503, "The storage is at its limit: try again later.\n");
        return;
    case ERR_NOT_FOUND:
    case ERR_DENIED: /* whether something is there that may not be read is nobody's business */
        counter_add(&a->serve->counters.not_found, 1);
        refuse(a, 404, "There is no such file.\n");
        return;
    case ERR_TIMEOUT:
        counter_add(&a->serve->counters.failed, 1);
        refuse(a, 504, "The storage did not answer in time.\n");
        return;
    default:
        counter_add(&a->serve->counters.failed, 1);
        refuse(a, 502, "The storage could not be read.\n");
        return;
    }
}

static void look_up(struct asked *a);

/* Two forms of a file have different validators (RFC 9110 s.8.8.3.3), also where a storage makes
 * them from sizes and times. */
static void mark_form(struct asked *a)
{
    struct span coding = a->forms[a->form].coding;
    char *end = strrchr(a->find.etag, '"');
    size_t room = end != NULL ? sizeof a->find.etag - (size_t)(end - a->find.etag) : 0;
    if (coding.n > 0 && room > coding.n + 2)
        snprintf(end, room, "-%.*s\"", SPAN_FMT(coding));
}

static void on_found(struct connector_find *find, int err)
{
    struct asked *a = CONTAINER_OF(find, struct asked, find);
    a->is_looking = false;
    if (err != 0)
        find->content = NULL;
    if (a->x == NULL) {
        asked_free(a);
        return;
    }
    if (err == ERR_NOT_FOUND && a->form + 1 < a->form_count) {
        a->form++;
        look_up(a);
        return;
    }
    if (err == 0)
        mark_form(a);
    tell(a, err);
}

static bool find_path(struct asked *a)
{
    struct span path;
    if (url_decode(a->x->request.path, &a->x->mem, &path) != 0)
        return false;
    const char *index = span_ends(path, SPAN("/")) ? a->serve->index : "";
    a->path = mem_printf("%.*s%s", SPAN_FMT(path), index);
    return true;
}

/* Which bytes the answer will most likely need. Conditions that may end in no body, and several
 * ranges, are looked up first. */
static void guess_read(struct asked *a)
{
    const struct request_head *r = &a->x->request;
    struct span range = fields_value(&r->fields, FIELD_RANGE);
    struct range_spec spec[1];
    a->find.read_len = -1;
    a->find.will_read = r->method == METHOD_GET &&
                        fields_find(&r->fields, FIELD_IF_NONE_MATCH, 0) == NULL &&
                        fields_find(&r->fields, FIELD_IF_MODIFIED_SINCE, 0) == NULL;
    if (!a->find.will_read || range.p == NULL || range_parse(range, spec, 1) == 0)
        return;
    a->find.will_read = range_parse(range, spec, 1) == 1 && spec[0].first >= 0;
    if (!a->find.will_read)
        return;
    a->find.read_from = spec[0].first;
    if (spec[0].last >= 0)
        a->find.read_len = spec[0].last - spec[0].first + 1;
}

static void look_up(struct asked *a)
{
    struct span suffix = a->forms[a->form].suffix;
    mem_free(a->stored_path);
    a->stored_path = mem_printf("%s%.*s", a->path, SPAN_FMT(suffix));
    a->find.path = span_of(a->stored_path);
    a->find.has_mirrors = false;
    guess_read(a);
    a->is_looking = true;
    a->serve->connector->ops->find(a->serve->connector, &a->find);
}

static void on_gate(void *ctx, int err)
{
    struct asked *a = ctx;
    if (err == 0)
        look_up(a);
    else
        tell(a, err);
}

static void wait_for_turn(struct asked *a)
{
    a->pass = gate_enter(a->serve->gate, a->x->loop, span_of(a->path), on_gate, a);
    if (a->pass == NULL)
        tell(a, ERR_BUSY);
    else if (gate_is_inside(a->pass))
        look_up(a);
}

void serve_request(void *app, struct exchange *x)
{
    struct asked *a = mem_zalloc(sizeof *a);
    a->serve = app;
    a->x = x;
    x->events = &events;
    x->owner = a;
    if (x->request.method != METHOD_GET && x->request.method != METHOD_HEAD) {
        refuse(a, 405, "Only GET and HEAD are served here.\n");
        return;
    }
    if (!find_path(a)) {
        refuse(a, 400, "The path is not valid.\n");
        return;
    }
    a->form_count = companions_choose(field_rules_of(a->serve->rules, span_of(a->path)),
                                      &x->request.fields, a->forms);
    a->find.home = x->loop;
    a->find.done = on_found;
    if (a->serve->gate != NULL)
        wait_for_turn(a);
    else
        look_up(a);
}
