/* SPDX-License-Identifier: MIT */

/* HTTP/1.x heads, read strictly: what could be understood in two ways is refused. Where a body ends
 * is decided here (RFC 9112 s.6.3); reading the body is left to others. */
#include "lib/http/h1_read.h"

#include "lib/base/err.h"
#include "lib/http/chars.h"
#include "lib/http/url.h"

#define H1_RESPONSE_FIELDS 100

/*  BEGIN --CR--> BEGIN_CR --LF--> SKIPPED           one empty line before a request (s.2.2)
 *    |                               |
 *    +-----------> TEXT <------------+ <--+
 *                   CR                    | a byte of a line
 *                    v                    |
 *                   CR --LF--> LINE ------+
 *                               CR
 *                                v
 *                             LINE_CR --LF--> WHOLE */
enum scan_state {
    SCAN_BEGIN,
    SCAN_BEGIN_CR,
    SCAN_SKIPPED,
    SCAN_TEXT,
    SCAN_CR,
    SCAN_LINE,
    SCAN_LINE_CR,
    SCAN_WHOLE,
    SCAN_WRONG
};

/* By state, what CR, LF and a byte that a line may have lead to. Other bytes are wrong. */
static const struct {
    uint8_t on_cr, on_lf, on_text;
} scan_steps[SCAN_WHOLE] = {
    [SCAN_BEGIN] = {SCAN_BEGIN_CR, SCAN_WRONG, SCAN_TEXT},
    [SCAN_BEGIN_CR] = {SCAN_WRONG, SCAN_SKIPPED, SCAN_WRONG},
    [SCAN_SKIPPED] = {SCAN_WRONG, SCAN_WRONG, SCAN_TEXT},
    [SCAN_TEXT] = {SCAN_CR, SCAN_WRONG, SCAN_TEXT},
    [SCAN_CR] = {SCAN_WRONG, SCAN_LINE, SCAN_WRONG},
    [SCAN_LINE] = {SCAN_LINE_CR, SCAN_WRONG, SCAN_TEXT},
    [SCAN_LINE_CR] = {SCAN_WRONG, SCAN_WHOLE, SCAN_WRONG},
};

static uint8_t scan_step(uint32_t state, char c)
{
    if (c == '\r')
        return scan_steps[state].on_cr;
    if (c == '\n')
        return scan_steps[state].on_lf;
    return char_is(c, CHAR_VALUE) ? scan_steps[state].on_text : SCAN_WRONG;
}

int h1_scan(struct h1_scan *scan, const char *p, size_t n)
{
    const char *at = p + scan->at, *end = p + n;
    uint32_t state = scan->state;
    while (at < end) {
        if (state == SCAN_TEXT || (state == SCAN_LINE && *at != '\r')) {
            state = SCAN_TEXT;
            at = chars_to_control(at, end);
            if (at == end)
                break;
            if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') { /* all of it in one step */
                at += 2;
                state = SCAN_LINE;
                continue;
            }
        }
        state = scan_step(state, *at++);
        if (state >= SCAN_WHOLE) {
            *scan = (struct h1_scan){0, SCAN_BEGIN};
            return state == SCAN_WHOLE ? (int)(at - p) : ERR_SYNTAX;
        }
    }
    *scan = (struct h1_scan){(uint32_t)n, state};
    return 0;
}

/* What the fields say about the message itself; gathered as they pass by. */
struct framing {
    int64_t content_length; /* LENGTH_UNKNOWN: not said */
    struct span host;
    uint32_t hosts;
    bool has_coding; /* Transfer-Encoding: chunked */
    bool has_zstd;   /* inside it, of so many bytes (LENGTH_UNKNOWN: not said) */
    int64_t zstd_length;
    bool says_close, says_keep_alive, says_continue;
};

/* One head while it is read. status != 0: refused, and why. */
struct reader {
    const char *p, *end;
    struct framing framing;
    uint32_t fields_max;
    bool may_have_zstd;
    int status;
    const char *why;
};

static bool refuse(struct reader *r, int status, const char *why)
{
    r->status = status;
    r->why = why;
    return false;
}

/* RFC 9112 s.6.3: the same number said twice is one; two numbers are two messages. */
static bool note_length(struct reader *r, struct span value)
{
    uint64_t length;
    if (!span_u64(value, &length) || length > LENGTH_MAX)
        return refuse(r, 400, "Content-Length is not a length");
    if (r->framing.content_length != LENGTH_UNKNOWN && r->framing.content_length != (int64_t)length)
        return refuse(r, 400, "Content-Length is said twice and differs");
    r->framing.content_length = (int64_t)length;
    return true;
}

