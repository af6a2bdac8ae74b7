/* SPDX-License-Identifier: MIT
 * Heads on HTTP/2. nghttp2 has looked at the form of each field and at the rules for pseudo-header
 * fields (RFC 9113 s.8.2, 8.3); here they become what HTTP/1 heads are read into, as strictly.
 * Runs on the exchange's loop. */
#include "lib/web/h2_head.h"

#include "lib/base/err.h"
#include "lib/http/url.h"

#define FIELDS_MAX  100
#define FIELD_EXTRA 32 /* what a field counts beyond its bytes: RFC 9113 s.6.5.2 */

/* Requests */

static void pseudo_field(struct h2_stream *st, struct span name, struct span value)
{
    struct request_head *head = &st->x.request;
    value = arena_dup(&st->x.mem, value);
    if (span_eq(name, SPAN(":path")))
        head->target = value;
    else if (span_eq(name, SPAN(":method")))
        head->method_text = value;
    else if (span_eq(name, SPAN(":authority")))
        st->authority = value;
    else if (span_eq(name, SPAN(":scheme")))
        st->scheme = value;
}

static bool is_too_large(const struct h2_stream *st)
{
    return st->list_bytes > st->session->base.server->config.head_bytes ||
           st->x.request.fields.count >= FIELDS_MAX;
}

void h2_head_field(struct h2_stream *st, struct span name, struct span value)
{
    struct fields *fs = &st->x.request.fields;
    uint64_t bytes = st->list_bytes + name.n + value.n + FIELD_EXTRA;
    st->list_bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    if (is_too_large(st))
        return;
    if (name.p[0] == ':') {
        pseudo_field(st, name, value);
        return;
    }
    enum field_id id = field_id_of(name);
    if (id != FIELD_OTHER) {
        fields_add(fs, id, arena_dup(&st->x.mem, value));
        return;
    }
    if (span_eq(name, SPAN("priority")))
        st->has_priority = true;
    fields_add_named(fs, arena_dup(&st->x.mem, name), arena_dup(&st->x.mem, value));
}

/* RFC 9113 s.8.2.3. */
static void join_cookies(struct h2_stream *st)
{
    struct fields *fs = &st->x.request.fields;
    struct span parts[2 * FIELDS_MAX];
    size_t n = 0;
    for (const struct field *f = fields_find(fs, FIELD_COOKIE, 0); f != NULL;
         f = fields_find(fs, FIELD_COOKIE, (uint32_t)(f - fs->v) + 1)) {
        if (n > 0)
            parts[n++] = SPAN("; ");
        parts[n++] = f->value;
    }
    if (n > 1)
        fields_set(fs, FIELD_COOKIE, arena_join(&st->x.mem, parts, n));
}

/* RFC 9113 s.8.3.1: where both are there, they name the same. */
static const char *decide_host(struct h2_stream *st)
{
    struct request_head *head = &st->x.request;
    struct span host = fields_value(&head->fields, FIELD_HOST);
    int port;
    if (fields_count(&head->fields, FIELD_HOST) > 1)
        return "more than one Host";
    if (st->authority.p == NULL)
        st->authority = host;
    else if (host.p == NULL)
        fields_add(&head->fields, FIELD_HOST, st->authority);
    else if (!span_ieq(host, st->authority))
        return "Host is not what :authority says";
    if (url_authority(st->authority, &head->host, &port) < 0 || head->host.n == 0)
        return "Host is not a host and port";
    head->port = port >= 0 ? port : scheme_port(head->scheme);
    return NULL;
}

static const char *decide_target(struct h2_stream *st)
{
    struct request_head *head = &st->x.request;
    if (head->method == METHOD_CONNECT) {
        head->target = st->authority;
        head->path = SPAN("");
        return decide_host(st);
    }
    head->scheme = span_ieq(st->scheme, SPAN("https")) ? SCHEME_HTTPS : SCHEME_HTTP;
    if (!span_ieq(st->scheme, scheme_text(head->scheme)))
        return "scheme is neither http nor https";
    if (head->method == METHOD_OPTIONS && span_eq(head->target, SPAN("*")))
        head->path = head->target;
    else if (url_split(head->target, &head->path, &head->query) != 0)
        return "character that is not allowed in a path";
    return decide_host(st);
}

/* nghttp2 has read the length already, and holds the body to it. */
static void decide_body(struct request_head *head, bool has_body)
{
    uint64_t length;
    struct span said = fields_value(&head->fields, FIELD_CONTENT_LENGTH);
    head->content_length = 0;
    if (has_body)
        head->content_length =
            span_u64(said, &length) && length <= LENGTH_MAX ? (int64_t)length : LENGTH_UNKNOWN;
    head->expects_continue =
        has_body && span_ieq(fields_value(&head->fields, FIELD_EXPECT), SPAN("100-continue"));
}

