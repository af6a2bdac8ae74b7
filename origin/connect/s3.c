/* SPDX-License-Identifier: MIT
 *
 * The connector for S3-type storages (Amazon S3, Ceph's gateway, OpenStack Swift's S3 interface):
 * signature version 4, path and virtual-hosted style, listing version 2, multipart uploads. */
#include "origin/connect/kinds.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "origin/connect/credentials.h"
#include "origin/connect/remote_upload.h"
#include "origin/connect/s3_xml.h"

#include <stdio.h>

#define ACCESS_KEY     "aws_access_key_id"
#define SECRET_KEY     "aws_secret_access_key"
#define SESSION_TOKEN  "aws_session_token"
#define DEFAULT_REGION "us-east-1"
/* SHA-256 of nothing. */
#define EMPTY_HASH SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

/* Accept-Encoding is left out: what stands between may change it. */
static void sign_fields(const struct remote_ask *a, struct sigv4_request *r,
                        struct sigv4_pair *fields)
{
    r->fields = fields;
    for (size_t i = 0; i < a->fields_count; i++)
        if (!span_eq(a->fields[i].name, SPAN("accept-encoding")))
            fields[r->fields_count++] = a->fields[i];
}

static struct span payload_hash_of(const struct remote_ask *a)
{
    if (a->payload_hash.n > 0)
        return a->payload_hash;
    return a->body == NULL ? EMPTY_HASH : SIGV4_UNSIGNED;
}

static struct span host_field(const struct request_head *head, struct arena *mem)
{
    if (head->port == scheme_port(head->scheme))
        return head->host;
    return arena_printf(mem, "%.*s:%d", SPAN_FMT(head->host), head->port);
}

static struct span path_of(struct remote_loop *at, struct remote_ask *a)
{
    const struct storage_options *o = at->remote->options;
    struct span base = at->remote->base.path, key = remote_key(at, a);
    if (span_ends(base, SPAN("/")))
        base.n--;
    if (o->style == STORAGE_STYLE_VIRTUAL)
        return arena_printf(&a->mem, "%.*s%.*s", SPAN_FMT(base),
                            SPAN_FMT(key.n > 0 ? key : SPAN("/")));
    return arena_printf(&a->mem, "%.*s/%s%.*s", SPAN_FMT(base), o->bucket, SPAN_FMT(key));
}

static int s3_sign(struct remote_loop *at, struct remote_ask *a, struct request_head *head,
                   struct client_target *target)
{
    struct credentials *c = at->state;
    const char *region = at->remote->options->region;
    struct sigv4_pair fields[REMOTE_PAIRS_MAX];
    struct sigv4_signed made;
    credentials_follow(c, loop_now(at->home));
    struct sigv4_key key = {.access_key = credentials_value(c, ACCESS_KEY),
                            .secret = credentials_value(c, SECRET_KEY),
                            .session_token = credentials_value(c, SESSION_TOKEN),
                            .region = span_of(region[0] != '\0' ? region : DEFAULT_REGION)};
    remote_address(at, a, head, target);
    head->path = path_of(at, a);
    struct sigv4_request r = {.method = head->method_text,
                              .host = host_field(head, &a->mem),
                              .path = head->path,
                              .query = a->query,
                              .query_count = a->query_count,
                              .payload_hash = payload_hash_of(a)};
    sign_fields(a, &r, fields);
    sigv4_sign(&key, &r, loop_wall(at->home) / MSEC_PER_SEC, &a->mem, &made);
    head->query = made.query;
    fields_add_named(&head->fields, SPAN("x-amz-date"), made.date);
    fields_add_named(&head->fields, SPAN("x-amz-content-sha256"), r.payload_hash);
    if (key.session_token.n > 0)
        fields_add_named(&head->fields, SPAN("x-amz-security-token"),
                         arena_dup(&a->mem, key.session_token));
    fields_add(&head->fields, FIELD_AUTHORIZATION, made.authorization);
    a->credentials = c->mark;
    return 0;
}

/* S3 says 400 (ExpiredToken), 401 or 403; new credentials may lie in the file already. */
static bool s3_refresh(struct remote_loop *at, struct remote_ask *a, int status)
{
    struct credentials *c = at->state;
    if (status != 400 && status != 401 && status != 403)
        return false;
    c->next_look = 0;
    credentials_follow(c, loop_now(at->home));
    return c->mark != a->credentials;
}

static void s3_ask_list(struct remote_loop *at, struct remote_ask *a,
                        const struct connector_list *l)
{
    struct span prefix = span_starts(l->prefix, SPAN("/")) ? span_skip(l->prefix, 1) : l->prefix;
    remote_ask_query(a, SPAN("list-type"), SPAN("2"));
    remote_ask_query(a, SPAN("max-keys"), SPAN("1000"));
    remote_ask_query(
        a, SPAN("prefix"),
        arena_printf(remote_ask_kept(a), "%s%.*s", at->remote->options->prefix, SPAN_FMT(prefix)));
    if (l->after.n > 0)
        remote_ask_query(a, SPAN("continuation-token"), l->after);
}

struct listing {
    struct connector_list *list;
    struct span prefix; /* of the options: not part of paths */
    bool is_truncated;
};

