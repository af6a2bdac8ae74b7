/* SPDX-License-Identifier: MIT
 * One request, start to end, on a loop that runs for it alone. */
#include "control/ctl/ctl.h"

#include "lib/base/err.h"
#include "lib/base/whole_file.h"
#include "lib/http/url.h"
#include "lib/web/client.h"

#include <stdio.h>

#define REPLY_MAX_BYTES (64 << 20)
#define CONNECT_MS      3000
#define ANSWER_MS       15000
#define TOKEN_BYTES     512

struct asking {
    struct loop *loop;
    struct ctl_reply *reply;
    const char *where;
    int result; /* an enum ctl_exit */
};

void ctl_reply_finish(struct ctl_reply *r)
{
    json_in_finish(&r->json);
    buf_finish(&r->body);
}

static void fail(struct asking *a, const char *text)
{
    fprintf(stderr, "byeorictl: cannot reach %s: %s\n", a->where, text);
    a->result = CTL_UNREACHABLE;
    loop_stop(a->loop);
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)c;
    fail(ctx, text != NULL ? text : err_text(err));
}

static void on_readable(void *ctx, struct call *c)
{
    struct asking *a = ctx;
    for (;;) {
        char *room = buf_room(&a->reply->body, 16384);
        if (room == NULL) {
            fail(a, "the answer is larger than 64 MiB");
            return;
        }
        ssize_t n = call_read(c, room, 16384);
        if (n == ERR_AGAIN)
            return;
        if (n < 0) {
            fail(a, err_text((int)n));
            return;
        }
        if (n == 0) {
            loop_stop(a->loop);
            return;
        }
        buf_filled(&a->reply->body, (size_t)n);
    }
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    struct asking *a = ctx;
    a->reply->status = head->status;
    on_readable(ctx, c);
}

static const struct call_events events = {
    .on_head = on_head, .on_readable = on_readable, .on_failed = on_failed};

/* The Authorization value, or an empty span; false: there is no such file. */
static bool bearer(const struct ctl *c, struct arena *mem, struct span *out)
{
    struct buf token;
    *out = SPAN_NONE;
    if (c->token_file[0] == '\0')
        return true;
    buf_init(&token, TOKEN_BYTES);
    int err = whole_file_first_line(c->token_file, &token);
    if (err == 0)
        *out = arena_printf(mem, "Bearer %.*s", SPAN_FMT(buf_span(&token)));
    else
        fprintf(stderr, "byeorictl: token file %s: %s\n", c->token_file, err_text(err));
    buf_wipe(&token);
    return err == 0;
}

/* The request for base + target; spans in mem. */
static struct request_head head_of(const struct ctl_request *r, const struct url *base,
                                   struct arena *mem)
{
    struct span query, path = span_cut(span_of(r->target), '?', &query);
    bool has_prefix = base->path.n > 1;
    struct request_head head = {
        .method = method_of(span_of(r->method)),
        .method_text = span_of(r->method),
        .scheme = base->scheme,
        .host = base->host,
        .port = base->port,
        .path = has_prefix ? arena_join(mem, (struct span[]){base->path, path}, 2) : path,
        .query = query,
        .content_length = (int64_t)r->body.n,
        .major_version = 1,
        .minor_version = 1,
        .keeps_alive = true,
    };
    fields_init(&head.fields, mem);
    fields_add(&head.fields, FIELD_ACCEPT, SPAN("application/json"));
    if (r->body.n > 0)
        fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("application/json"));
    return head;
}

static void run_call(struct asking *a, const struct ctl_request *r, struct request_head *head,
                     struct arena *mem, struct tls_client *tls)
{
    struct client *client = client_create(a->loop, &client_config_default);
    struct client_target target = {.scheme = head->scheme,
                                   .host = arena_cstr(mem, head->host),
                                   .port = head->port,
                                   .tls = tls};
    struct call_spec spec = {.target = &target,
                             .request = head,
                             .body = r->body.n > 0 ? body_of_bytes(r->body) : NULL,
                             .connect_ms = CONNECT_MS,
                             .first_byte_ms = ANSWER_MS,
                             .stall_ms = ANSWER_MS};
    struct call *call = call_start(client, &spec, &events, a);
    loop_run(a->loop);
    call_end(&call);
    client_destroy(&client);
}

