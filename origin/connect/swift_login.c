/* SPDX-License-Identifier: MIT
 *
 * Tokens of OpenStack Swift: asked for by TempAuth's fields or by a document for Keystone, kept
 * until shortly before they end. Runs on its loop. */
#include "origin/connect/swift_login.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <time.h>

#define PAUSE_MS     1000        /* after a login that failed */
#define LIFE_MAX_S   (7 * 86400) /* of a token, whatever is told */
#define QUESTION_MAX (16 << 10)
#define TOKEN_MAX    (16 << 10)
#define CATALOG_MAX  512

static const char *auth_path(const struct storage_options *o)
{
    return o->auth == STORAGE_AUTH_V3 ? "/auth/tokens" : "";
}

int swift_login_use(struct swift_login *s, struct span url)
{
    struct url parsed;
    if (url.n == 0) /* the login did not tell it */
        return ERR_SYNTAX;
    char *copy = mem_strndup(url.p, url.n);
    if (url_parse(span_of(copy), &parsed) != 0) {
        mem_free(copy);
        return ERR_SYNTAX;
    }
    mem_free(s->storage_url);
    mem_free(s->host);
    s->storage_url = copy;
    s->storage = parsed;
    s->host = mem_strndup(parsed.host.p, parsed.host.n);
    return 0;
}

static void use_token(struct remote_loop *at, struct swift_login *s, struct span token, sec_t life)
{
    msec_t now = loop_now(at->home);
    mem_free(s->token);
    s->token = mem_strndup(token.p, token.n);
    s->serial++;
    s->expires_at = s->renew_at = 0;
    if (life > 0) {
        life = life < LIFE_MAX_S ? life : LIFE_MAX_S;
        s->expires_at = now + life * MSEC_PER_SEC;
        s->renew_at = now + life * MSEC_PER_SEC * 9 / 10;
    }
}

static int read_v1(struct remote_loop *at, struct swift_login *s, const struct response_head *head)
{
    uint64_t life = 0;
    struct span token = remote_field(head, "X-Auth-Token"),
                url = remote_field(head, "X-Storage-Url");
    (void)span_u64(remote_field(head, "X-Auth-Token-Expires"), &life);
    if (at->remote->options->url[0] != '\0')
        url = span_of(at->remote->options->url);
    if (token.n == 0 || token.n > TOKEN_MAX || swift_login_use(s, url) != 0)
        return ERR_PROTOCOL;
    use_token(at, s, token, life < LIFE_MAX_S ? (sec_t)life : LIFE_MAX_S);
    return 0;
}

/* The object store's public endpoint in a catalogue, in the region asked for. */
static struct span endpoint_of(struct json_in *in, const struct json_t *service, const char *region)
{
    const struct json_t *ends = json_in_array(in, service, "endpoints", CATALOG_MAX);
    for (size_t i = 0; i < json_in_count(ends); i++) {
        const struct json_t *e = json_in_at(ends, i);
        if (!span_eq(json_in_text(in, e, "interface", 64), SPAN("public")))
            continue;
        if (region[0] == '\0' || span_eq(json_in_text(in, e, "region", 256), span_of(region)))
            return json_in_text(in, e, "url", 2048);
    }
    return SPAN_NONE;
}

static struct span find_endpoint(struct json_in *in, const struct json_t *token, const char *region)
{
    const struct json_t *catalog = json_in_array(in, token, "catalog", CATALOG_MAX);
    for (size_t i = 0; i < json_in_count(catalog); i++) {
        const struct json_t *service = json_in_at(catalog, i);
        if (span_eq(json_in_text(in, service, "type", 64), SPAN("object-store")))
            return endpoint_of(in, service, region);
    }
    return SPAN_NONE;
}