/* "zstd, chunked" or "zstd;length=N, chunked", which edges tell each other; false: another. */
static bool note_zstd(struct framing *f, struct span value)
{
    struct span rest = value, coding, last, parameter;
    uint64_t length;
    if (!list_next_element(&rest, &coding) || !list_next_element(&rest, &last) || rest.n != 0 ||
        !span_ieq(last, SPAN("chunked")) ||
        !span_ieq(span_cut(coding, ';', &parameter), SPAN("zstd")))
        return false;
    f->zstd_length = LENGTH_UNKNOWN;
    if (parameter.p != NULL) {
        if (!span_starts(parameter, SPAN("length=")) ||
            !span_u64(span_skip(parameter, sizeof("length=") - 1), &length) || length > LENGTH_MAX)
            return false;
        f->zstd_length = (int64_t)length;
    }
    f->has_zstd = f->has_coding = true;
    return true;
}

/* RFC 9112 s.6.1 and 6.3: "chunked" alone. Where it is last but not alone, the length is known and
 * the coding is not (501); where it is not last, the length is not known (400). */
static bool note_coding(struct reader *r, struct span value)
{
    if (span_ieq(value, SPAN("chunked"))) {
        if (r->framing.has_coding)
            return refuse(r, 400, "chunked is applied twice");
        r->framing.has_coding = true;
        return true;
    }
    if (r->may_have_zstd && !r->framing.has_coding && note_zstd(&r->framing, value))
        return true;
    struct span rest = value, coding;
    bool ends_chunked = false;
    while (list_next_element(&rest, &coding)) {
        if (ends_chunked)
            return refuse(r, 400, "chunked is not the last transfer coding");
        ends_chunked = span_ieq(coding, SPAN("chunked"));
    }
    if (ends_chunked && token_is_valid(span_make(value.p, (size_t)span_index(value, ','))) &&
        !r->framing.has_coding)
        return refuse(r, 501, "transfer coding is not supported");
    return refuse(r, 400, "Transfer-Encoding is not chunked");
}

static bool note_connection(struct reader *r, struct span value)
{
    struct span rest = value, option;
    if (span_eq(value, SPAN("keep-alive"))) { /* what most clients say */
        r->framing.says_keep_alive = true;
        return true;
    }
    while (list_next_element(&rest, &option)) {
        r->framing.says_close |= span_ieq(option, SPAN("close"));
        r->framing.says_keep_alive |= span_ieq(option, SPAN("keep-alive"));
    }
    return true;
}

static bool note_host(struct reader *r, struct span value)
{
    if (r->framing.hosts++ != 0)
        return refuse(r, 400, "more than one Host");
    r->framing.host = value;
    return true;
}

static bool note_expect(struct reader *r, struct span value)
{
    r->framing.says_continue |= span_ieq(value, SPAN("100-continue"));
    return true;
}

typedef bool (*note_fn)(struct reader *r, struct span value);
static const note_fn notes[FIELD_COUNT] = {
    [FIELD_CONNECTION] = note_connection,
    [FIELD_CONTENT_LENGTH] = note_length,
    [FIELD_EXPECT] = note_expect,
    [FIELD_HOST] = note_host,
    [FIELD_TRANSFER_ENCODING] = note_coding,
};

/* The fault of a line whose name is not a token followed by a colon. */
static bool refuse_name(struct reader *r)
{
    const char *at = r->p;
    while (at < r->end && char_is(*at, CHAR_TOKEN))
        at++;
    if (at < r->end && char_is_space(*at))
        return refuse(r, 400,
                      at == r->p ? "folded field line"                        /* RFC 9112 s.5.2 */
                                 : "space before the colon of a field line"); /* s.5.1 */
    return refuse(r, 400, "field name is not a token");
}

/* One field line into *f. A name of names.def is a token, and has not to be looked at again. */
static bool read_line(struct reader *r, struct field *f)
{
    const char *end = r->end, *at = memchr(r->p, ':', (size_t)(end - r->p));
    if (at == NULL)
        return refuse_name(r);
    f->name = span_make(r->p, (size_t)(at - r->p));
    f->id = field_id_of(f->name);
    if (f->id == FIELD_OTHER && !token_is_valid(f->name))
        return refuse_name(r);

    do
        at++;
    while (at < end && char_is_space(*at));
    const char *eol = chars_to_control(at, end), *last = eol;
    if (end - eol < 2 || eol[0] != '\r' || eol[1] != '\n')
        return refuse(r, 400, "control character in a field value");
    while (last > at && char_is_space(last[-1]))
        last--;
    f->value = span_make(at, (size_t)(last - at));
    r->p = eol + 2;
    return true;
}

