/* SPDX-License-Identifier: MIT
 *
 * Storages across a network: what is made once, what each loop has, and what answers mean. */
#include "origin/connect/remote.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/http/date.h"
#include "lib/http/etag.h"
#include "lib/http/range.h"
#include "origin/connect/remote_ask.h"
#include "origin/connect/remote_body.h"
#include "origin/connect/remote_write.h"

#include <stdio.h>

/* A loop may ask this many times again at once, and once a second besides what questions earn. */
#define RETRY_BURST 20.0
#define RETRY_PER_S 1.0

static struct remote *remote_of(struct connector *c)
{
    return CONTAINER_OF(c, struct remote, connector);
}

static void remote_enter(struct connector *c, struct loop *home)
{
    struct remote *r = remote_of(c);
    struct client_config config = client_config_default;
    config.idle_per_target = (uint32_t)r->options->idle_per_worker;
    struct remote_loop *at = mem_zalloc(sizeof *at);
    at->remote = r;
    at->home = home;
    at->client = client_create(home, &config);
    bucket_init(&at->retries, RETRY_PER_S, RETRY_BURST, loop_now(home));
    list_init(&at->asks);
    at->state = r->kind->enter != NULL ? r->kind->enter(at) : NULL;
    per_loop_put(&r->loops, home, at);
}

struct remote_loop *remote_at(struct connector *c, struct loop *home)
{
    return per_loop_get(&remote_of(c)->loops, home);
}

/* What is being read already finds its call cancelled; what waits for an answer is told. */
static void cancel(struct remote_ask *a)
{
    bool is_awaited = a->state != REMOTE_ASK_ANSWERED || a->verdict_is_due;
    list_remove(&a->link);
    loop_undefer(&a->verdict);
    timer_stop(&a->pause);
    a->state = REMOTE_ASK_OVER;
    if (is_awaited)
        a->done(a, ERR_CANCELLED);
}

static void remote_leave(struct connector *c, struct loop *home)
{
    struct remote *r = remote_of(c);
    struct remote_loop *at = remote_at(c, home);
    while (!list_is_empty(&at->asks))
        cancel(LIST_THING(at->asks.next, struct remote_ask, link));
    if (r->kind->leave != NULL)
        r->kind->leave(at, at->state);
    client_destroy(&at->client);
    per_loop_remove(&r->loops, home);
    mem_free(at);
}

static void remote_destroy(struct connector *c)
{
    struct remote *r = remote_of(c);
    if (r->tls != NULL)
        tls_client_unref(&r->tls);
    mem_free(r->host);
    mem_free(r);
}

void remote_address(struct remote_loop *at, struct remote_ask *a, struct request_head *head,
                    struct client_target *target)
{
    const struct remote *r = at->remote;
    const char *address = r->options->address;
    *target = (struct client_target){
        .scheme = r->base.scheme, .host = r->host, .port = r->base.port, .tls = r->tls};
    head->scheme = r->base.scheme;
    head->host = r->base.host;
    head->port = r->base.port;
    if (r->options->style == STORAGE_STYLE_VIRTUAL) {
        head->host = arena_printf(&a->mem, "%s.%.*s", r->options->bucket, SPAN_FMT(r->base.host));
        target->host = arena_cstr(&a->mem, head->host);
    }
    target->tls_name = target->host;
    if (address[0] != '\0')
        target->host = address;
}

struct span remote_key(struct remote_loop *at, struct remote_ask *a)
{
    struct span path = a->path;
    if (path.n == 0)
        return SPAN_NONE;
    if (span_starts(path, SPAN("/")))
        path = span_skip(path, 1);
    struct span raw = arena_printf(&a->mem, "/%s%.*s", at->remote->options->prefix, SPAN_FMT(path));
    return sigv4_encode_path(raw, &a->mem);
}

int remote_err_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERR_DENIED;
    case 404:
    case 410:
        return ERR_NOT_FOUND;
    case 409:
    case 412:
        return ERR_CHANGED;
    case 416:
        return ERR_UNSATISFIABLE;
    case 429:
    case 503:
        return ERR_BUSY;
    default:
        return status >= 200 && status < 300 ? 0 : ERR_IO;
    }
}