/* "2026-01-02T03:04:05.000000Z"; 0: not one. */
static sec_t moment_of(struct span iso)
{
    struct tm tm = {.tm_sec = 0};
    char text[20];
    if (iso.n < sizeof text)
        return 0;
    memcpy(text, iso.p, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL ? (sec_t)timegm(&tm) : 0;
}

static int read_v3(struct remote_loop *at, struct swift_login *s, const struct response_head *head,
                   struct span answer)
{
    struct json_in in = {.root = NULL};
    const struct storage_options *o = at->remote->options;
    struct span token = remote_field(head, "X-Subject-Token");
    int err = json_in_parse(&in, answer, REMOTE_ANSWER_MAX);
    if (err == 0) {
        const struct json_t *t = json_in_object(&in, in.root, "token");
        struct span url = o->url[0] != '\0' ? span_of(o->url) : find_endpoint(&in, t, o->region);
        sec_t until = moment_of(json_in_text(&in, t, "expires_at", 64));
        if (url.n == 0)
            LOG_WARN_LIMITED("storage-not-in-catalogue",
                             "storage=swift url=\"%s\" region=\"%s\" reason=\"Keystone names no "
                             "public endpoint of an object-store there\"",
                             o->auth_url, o->region);
        if (token.n == 0 || token.n > TOKEN_MAX || swift_login_use(s, url) != 0)
            err = ERR_PROTOCOL;
        else
            use_token(at, s, token,
                      until - (loop_wall(at->home) + MSEC_PER_SEC - 1) / MSEC_PER_SEC);
    }
    json_in_finish(&in);
    return err;
}

static void on_login(struct remote_talk *t, int err)
{
    struct swift_login *s = CONTAINER_OF(t, struct swift_login, talk);
    struct remote_loop *at = t->ask.at;
    if (err == 0 && at->remote->options->auth == STORAGE_AUTH_V3)
        err = read_v3(at, s, remote_ask_head(&t->ask), buf_span(&t->answer));
    else if (err == 0)
        err = read_v1(at, s, remote_ask_head(&t->ask));
    remote_talk_end(t);
    s->is_under_way = false;
    s->not_before = err == 0 ? 0 : loop_now(at->home) + PAUSE_MS;
    if (err != 0 && err != ERR_CANCELLED)
        LOG_WARN_LIMITED("storage-login-failed", "storage=swift url=\"%s\" reason=\"%s\"",
                         at->remote->options->auth_url, err_text(err));
    remote_ask_resume_all(at, err);
}

static struct body *question_body(struct remote_ask *a)
{
    struct swift_login *s = CONTAINER_OF(a, struct swift_login, talk.ask);
    return body_of_constant(buf_span(&s->question));
}

static void write_domain(struct json_out *out, const char *name)
{
    json_out_object(out, "domain");
    json_out_text(out, "name", span_of(name));
    json_out_end_object(out);
}

/* Keystone: POST /v3/auth/tokens, password method, scoped to a project. */
static void write_question(const struct storage_options *o, struct swift_login *s)
{
    struct json_out out;
    buf_finish(&s->question);
    buf_init(&s->question, QUESTION_MAX);
    json_out_begin(&out, &s->question);
    json_out_object(&out, NULL);
    json_out_object(&out, "auth");
    json_out_object(&out, "identity");
    json_out_array(&out, "methods");
    json_out_text(&out, NULL, SPAN("password"));
    json_out_end_array(&out);
    json_out_object(&out, "password");
    json_out_object(&out, "user");
    json_out_text(&out, "name", span_of(o->user));
    json_out_text(&out, "password", credentials_value(&s->credentials, "password"));
    write_domain(&out, o->user_domain);
    json_out_end_object(&out);
    json_out_end_object(&out);
    json_out_end_object(&out);
    json_out_object(&out, "scope");
    json_out_object(&out, "project");
    json_out_text(&out, "name", span_of(o->project));
    write_domain(&out, o->project_domain);
    json_out_end_object(&out);
    json_out_end_object(&out);
    json_out_end_object(&out);
    json_out_end_object(&out);
}

static void begin(struct remote_loop *at, struct swift_login *s)
{
    const struct storage_options *o = at->remote->options;
    struct remote_ask *a = &s->talk.ask;
    s->is_under_way = true;
    s->talk = (struct remote_talk){.done = on_login};
    remote_ask_init(a, at, o->auth == STORAGE_AUTH_V3 ? METHOD_POST : METHOD_GET, SPAN_NONE);
    a->is_login = true;
    if (o->auth == STORAGE_AUTH_V3) {
        write_question(o, s);
        a->body = question_body;
        a->body_bytes = (int64_t)s->question.n;
        remote_ask_field(a, SPAN("content-type"), SPAN("application/json"));
    }
    remote_talk_start(&s->talk);
}

int swift_login_need(struct remote_loop *at, struct swift_login *s)
{
    msec_t now = loop_now(at->home);
    bool is_open = s->token != NULL && (s->expires_at == 0 || now < s->expires_at);
    bool is_due = !is_open || (s->renew_at != 0 && now >= s->renew_at);
    credentials_follow(&s->credentials, now);
    if (is_due && !s->is_under_way && now >= s->not_before)
        begin(at, s);
    if (is_open)
        return 0;
    return s->is_under_way ? ERR_AGAIN : ERR_DENIED;
}

bool swift_login_again(struct remote_loop *at, struct swift_login *s, uint64_t serial)
{
    if (serial == s->serial) {
        mem_free(s->token);
        s->token = NULL;
    }
    int err = swift_login_need(at, s);
    return err == 0 || err == ERR_AGAIN;
}

int swift_login_sign(struct remote_loop *at, struct swift_login *s, struct remote_ask *a,
                     struct request_head *head, struct client_target *target)
{
    const struct storage_options *o = at->remote->options;
    struct url url;
    if (url_parse(span_of(o->auth_url), &url) != 0)
        return ERR_CONFIG;
    if (span_ends(url.path, SPAN("/")))
        url.path.n--;
    head->scheme = url.scheme;
    head->host = url.host;
    head->port = url.port;
    head->path = arena_printf(&a->mem, "%.*s%s", SPAN_FMT(url.path), auth_path(o));
    *target = (struct client_target){.scheme = url.scheme,
                                     .host = arena_cstr(&a->mem, url.host),
                                     .port = url.port,
                                     .tls = at->remote->tls};
    if (o->auth == STORAGE_AUTH_V1) {
        fields_add_named(&head->fields, SPAN("X-Auth-User"), span_of(o->user));
        fields_add_named(&head->fields, SPAN("X-Auth-Key"),
                         credentials_value(&s->credentials, "password"));
    }
    return 0;
}

void swift_login_finish(struct swift_login *s)
{
    if (s->is_under_way)
        remote_talk_end(&s->talk);
    credentials_finish(&s->credentials);
    buf_finish(&s->question);
    mem_free(s->token);
    mem_free(s->storage_url);
    mem_free(s->host);
}
