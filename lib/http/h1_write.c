/* SPDX-License-Identifier: MIT */

/* Heads into bytes: copied piece by piece into the caller's room. What a piece may hold is asked
 * here once more, whoever made it: a line break in a value would be another message. */
#include "lib/http/h1_write.h"

#include "lib/base/err.h"
#include "lib/http/chars.h"

/* Made here, never copied (RFC 9112 s.6 and s.9.3; Host of a request: RFC 9110 s.7.2). */
static const bool is_made_here[FIELD_COUNT] = {
    [FIELD_CONNECTION] = true,
    [FIELD_CONTENT_LENGTH] = true,
    [FIELD_TRANSFER_ENCODING] = true,
};

/* The first fault stays; what is put after it is not looked at. */
struct writer {
    char *at, *end;
    int err;
};

static void put(struct writer *w, struct span s)
{
    if (UNLIKELY((size_t)(w->end - w->at) < s.n)) {
        w->err = w->err != 0 ? w->err : ERR_TOO_BIG;
        w->at = w->end;
        return;
    }
    if (s.n != 0)
        w->at = mempcpy(w->at, s.p, s.n);
}

static void require(struct writer *w, bool is_right)
{
    if (UNLIKELY(!is_right))
        w->err = w->err != 0 ? w->err : ERR_SYNTAX;
}

static void put_number(struct writer *w, uint64_t v)
{
    char digits[U64_ROOM];
    put(w, span_make(digits, (size_t)(u64_write(digits, v) - digits)));
}

static void put_text(struct writer *w, struct span text)
{
    if (text.n == 0)
        return;
    require(w, chars_to_control(text.p, text.p + text.n) == text.p + text.n);
    put(w, text);
}

/* Room is asked for once, not at each of the four pieces. */
static void put_field(struct writer *w, const struct field *f)
{
    struct span name = f->id != FIELD_OTHER ? field_spelling(f->id) : f->name, value = f->value;
    require(w, f->id != FIELD_OTHER || token_is_valid(name));
    require(w, field_value_is_valid(value));
    if (UNLIKELY((size_t)(w->end - w->at) < name.n + value.n + sizeof(": \r\n") - 1)) {
        w->err = w->err != 0 ? w->err : ERR_TOO_BIG;
        return;
    }
    w->at = mempcpy(w->at, name.p, name.n);
    w->at = mempcpy(w->at, ": ", 2);
    if (value.n != 0)
        w->at = mempcpy(w->at, value.p, value.n);
    w->at = mempcpy(w->at, "\r\n", 2);
}

static void put_fields(struct writer *w, const struct fields *fs, bool with_host)
{
    put(w, fs->lines);
    for (uint32_t i = fs->lines_count; i < fs->count; i++) {
        enum field_id id = fs->v[i].id;
        if (!is_made_here[id] && (with_host || id != FIELD_HOST))
            put_field(w, &fs->v[i]);
    }
}

static void put_length(struct writer *w, int64_t length)
{
    put(w, SPAN("Content-Length: "));
    put_number(w, (uint64_t)length);
    put(w, SPAN("\r\n"));
}

static ptrdiff_t finish(struct writer *w, const char *out)
{
    put(w, SPAN("\r\n"));
    return w->err != 0 ? w->err : w->at - out;
}

static void put_coding(struct writer *w, const struct h1_response_framing *framing)
{
    put(w, SPAN("Transfer-Encoding: "));
    if (framing->is_zstd)
        put(w, SPAN("zstd"));
    if (framing->is_zstd && framing->content_length >= 0) {
        put(w, SPAN(";length="));
        put_number(w, (uint64_t)framing->content_length);
    }
    put(w, framing->is_zstd ? SPAN(", chunked\r\n") : SPAN("chunked\r\n"));
}

/* RFC 9112 s.6.1: no coding towards HTTP/1.0. RFC 9110 s.8.6: no length with 1xx and 204. */
static void put_response_framing(struct writer *w, int status,
                                 const struct h1_response_framing *framing)
{
    bool is_old = framing->peer_minor_version == 0;
    if (status < 200)
        return;
    if (framing->is_chunked && !is_old && status_has_body(status))
        put_coding(w, framing);
    else if (!framing->is_chunked && framing->content_length >= 0 && status != 204)
        put_length(w, framing->content_length);

    if (framing->closes || (is_old && framing->is_chunked))
        put(w, SPAN("Connection: close\r\n"));
    else if (is_old)
        put(w, SPAN("Connection: keep-alive\r\n"));
}

static void put_status_line(struct writer *w, const struct response_head *head)
{
    struct span usual = head->reason.n == 0 ? status_line(head->status) : SPAN_NONE;
    if (usual.n != 0) {
        put(w, usual);
        return;
    }
    put(w, SPAN("HTTP/1.1 "));
    put_number(w, (uint64_t)head->status);
    put(w, SPAN(" "));
    put_text(w, head->reason);
    put(w, SPAN("\r\n"));
}

ptrdiff_t h1_write_response(char *out, size_t room, const struct response_head *head,
                            const struct h1_response_framing *framing)
{
    struct writer w = {.at = out, .end = out + room};
    CHECK(head->status >= 100 && head->status <= 999);
    put_status_line(&w, head);
    put_fields(&w, &head->fields, true);
    put_response_framing(&w, head->status, framing);
    return finish(&w, out);
}

/* RFC 9110 s.7.2: an IPv6 host in brackets; the port where it is not the scheme's own. */
static void put_host(struct writer *w, const struct request_head *head)
{
    bool is_ipv6 = span_index(head->host, ':') >= 0;
    require(w, is_ipv6 || chars_all(head->host, CHAR_NAME));
    put(w, is_ipv6 ? SPAN("Host: [") : SPAN("Host: "));
    put_text(w, head->host);
    put(w, is_ipv6 ? SPAN("]") : SPAN(""));
    if (head->port != scheme_port(head->scheme) && head->host.n != 0) {
        put(w, SPAN(":"));
        put_number(w, (uint64_t)head->port);
    }
    put(w, SPAN("\r\n"));
}

/* RFC 9110 s.8.6: a length of 0 is said where the method means something by content. */
static void put_request_framing(struct writer *w, const struct request_head *head)
{
    bool wants_length =
        head->method == METHOD_POST || head->method == METHOD_PUT || head->method == METHOD_PATCH;
    if (head->content_length == LENGTH_UNKNOWN)
        put(w, SPAN("Transfer-Encoding: chunked\r\n"));
    else if (head->content_length > 0 || wants_length)
        put_length(w, head->content_length);
    if (!head->keeps_alive)
        put(w, SPAN("Connection: close\r\n"));
    if (fields_find(&head->fields, FIELD_TE, 0) != NULL) /* RFC 9110 s.10.1.4 */
        put(w, SPAN("Connection: TE\r\n"));
}

ptrdiff_t h1_write_request(char *out, size_t room, const struct request_head *head)
{
    struct writer w = {.at = out, .end = out + room};
    require(&w, token_is_valid(head->method_text) && head->path.n != 0);
    require(&w, chars_all(head->path, CHAR_PATH) || span_eq(head->path, SPAN("*")));
    require(&w, chars_all(head->query, CHAR_QUERY));
    put(&w, head->method_text);
    put(&w, SPAN(" "));
    put(&w, head->path);
    put(&w, head->query.p != NULL ? SPAN("?") : SPAN(""));
    put(&w, head->query);
    put(&w, SPAN(" HTTP/1.1\r\n"));
    put_host(&w, head);
    put_fields(&w, &head->fields, false);
    put_request_framing(&w, head);
    return finish(&w, out);
}
