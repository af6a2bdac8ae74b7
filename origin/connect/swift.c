/* SPDX-License-Identifier: MIT
 *
 * The connector for OpenStack Swift (and Ceph's gateway, which speaks it too): tokens or temporary
 * URLs, listings in JSON. Large objects (swift_segments.h) are read as one by the storage itself.
 */
#include "origin/connect/kinds.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "origin/connect/swift_login.h"
#include "origin/connect/swift_segments.h"

#define TEMP_URL_S     300 /* how long a temporary URL opens: one answer, resumed */
#define NAME_MAX_BYTES 4096
#define MARK_MAX_BYTES 256

static void *swift_enter(struct remote_loop *at)
{
    struct swift_login *s = mem_zalloc(sizeof *s);
    credentials_open(&s->credentials, at->remote->options->credentials_file);
    return s;
}

static void swift_leave(struct remote_loop *at, void *state)
{
    (void)at;
    swift_login_finish(state);
    mem_free(state);
}

static struct span bucket_of(struct remote_loop *at, const struct remote_ask *a)
{
    return a->bucket.n > 0 ? a->bucket : span_of(at->remote->options->bucket);
}

static struct span query_text(struct remote_ask *a)
{
    struct span text = SPAN("");
    for (size_t i = 0; i < a->query_count; i++)
        text = arena_printf(&a->mem, "%.*s%s%.*s=%.*s", SPAN_FMT(text), i > 0 ? "&" : "",
                            SPAN_FMT(a->query[i].name),
                            SPAN_FMT(sigv4_encode(a->query[i].value, &a->mem)));
    return a->query_count > 0 ? text : SPAN_NONE;
}

/* A temporary URL's query: the path is signed as it reads decoded. */
static void sign_temp_url(struct remote_loop *at, struct remote_ask *a, struct request_head *head)
{
    const struct storage_options *o = at->remote->options;
    struct swift_login *s = at->state;
    uint8_t mac[DIGEST_SHA256_BYTES];
    char hex[2 * DIGEST_SHA256_BYTES + 1];
    struct span path = span_starts(a->path, SPAN("/")) ? span_skip(a->path, 1) : a->path;
    long long until = (long long)(loop_wall(at->home) / MSEC_PER_SEC + TEMP_URL_S);
    struct span text = arena_printf(&a->mem, "%.*s\n%lld\n%.*s/%.*s/%s%.*s",
                                    SPAN_FMT(head->method_text), until, SPAN_FMT(s->storage.path),
                                    SPAN_FMT(bucket_of(at, a)), o->prefix, SPAN_FMT(path));
    credentials_follow(&s->credentials, loop_now(at->home));
    digest_hmac_sha256(credentials_value(&s->credentials, "temp_url_key"), text, mac);
    digest_hex(mac, sizeof mac, hex);
    head->query = arena_printf(&a->mem, "temp_url_sig=%s&temp_url_expires=%lld", hex, until);
}

static int swift_sign(struct remote_loop *at, struct remote_ask *a, struct request_head *head,
                      struct client_target *target)
{
    struct swift_login *s = at->state;
    bool is_temp_url = at->remote->options->auth == STORAGE_AUTH_TEMPURL;
    if (a->is_login)
        return swift_login_sign(at, s, a, head, target);
    int err = is_temp_url ? swift_login_use(s, span_of(at->remote->options->url))
                          : swift_login_need(at, s);
    if (err != 0)
        return err;
    struct span base = s->storage.path;
    if (span_ends(base, SPAN("/")))
        base.n--;
    head->scheme = s->storage.scheme;
    head->host = s->storage.host;
    head->port = s->storage.port;
    head->path = arena_printf(&a->mem, "%.*s/%.*s%.*s", SPAN_FMT(base),
                              SPAN_FMT(sigv4_encode(bucket_of(at, a), &a->mem)),
                              SPAN_FMT(remote_key(at, a)));
    head->query = query_text(a);
    *target = (struct client_target){.scheme = s->storage.scheme,
                                     .host = s->host,
                                     .port = s->storage.port,
                                     .tls = at->remote->tls};
    a->credentials = s->serial;
    if (is_temp_url)
        sign_temp_url(at, a, head);
    else
        fields_add_named(&head->fields, SPAN("X-Auth-Token"),
                         arena_dup(&a->mem, span_of(s->token)));
    return 0;
}

static bool swift_refresh(struct remote_loop *at, struct remote_ask *a, int status)
{
    if (status != 401 || at->remote->options->auth == STORAGE_AUTH_TEMPURL)
        return false;
    return swift_login_again(at, at->state, a->credentials);
}