/* OpenStack Swift sends the MD5 of a plain object bare; as an entity tag it has quotes. */
static void copy_etag(struct span tag, char out[CONNECTOR_ETAG_ROOM])
{
    bool is_bare = tag.n > 0 && tag.p[tag.n - 1] != '"';
    int n = snprintf(out, CONNECTOR_ETAG_ROOM, is_bare ? "\"%.*s\"" : "%.*s", SPAN_FMT(tag));
    if (n >= CONNECTOR_ETAG_ROOM || !etag_is_valid(span_of(out)))
        out[0] = '\0';
}

/* Of the whole; the answer to HEAD tells it by its field alone. */
static int size_of(const struct response_head *head, int64_t *out)
{
    struct content_range range;
    uint64_t length = 0;
    if (head->status == 206) {
        if (content_range_parse(fields_value(&head->fields, FIELD_CONTENT_RANGE), &range) != 0)
            return ERR_PROTOCOL;
        *out = range.size;
        return *out >= 0 ? 0 : ERR_PROTOCOL;
    }
    if (!span_u64(fields_value(&head->fields, FIELD_CONTENT_LENGTH), &length) || length > INT64_MAX)
        return ERR_PROTOCOL;
    *out = (int64_t)length;
    return 0;
}

uint64_t remote_mark(uint64_t mark, struct span told)
{
    const uint64_t both[] = {mark, hash64(told.p, told.n)};
    return hash64(both, sizeof both);
}

struct span remote_field(const struct response_head *head, const char *name)
{
    const struct field *f = fields_find_named(&head->fields, span_of(name), 0);
    return f != NULL ? f->value : SPAN_NONE;
}

int remote_describe(struct remote_loop *at, const struct response_head *head,
                    struct connector_find *find)
{
    const struct fields *fs = &head->fields;
    struct span type = fields_value(fs, FIELD_CONTENT_TYPE);
    const char *digest = at->remote->kind->sha256_field;
    int err = size_of(head, &find->size_bytes);
    if (err != 0)
        return err;
    if (!date_parse(fields_value(fs, FIELD_LAST_MODIFIED), loop_wall(at->home) / MSEC_PER_SEC,
                    &find->last_modified))
        find->last_modified = -1;
    copy_etag(fields_value(fs, FIELD_ETAG), find->etag);
    snprintf(find->content_type, sizeof find->content_type, "%.*s", SPAN_FMT(type));
    if (digest != NULL)
        find->has_sha256 =
            digest_unhex(remote_field(head, digest), find->sha256, sizeof find->sha256);
    return 0;
}

static const struct connector_ops ops_of_remote = {
    .name = "storage",
    .enter = remote_enter,
    .leave = remote_leave,
    .find = remote_find,
    .list = remote_list,
    .put = remote_put,
    .remove = remote_remove,
    .destroy = remote_destroy,
};

static bool needs_tls(const struct storage_options *o)
{
    return span_starts(span_of(o->url), SPAN("https:")) ||
           span_starts(span_of(o->auth_url), SPAN("https:"));
}

static int check_url(struct remote *r, const char *file, struct buf *why)
{
    const struct storage_options *o = r->options;
    if (o->url[0] == '\0' && r->kind->finds_url)
        return 0;
    if (url_parse(span_of(o->url), &r->base) == 0 && r->base.query.p == NULL) {
        r->host = mem_strndup(r->base.host.p, r->base.host.n);
        return 0;
    }
    option_error(why, file, o->line, "url: \"%s\" is not an http or https URL", o->url);
    return ERR_CONFIG;
}

int remote_create(struct connector **out, const struct remote_kind *kind,
                  const struct storage_options *options, const char *file, struct buf *why)
{
    struct tls_client_spec tls = {.ca_file = options->ca_file,
                                  .chain_file = options->chain_file,
                                  .key_file = options->key_file,
                                  .is_unverified = options->is_unverified};
    struct remote *r = mem_zalloc(sizeof *r);
    *out = &r->connector;
    r->connector.ops = &ops_of_remote;
    r->kind = kind;
    r->options = options;
    int err = check_url(r, file, why);
    if (err == 0 && kind->check != NULL)
        err = kind->check(options, file, why);
    if (err == 0 && needs_tls(options) && tls_client_create(&r->tls, &tls, why) != 0)
        err = ERR_CONFIG;
    if (err != 0)
        connector_destroy(out);
    return err;
}