/* The field lines and the empty line, which ends the bytes. */
static bool read_fields(struct reader *r, struct fields *fs)
{
    struct field f = {.id = FIELD_OTHER};
    uint32_t lines = 0;
    r->framing.content_length = LENGTH_UNKNOWN;
    while (r->end - r->p > 2) {
        if (!read_line(r, &f))
            return false;
        if (++lines > r->fields_max)
            return refuse(r, 431, "too many field lines");
        if (f.id != FIELD_OTHER)
            fields_add(fs, f.id, f.value);
        else
            fields_add_named(fs, f.name, f.value);
        if (fs->count != lines)
            return refuse(r, 431, "fields need more memory than allowed");
        if (notes[f.id] != NULL && !notes[f.id](r, f.value))
            return false;
    }
    if (r->end - r->p != 2 || r->p[0] != '\r' || r->p[1] != '\n')
        return refuse(r, 400, "head does not end with an empty line");
    return true;
}

/* "HTTP/1.1" at p; minor versions above 1 are as 1 (RFC 9110 s.2.5). */
static bool read_version(struct reader *r, const char *p, uint8_t *minor)
{
    if (r->end - p < 8 || memcmp(p, "HTTP/", 5) != 0 || !char_is_digit(p[5]) || p[6] != '.' ||
        !char_is_digit(p[7]))
        return refuse(r, 400, "no HTTP version where it should stand");
    if (p[5] != '1')
        return refuse(r, 505, "HTTP version is not 1.x");
    *minor = p[7] != '0';
    return true;
}

static bool read_method(struct reader *r, struct request_head *head)
{
    const char *at = r->p;
    while (at < r->end && char_is(*at, CHAR_TOKEN))
        at++;
    if (at == r->p || at == r->end || *at != ' ')
        return refuse(r, 400, "method is not a token");
    head->method_text = span_make(r->p, (size_t)(at - r->p));
    head->method = method_of(head->method_text);
    r->p = at + 1;
    return true;
}

static bool read_target(struct reader *r, struct request_head *head, uint32_t target_bytes)
{
    const char *at = chars_to_target_end(r->p, r->end);
    head->target = span_make(r->p, (size_t)(at - r->p));
    if (head->target.n > target_bytes)
        return refuse(r, 414, "request target is too long");
    if (at == r->p || at == r->end || *at != ' ')
        return refuse(r, 400, "character that is not allowed in a request target");
    r->p = at + 1;
    return true;
}

static bool read_request_line(struct reader *r, struct request_head *head, uint32_t target_bytes)
{
    if (r->end - r->p >= 2 && r->p[0] == '\r' && r->p[1] == '\n')
        r->p += 2;
    if (!read_method(r, head) || !read_target(r, head, target_bytes) ||
        !read_version(r, r->p, &head->minor_version))
        return false;
    if (r->end - r->p < 10 || r->p[8] != '\r' || r->p[9] != '\n')
        return refuse(r, 400, "request line does not end behind the version");
    head->major_version = 1;
    r->p += 10;
    return true;
}

/* RFC 9112 s.6.3. */
static bool decide_request_body(struct reader *r, struct request_head *head)
{
    const struct framing *f = &r->framing;
    if (f->has_coding && f->content_length != LENGTH_UNKNOWN)
        return refuse(r, 400, "Content-Length beside Transfer-Encoding");
    if (f->has_coding && head->minor_version == 0)
        return refuse(r, 400, "Transfer-Encoding in HTTP/1.0"); /* s.6.1 */
    head->content_length = f->has_coding                         ? LENGTH_UNKNOWN
                           : f->content_length != LENGTH_UNKNOWN ? f->content_length
                                                                 : 0;
    head->keeps_alive = !f->says_close && (head->minor_version >= 1 || f->says_keep_alive);
    head->expects_continue =
        f->says_continue && head->minor_version >= 1 && head->content_length != 0;
    return true;
}

/* Host must be right whatever the target says (RFC 9112 s.3.2). */
static bool decide_host(struct reader *r, struct request_head *head)
{
    if (r->framing.hosts == 0) {
        head->host = SPAN("");
        return head->minor_version == 0 || refuse(r, 400, "no Host");
    }
    int port;
    if (url_authority(r->framing.host, &head->host, &port) < 0 || head->host.n == 0)
        return refuse(r, 400, "Host is not a host and port");
    if (port >= 0)
        head->port = port;
    return true;
}