/* Refusals come as problem documents; their detail is the sentence for people. */
static int judge(const struct asking *a, struct ctl_reply *reply)
{
    struct span body = buf_span(&reply->body);
    if (json_in_parse(&reply->json, body, REPLY_MAX_BYTES) != 0) {
        json_in_finish(&reply->json);
        reply->json = (struct json_in){0};
    }
    if (reply->status >= 200 && reply->status < 300)
        return CTL_GOOD;
    struct span detail = json_in_text(&reply->json, reply->json.root, "detail", 4096);
    fprintf(stderr, "byeorictl: %s answers %d: %.*s\n", a->where, reply->status,
            SPAN_FMT(detail.n > 0 ? detail : status_reason(reply->status)));
    return CTL_REFUSED;
}

static bool set_up_tls(const struct ctl *c, struct tls_client **out)
{
    struct tls_client_spec spec = {
        .ca_file = c->ca_file, .chain_file = c->certificate_file, .key_file = c->key_file};
    struct buf why;
    buf_init(&why, 1024);
    int err = tls_client_create(out, &spec, &why);
    if (err != 0)
        fprintf(stderr, "byeorictl: %.*s", SPAN_FMT(buf_span(&why)));
    buf_finish(&why);
    return err == 0;
}

static int ask_url(const struct ctl *c, const struct ctl_request *r, const struct url *base,
                   struct asking *a)
{
    struct arena mem;
    struct span authorization;
    struct tls_client *tls = NULL;
    arena_init(&mem, 1 << 20);
    struct request_head head = head_of(r, base, &mem);
    if (r->base == NULL && !bearer(c, &mem, &authorization))
        a->result = CTL_USAGE;
    else if (r->base == NULL && authorization.n > 0)
        fields_add(&head.fields, FIELD_AUTHORIZATION, authorization);
    if (a->result == CTL_GOOD && base->scheme == SCHEME_HTTPS && !set_up_tls(c, &tls))
        a->result = CTL_USAGE;
    if (a->result == CTL_GOOD)
        run_call(a, r, &head, &mem, tls);
    tls_client_unref(&tls);
    arena_finish(&mem);
    return a->result;
}

int ctl_ask(const struct ctl *c, const struct ctl_request *r, struct ctl_reply *out)
{
    struct url base;
    struct asking a = {.reply = out, .where = r->base != NULL ? r->base : c->control};
    *out = (struct ctl_reply){0};
    buf_init(&out->body, REPLY_MAX_BYTES);
    if (url_parse(span_of(a.where), &base) != 0) {
        fprintf(stderr, "byeorictl: %s is no URL like http://127.0.0.1:7000\n", a.where);
        return CTL_USAGE;
    }
    if (span_ends(base.path, SPAN("/")))
        base.path.n--;
    a.loop = loop_create();
    if (a.loop == NULL) {
        fprintf(stderr, "byeorictl: no event loop\n");
        return CTL_UNREACHABLE;
    }
    int result = ask_url(c, r, &base, &a);
    loop_destroy(&a.loop);
    return result == CTL_GOOD ? judge(&a, out) : result;
}

int ctl_tell(const struct ctl *c, const struct ctl_request *request, ctl_show_fn show, void *ctx)
{
    struct ctl_reply r;
    int result = ctl_ask(c, request, &r);
    if (result == CTL_GOOD && c->is_json)
        ctl_show_json(&r);
    else if (result == CTL_GOOD)
        show(ctx, &r);
    ctl_reply_finish(&r);
    return result;
}