static void swift_ask_list(struct remote_loop *at, struct remote_ask *a,
                           const struct connector_list *l)
{
    struct span prefix = span_starts(l->prefix, SPAN("/")) ? span_skip(l->prefix, 1) : l->prefix;
    remote_ask_query(a, SPAN("format"), SPAN("json"));
    remote_ask_query(a, SPAN("limit"), SPAN("1000"));
    remote_ask_query(
        a, SPAN("prefix"),
        arena_printf(remote_ask_kept(a), "%s%.*s", at->remote->options->prefix, SPAN_FMT(prefix)));
    if (l->after.n > 0)
        remote_ask_query(a, SPAN("marker"), l->after);
}

/* A temporary URL opens one object, never a container. */
static bool swift_can_list(const struct storage_options *o)
{
    return o->auth != STORAGE_AUTH_TEMPURL;
}

static int take_rows(struct remote_loop *at, struct connector_list *l, struct json_in *in)
{
    struct span prefix = span_of(at->remote->options->prefix), name = SPAN_NONE;
    size_t count = json_in_count(in->root);
    if (json_in_kind(in->root) != JSON_KIND_ARRAY || count > CONNECTOR_LIST_MAX)
        return ERR_PROTOCOL;
    l->entries = arena_zalloc(&l->mem, (count + 1) * sizeof *l->entries);
    for (size_t i = 0; i < count; i++) {
        const struct json_t *row = json_in_at(in->root, i);
        uint64_t bytes = json_in_u64(in, row, "bytes", 0);
        name = json_in_text(in, row, "name", NAME_MAX_BYTES);
        if (name.n == 0 || !span_starts(name, prefix) || bytes > INT64_MAX)
            return ERR_PROTOCOL;
        l->entries[l->count++] = (struct connector_entry){
            .path = arena_printf(&l->mem, "/%.*s", SPAN_FMT(span_skip(name, prefix.n))),
            .size_bytes = (int64_t)bytes,
            .mark = remote_mark(remote_mark(0, json_in_text(in, row, "hash", MARK_MAX_BYTES)),
                                json_in_text(in, row, "last_modified", MARK_MAX_BYTES))};
    }
    if (count == CONNECTOR_LIST_MAX)
        l->next = arena_dup(&l->mem, name);
    return json_in_is_faulty(in) ? ERR_PROTOCOL : 0;
}

static int swift_read_list(struct remote_loop *at, struct connector_list *l, struct span answer)
{
    struct json_in in = {.root = NULL};
    if (answer.n == 0) /* 204: nothing there */
        return 0;
    int err = json_in_parse(&in, answer, REMOTE_ANSWER_MAX);
    if (err == 0)
        err = take_rows(at, l, &in);
    json_in_finish(&in);
    return err;
}

static int wrong(const struct storage_options *o, const char *file, struct buf *why,
                 const char *what)
{
    option_error(why, file, o->line, "%s", what);
    return ERR_CONFIG;
}

static int swift_check(const struct storage_options *o, const char *file, struct buf *why)
{
    const char *const secrets[] = {o->auth == STORAGE_AUTH_TEMPURL ? "temp_url_key" : "password",
                                   NULL};
    struct url url;
    int err = credentials_check(
        &(struct credentials_check){o->credentials_file, secrets, file, o->line}, why);
    if (o->bucket[0] == '\0')
        err = wrong(o, file, why, "bucket: a swift storage needs one (its container)");
    if (o->auth == STORAGE_AUTH_TEMPURL && o->url[0] == '\0')
        err = wrong(o, file, why, "url: temporary URLs need the storage's own");
    if (o->auth != STORAGE_AUTH_TEMPURL && url_parse(span_of(o->auth_url), &url) != 0)
        err = wrong(o, file, why, "auth_url: is not an http or https URL");
    if (o->auth == STORAGE_AUTH_V3 && o->project[0] == '\0')
        err = wrong(o, file, why, "project: Keystone (auth = \"v3\") needs one");
    return err;
}

const struct remote_kind remote_swift = {
    .name = "swift",
    .enter = swift_enter,
    .leave = swift_leave,
    .sign = swift_sign,
    .refresh = swift_refresh,
    .check = swift_check,
    .can_list = swift_can_list,
    .ask_list = swift_ask_list,
    .read_list = swift_read_list,
    .parts = &swift_parts,
    .remains = &swift_remains,
    .sha256_field = "x-object-meta-sha256",
    .can_write = true,
    .finds_url = true,
};