int h2_head_finish(struct h2_stream *st, bool has_body, const char **why)
{
    struct request_head *head = &st->x.request;
    head->method = method_of(head->method_text);
    *why = "request head too large";
    if (is_too_large(st))
        return 431;
    *why = "request target is too long";
    if (head->target.n > st->session->base.server->config.target_bytes)
        return 414;
    decide_body(head, has_body);
    *why = decide_target(st);
    if (*why != NULL)
        return 400;
    if (fields_find(&head->fields, FIELD_COOKIE, 0) != NULL)
        join_cookies(st);
    *why = "fields need more memory than allowed";
    return arena_overflowed(&st->x.mem) ? 431 : 0;
}

/* Answers */

/* What belongs to one connection of HTTP/1 (RFC 9113 s.8.2.2), and what is made here. */
static const bool is_left_out[FIELD_COUNT] = {
    [FIELD_CONNECTION] = true,       [FIELD_CONTENT_LENGTH] = true,    [FIELD_KEEP_ALIVE] = true,
    [FIELD_PROXY_CONNECTION] = true, [FIELD_TRANSFER_ENCODING] = true, [FIELD_UPGRADE] = true,
};

struct list_writer {
    nghttp2_nv *v;
    size_t n;
    char length[20];
    bool is_wrong;
};

/* nghttp2 copies, and makes the name lower case. */
static void put(struct list_writer *w, struct span name, struct span value)
{
    w->v[w->n++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.p,
        .namelen = name.n,
        .value = (uint8_t *)(uintptr_t)value.p,
        .valuelen = value.n,
    };
}

static void put_field(struct list_writer *w, const struct field *f)
{
    struct span name = f->id != FIELD_OTHER ? field_spelling(f->id) : f->name;
    if (f->id == FIELD_OTHER && !token_is_valid(name))
        w->is_wrong = true;
    if (!field_value_is_valid(f->value))
        w->is_wrong = true;
    put(w, name, span_trim(f->value));
}

/* The value of a whole line: without its name and line end. */
static struct span line_value(struct span line, size_t name_bytes)
{
    return span_make(line.p + name_bytes + 2, line.n - name_bytes - 4);
}

static void put_final(struct list_writer *w, struct h2_stream *st, const struct response_head *head)
{
    struct server *sv = st->session->base.server;
    if (head->content_length != LENGTH_UNKNOWN && head->status != 204)
        put(w, SPAN("content-length"),
            span_make(w->length,
                      (size_t)(u64_write(w->length, (uint64_t)head->content_length) - w->length)));
    if (fields_find(&head->fields, FIELD_DATE, 0) == NULL)
        put(w, SPAN("date"), line_value(server_date_line(sv), 4));
    if (sv->server_line_bytes > 0 && fields_find(&head->fields, FIELD_SERVER, 0) == NULL)
        put(w, SPAN("server"), line_value(span_make(sv->server_line, sv->server_line_bytes), 6));
}

#define ADDED_FIELDS 4 /* :status and those of put_final */

int h2_head_submit(struct h2_stream *st, const struct response_head *head,
                   const nghttp2_data_provider *source)
{
    const struct fields *fs = &head->fields;
    nghttp2_session *ng = st->session->ng;
    char status[3] = {(char)('0' + head->status / 100), (char)('0' + head->status / 10 % 10),
                      (char)('0' + head->status % 10)};
    struct list_writer w = {0};
    w.v = arena_alloc(&st->x.mem, (fs->count + ADDED_FIELDS) * sizeof *w.v);
    put(&w, SPAN(":status"), span_make(status, sizeof status));
    for (uint32_t i = 0; i < fs->count; i++)
        if (!is_left_out[fs->v[i].id])
            put_field(&w, &fs->v[i]);
    if (head->status >= 200)
        put_final(&w, st, head);
    if (w.is_wrong)
        return ERR_SYNTAX;
    if (arena_overflowed(&st->x.mem))
        return ERR_NO_MEMORY;
    int rc = head->status >= 200
                 ? nghttp2_submit_response(ng, st->id, w.v, w.n, source)
                 : nghttp2_submit_headers(ng, NGHTTP2_FLAG_NONE, st->id, NULL, w.v, w.n, NULL);
    return rc == 0 ? 0 : ERR_NO_MEMORY;
}