/* The four forms of a target (RFC 9112 s.3.2). */
static bool decide_target(struct reader *r, struct request_head *head)
{
    head->port = scheme_port(head->scheme);
    if (!decide_host(r, head))
        return false;
    if (head->method == METHOD_CONNECT) {
        head->path = SPAN("");
        if (url_authority(head->target, &head->host, &head->port) < 0 || head->host.n == 0 ||
            head->port < 0)
            return refuse(r, 400, "target of CONNECT is not a host and port");
        return true;
    }
    if (head->target.p[0] == '/') {
        /* Its bytes were looked at (read_target); what is left is what url_split asks beyond. */
        head->path = span_cut(head->target, '?', &head->query);
        return !chars_has_percent_fault(head->path) ||
               refuse(r, 400, "request target has a broken escape");
    }
    if (head->method == METHOD_OPTIONS && span_eq(head->target, SPAN("*"))) {
        head->path = head->target;
        return true;
    }
    struct url url;
    if (url_parse(head->target, &url) < 0)
        return refuse(r, 400, "request target is neither a path nor a URL");
    head->scheme = url.scheme;
    head->host = url.host;
    head->port = url.port;
    head->path = url.path;
    head->query = url.query;
    return true;
}

int h1_parse_request(struct request_head *head, struct span bytes, struct arena *mem,
                     const struct h1_limits *limits, const char **why)
{
    struct reader r = {.p = bytes.p, .end = bytes.p + bytes.n, .fields_max = limits->fields};
    *head = (struct request_head){.scheme = limits->scheme};
    fields_init(&head->fields, mem);
    if (read_request_line(&r, head, limits->target_bytes) && read_fields(&r, &head->fields) &&
        decide_request_body(&r, head) && decide_target(&r, head))
        return 0;
    *why = r.why;
    return r.status;
}

/* RFC 9112 s.4. The space before an empty reason is often left out; nothing else can be meant. */
static bool read_status_line(struct reader *r, struct response_head *head)
{
    const char *p = r->p, *end = r->end;
    if (!read_version(r, p, &head->minor_version))
        return false;
    if (end - p < 14 || p[8] != ' ' || p[9] < '1' || p[9] > '9' || !char_is_digit(p[10]) ||
        !char_is_digit(p[11]))
        return refuse(r, 502, "status is not a number of three digits");
    head->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    const char *reason = p + 12;
    if (*reason == ' ')
        reason++;
    else if (*reason != '\r')
        return refuse(r, 502, "status is not a number of three digits");
    const char *eol = chars_to_control(reason, end);
    if (end - eol < 2 || eol[0] != '\r' || eol[1] != '\n')
        return refuse(r, 502, "control character in the reason phrase");
    head->reason = span_make(reason, (size_t)(eol - reason));
    r->p = eol + 2;
    return true;
}

/* RFC 9112 s.6.3, in its order. */
static bool decide_response_body(struct reader *r, struct response_head *head, enum method to)
{
    const struct framing *f = &r->framing;
    if (f->has_coding && f->content_length != LENGTH_UNKNOWN)
        return refuse(r, 502, "Content-Length beside Transfer-Encoding");
    if (f->has_coding && head->minor_version == 0)
        return refuse(r, 502, "Transfer-Encoding in HTTP/1.0");
    head->keeps_alive = !f->says_close && (head->minor_version >= 1 || f->says_keep_alive);
    if (to == METHOD_HEAD || !status_has_body(head->status)) {
        head->content_length = 0;
    } else if (to == METHOD_CONNECT && head->status < 300) {
        head->content_length = 0; /* a tunnel follows */
        head->keeps_alive = false;
    } else {
        head->is_chunked = f->has_coding;
        head->is_zstd = f->has_zstd;
        head->content_length = f->has_zstd ? f->zstd_length : f->content_length;
        if (!head->is_chunked && head->content_length == LENGTH_UNKNOWN)
            head->keeps_alive = false; /* until close */
    }
    return true;
}

int h1_parse_response(struct response_head *head, struct span bytes, enum method to,
                      struct arena *mem, const char **why)
{
    struct reader r = {.p = bytes.p,
                       .end = bytes.p + bytes.n,
                       .fields_max = H1_RESPONSE_FIELDS,
                       .may_have_zstd = true};
    *head = (struct response_head){0};
    fields_init(&head->fields, mem);
    if (read_status_line(&r, head) && read_fields(&r, &head->fields) &&
        decide_response_body(&r, head, to))
        return 0;
    *why = r.why;
    return ERR_PROTOCOL;
}
