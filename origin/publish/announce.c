/* SPDX-License-Identifier: MIT
 *
 * One question to the control plane after another. What each asks is announce_orders.c's. */
#include "origin/publish/announce.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/http/url.h"
#include "lib/net/tls_ctx.h"
#include "lib/web/client.h"
#include "origin/connect/credentials.h"
#include "origin/publish/announce_orders.h"

#include <stdio.h>

#define ANSWER_MAX   (16 << 20)
#define READ_STEP    16384
#define CONNECT_MS   5000
#define ANSWER_MS    30000
#define FOLLOW_MS    100
#define FOLLOW_TIMES 300 /* FOLLOW_MS each */
#define URL_MAX      2048

enum step { STEP_SETTLE, STEP_PURGE, STEP_FOLLOW, STEP_PREFILL };

struct announce_run {
    struct announce *a;
    enum step step;
    struct timer timer;
    struct client *client;
    struct tls_client *tls;
    struct credentials token;
    struct url control;
    struct call *call;
    int status;
    struct buf body, answer;
    struct announce_orders orders;
    uint64_t purge;   /* the last of them; edges apply them in order */
    int looks;        /* at its result */
    struct arena mem; /* of one question */
};

static void over(struct announce_run *r, int err)
{
    struct announce *a = r->a;
    if (r->call != NULL)
        call_end(&r->call);
    timer_finish(&r->timer);
    client_destroy(&r->client);
    tls_client_unref(&r->tls);
    credentials_finish(&r->token);
    buf_finish(&r->body);
    buf_finish(&r->answer);
    arena_finish(&r->mem);
    mem_free(r);
    a->run = NULL;
    a->done(a, err);
}

static void fail(struct announce_run *r, int err, const char *why)
{
    buf_printf(&r->a->told, "the control plane (%s): %s\n", r->a->options->control, why);
    over(r, err);
}

static void go_on(struct announce_run *r, struct json_in *in);

static void refused(struct announce_run *r, struct json_in *in)
{
    char text[256];
    struct span detail = json_in_text(in, in->root, "detail", 200);
    snprintf(text, sizeof text, "answers %d%s%.*s", r->status, detail.n > 0 ? ": " : "",
             SPAN_FMT(detail));
    json_in_finish(in);
    fail(r, r->status == 401 || r->status == 403 ? ERR_DENIED : ERR_REFUSED, text);
}

static void on_answer(struct announce_run *r)
{
    struct json_in in = {.root = NULL};
    call_end(&r->call);
    int err = json_in_parse(&in, buf_span(&r->answer), ANSWER_MAX);
    if (r->status < 200 || r->status > 299) {
        refused(r, &in);
    } else if (err != 0) {
        json_in_finish(&in);
        fail(r, ERR_PROTOCOL, "gives an answer that is no JSON");
    } else {
        go_on(r, &in);
    }
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)c;
    fail(ctx, err, text != NULL ? text : err_text(err));
}

static void on_readable(void *ctx, struct call *c)
{
    struct announce_run *r = ctx;
    for (;;) {
        char *room = buf_room(&r->answer, READ_STEP);
        ssize_t n = room != NULL ? call_read(c, room, READ_STEP) : ERR_TOO_BIG;
        if (n == ERR_AGAIN)
            return;
        if (n < 0) {
            fail(r, (int)n, err_text((int)n));
            return;
        }
        if (n == 0) {
            on_answer(r);
            return;
        }
        buf_filled(&r->answer, (size_t)n);
    }
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    ((struct announce_run *)ctx)->status = head->status;
    on_readable(ctx, c);
}

static const struct call_events events = {
    .on_head = on_head, .on_readable = on_readable, .on_failed = on_failed};

/* path is of the API, and not from r->mem, which is used anew; what r->body holds is sent with a
 * POST. */
static void ask(struct announce_run *r, enum method method, struct span path)
{
    arena_reset(&r->mem);
    buf_clear(&r->answer);
    bool has_body = method == METHOD_POST;
    const struct span parts[] = {r->control.path.n > 1 ? r->control.path : SPAN_NONE, path};
    struct request_head head = {.method = method,
                                .method_text = has_body ? SPAN("POST") : SPAN("GET"),
                                .scheme = r->control.scheme,
                                .host = r->control.host,
                                .port = r->control.port,
                                .path = arena_join(&r->mem, parts, ARRAY_LEN(parts)),
                                .content_length = has_body ? (int64_t)r->body.n : 0,
                                .major_version = 1,
                                .minor_version = 1,
                                .keeps_alive = true};
    fields_init(&head.fields, &r->mem);
    if (has_body)
        fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("application/json"));
    if (r->token.text.n > 0)
        fields_add(&head.fields, FIELD_AUTHORIZATION,
                   arena_printf(&r->mem, "Bearer %.*s",
                                SPAN_FMT(announce_token(buf_span(&r->token.text)))));
    struct client_target target = {.scheme = head.scheme,
                                   .host = arena_cstr(&r->mem, head.host),
                                   .port = head.port,
                                   .tls = r->tls};
    struct call_spec spec = {.target = &target,
                             .request = &head,
                             .body = has_body ? body_of_bytes(buf_span(&r->body)) : NULL,
                             .connect_ms = CONNECT_MS,
                             .first_byte_ms = ANSWER_MS,
                             .stall_ms = ANSWER_MS};
    r->call = call_start(r->client, &spec, &events, r);
}