static int list_element(void *ctx, struct span path, struct span text)
{
    struct listing *g = ctx;
    struct connector_list *l = g->list;
    struct connector_entry *e = l->count > 0 ? &l->entries[l->count - 1] : NULL;
    uint64_t size = 0;
    if (span_eq(path, SPAN("ListBucketResult/Contents/Key"))) {
        if (l->count == CONNECTOR_LIST_MAX || !span_starts(text, g->prefix))
            return ERR_PROTOCOL;
        l->entries[l->count++] = (struct connector_entry){
            .path = arena_printf(&l->mem, "/%.*s", SPAN_FMT(span_skip(text, g->prefix.n)))};
    } else if (span_eq(path, SPAN("ListBucketResult/Contents/Size"))) {
        if (e == NULL || !span_u64(text, &size) || size > INT64_MAX)
            return ERR_PROTOCOL;
        e->size_bytes = (int64_t)size;
    } else if (span_eq(path, SPAN("ListBucketResult/Contents/ETag")) ||
               span_eq(path, SPAN("ListBucketResult/Contents/LastModified"))) {
        if (e == NULL)
            return ERR_PROTOCOL;
        e->mark = remote_mark(e->mark, text);
    } else if (span_eq(path, SPAN("ListBucketResult/IsTruncated"))) {
        g->is_truncated = span_eq(text, SPAN("true"));
    } else if (span_eq(path, SPAN("ListBucketResult/NextContinuationToken"))) {
        l->next = arena_dup(&l->mem, text);
    }
    return 0;
}

static int s3_read_list(struct remote_loop *at, struct connector_list *l, struct span answer)
{
    static const struct s3_xml_events events = {list_element};
    struct listing g = {l, span_of(at->remote->options->prefix), false};
    l->entries = arena_zalloc(&l->mem, CONNECTOR_LIST_MAX * sizeof *l->entries);
    int err = s3_xml_walk(answer, &events, &g);
    if (!g.is_truncated)
        l->next = SPAN_NONE;
    return err;
}

static int upload_element(void *ctx, struct span path, struct span text)
{
    struct remote_upload *u = ctx;
    if (span_eq(path, SPAN("InitiateMultipartUploadResult/UploadId")) && text.n < sizeof u->id)
        snprintf(u->id, sizeof u->id, "%.*s", SPAN_FMT(text));
    if (!span_eq(path, SPAN("Error/Code")))
        return 0;
    LOG_WARN_LIMITED("storage-refused", "storage=s3 path=\"%.*s\" code=\"%.*s\"",
                     SPAN_FMT(u->put->path), SPAN_FMT(text));
    return ERR_IO;
}

static int s3_read_upload(struct remote_upload *u, struct span answer)
{
    static const struct s3_xml_events events = {upload_element};
    int err = s3_xml_walk(answer, &events, u);
    return err == 0 && u->id[0] == '\0' ? ERR_PROTOCOL : err;
}

static void s3_ask_begin(struct remote_upload *u, struct remote_ask *a)
{
    (void)u;
    remote_ask_query(a, SPAN("uploads"), SPAN(""));
}

static void s3_ask_part(struct remote_upload *u, struct remote_ask *a, uint32_t i)
{
    remote_ask_query(a, SPAN("partNumber"), arena_printf(remote_ask_kept(a), "%u", i + 1));
    remote_ask_query(a, SPAN("uploadId"), span_of(u->id));
}

static void s3_ask_end(struct remote_upload *u, struct remote_ask *a)
{
    remote_ask_query(a, SPAN("uploadId"), span_of(u->id));
    buf_printf(&u->text, "<CompleteMultipartUpload>");
    for (uint32_t i = 0; i < u->count; i++)
        buf_printf(&u->text, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1,
                   u->parts[i].etag);
    buf_printf(&u->text, "</CompleteMultipartUpload>");
}

static void s3_ask_abandon(struct remote_upload *u, struct remote_ask *a)
{
    a->method = METHOD_DELETE;
    remote_ask_query(a, SPAN("uploadId"), span_of(u->id));
}

static const struct remote_parts s3_parts = {
    .count_max = 10000,
    .ask_begin = s3_ask_begin,
    .read_begin = s3_read_upload,
    .ask_part = s3_ask_part,
    .ask_end = s3_ask_end,
    .read_end = s3_read_upload,
    .ask_abandon = s3_ask_abandon,
};

static int s3_check(const struct storage_options *o, const char *file, struct buf *why)
{
    static const char *const secrets[] = {ACCESS_KEY, SECRET_KEY, NULL};
    int err = credentials_check(
        &(struct credentials_check){o->credentials_file, secrets, file, o->line}, why);
    if (err == 0 && o->bucket[0] == '\0') {
        option_error(why, file, o->line, "bucket: an s3 storage needs one");
        err = ERR_CONFIG;
    }
    return err;
}

const struct remote_kind remote_s3 = {
    .name = "s3",
    .enter = credentials_enter,
    .leave = credentials_leave,
    .sign = s3_sign,
    .refresh = s3_refresh,
    .check = s3_check,
    .ask_list = s3_ask_list,
    .read_list = s3_read_list,
    .parts = &s3_parts,
    .sha256_field = "x-amz-meta-sha256",
    .can_write = true,
};