static void prefill_next(struct announce_run *r)
{
    r->step = STEP_PREFILL;
    if (announce_next_prefill(&r->orders, &r->body))
        ask(r, METHOD_POST, SPAN("/v1/prefill"));
    else
        over(r, 0);
}

static void follow(struct announce_run *r)
{
    char path[64];
    snprintf(path, sizeof path, "/v1/purges/%llu", (unsigned long long)r->purge);
    r->step = STEP_FOLLOW;
    ask(r, METHOD_GET, span_of(path));
}

static void purge_next(struct announce_run *r)
{
    r->step = STEP_PURGE;
    if (announce_next_purge(&r->orders, &r->body))
        ask(r, METHOD_POST, SPAN("/v1/purge"));
    else
        follow(r);
}

static void on_followed(struct announce_run *r, struct json_in *in)
{
    uint64_t applied = json_in_u64(in, in->root, "applied", 0);
    uint64_t away = json_in_u64(in, in->root, "away", 0);
    bool is_complete = json_in_bool(in, in->root, "complete", false);
    json_in_finish(in);
    if (!is_complete && ++r->looks < FOLLOW_TIMES) {
        timer_set(&r->timer, FOLLOW_MS);
        return;
    }
    buf_printf(&r->a->told, "purge %llu: applied by %llu edges%s\n", (unsigned long long)r->purge,
               (unsigned long long)applied, is_complete ? "" : ", not by all that are heard");
    if (away > 0)
        buf_printf(&r->a->told, "%llu edges are away: they apply it before they serve again\n",
                   (unsigned long long)away);
    if (is_complete)
        prefill_next(r);
    else
        over(r, ERR_TIMEOUT);
}

/* The answer to the question of this step; takes in. */
static void go_on(struct announce_run *r, struct json_in *in)
{
    struct span id;
    switch (r->step) {
    case STEP_FOLLOW:
        on_followed(r, in);
        return;
    case STEP_PURGE:
        r->purge = json_in_u64(in, in->root, "seq", 0);
        json_in_finish(in);
        purge_next(r);
        return;
    case STEP_PREFILL:
        id = json_in_text(in, in->root, "id", 64);
        buf_printf(&r->a->told, "prefill %.*s: ordered\n", SPAN_FMT(id));
        json_in_finish(in);
        prefill_next(r);
        return;
    case STEP_SETTLE:
        break;
    }
    CHECK(false);
}

static void on_timer(struct timer *t)
{
    struct announce_run *r = CONTAINER_OF(t, struct announce_run, timer);
    if (r->step == STEP_SETTLE)
        purge_next(r);
    else
        follow(r);
}

const char *announce_check(const struct announce_options *o)
{
    struct url url;
    if (url_parse(span_of(o->control), &url) != 0 || url.query.p != NULL)
        return "--announce takes the URL of a control plane";
    if (o->site == NULL || url_parse(span_of(o->site), &url) != 0 || url.query.p != NULL ||
        strlen(o->site) > URL_MAX || span_ends(span_of(o->site), SPAN("/")))
        return "--announce needs --site, the URL where users reach the storage, without a '/' at "
               "its end";
    return NULL;
}

static int start(struct announce_run *r, struct buf *why)
{
    const struct announce_options *o = r->a->options;
    struct tls_client_spec tls = {.ca_file = o->ca_file};
    int err = url_parse(span_of(o->control), &r->control);
    if (err == 0 && o->token_file != NULL)
        err = credentials_load(&r->token, o->token_file);
    if (err != 0)
        buf_printf(why, "--token-file %s: %s\n", o->token_file, err_text(err));
    if (err == 0 && r->control.scheme == SCHEME_HTTPS)
        err = tls_client_create(&r->tls, &tls, why);
    return err;
}

/* Settling is never shorter than a turn of the loop, so nobody is called from inside. */
void announce_start(struct announce *a)
{
    struct announce_run *r = mem_zalloc(sizeof *r);
    r->a = a;
    a->run = r;
    buf_init(&a->told, 65536);
    buf_init(&r->body, ANSWER_MAX);
    buf_init(&r->answer, ANSWER_MAX);
    arena_init(&r->mem, 65536);
    timer_init(&r->timer, a->home, on_timer);
    r->client = client_create(a->home, &client_config_default);
    r->orders = (struct announce_orders){.site = span_of(a->options->site),
                                         .name = a->name,
                                         .edges = a->options->edges,
                                         .tree = a->tree,
                                         .changes = a->changes};
    int err = start(r, &a->told);
    if (err != 0)
        over(r, err);
    else
        timer_set(&r->timer, a->options->settle_ms > 0 ? a->options->settle_ms : 1);
}
