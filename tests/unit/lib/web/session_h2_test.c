/* SPDX-License-Identifier: MIT */
/* What a client of HTTP/2 sees: heads, bodies both ways, resets, windows, order, the end. */
#include "tests/unit/lib/web/h2_peer.h"

#include "lib/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct wire w;
static struct peer p;

static void begin(void (*app)(struct wire *w, struct exchange *x), uint32_t window)
{
    wire_open(&w, NULL, app);
    peer_open(&p, &w, window);
}

static void end(void)
{
    peer_close(&p);
    wire_close(&w);
}

#define HEAD(method, path) ":method: " method "\n:scheme: http\n:authority: h\n:path: " path "\n"

/* Heads and framing */

static void a_client_with_prior_knowledge_is_answered(void **state)
{
    (void)state;
    begin(app_reply_hello, 0);
    struct peer_stream *st = peer_get(&p, "/a");
    peer_until_ended(&p, st);
    assert_int_equal(st->status, 200);
    assert_string_equal(st->body, "hello");
    assert_true(peer_has_field(st, "content-type: text/plain; charset=utf-8\n"));
    assert_true(peer_has_field(st, "content-length: 5\n"));
    assert_true(peer_has_field(st, "server: t\n"));
    assert_true(peer_has_field(st, "\ndate: "));
    assert_int_equal(p.max_streams, 128);
    const struct server_counters *c = server_counters_of(w.server);
    assert_int_equal(counter_get(&c->connections), 1);
    assert_int_equal(counter_get(&c->http2_connections), 1);
    assert_int_equal(counter_get(&c->requests), 1);
    assert_int_equal(w.dones, 1);
    assert_int_equal(w.last_err, 0);
    end();
}

static void a_preface_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char all[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
                              "\0\0\x04\x01\x05\0\0\0\x01\x82\x86\x84\x41"; /* no :authority yet */
    wire_open(&w, NULL, app_reply_hello);
    for (size_t i = 0; i < sizeof all - 1; i++)
        wire_send(&w, span_make(all + i, 1));
    wire_for_ms(&w, 5);
    assert_true(w.got_n >= 9 + 18 && w.got[3] == NGHTTP2_SETTINGS);
    assert_false(w.was_reset);
    wire_close(&w);
}

static void the_application_sees_the_same_request_as_on_http_1(struct wire *wire,
                                                               struct exchange *x)
{
    (void)wire;
    const struct request_head *r = &x->request;
    assert_int_equal(r->major_version, 2);
    assert_int_equal(r->method, METHOD_GET);
    assert_true(span_eq(r->target, SPAN("/p%20q?x=1")));
    assert_true(span_eq(r->path, SPAN("/p%20q")));
    assert_true(span_eq(r->query, SPAN("x=1")));
    assert_true(span_eq(r->host, SPAN("host.example")));
    assert_int_equal(r->port, 8443);
    assert_int_equal(r->scheme, SCHEME_HTTPS);
    assert_int_equal(r->content_length, 0);
    assert_true(r->keeps_alive);
    assert_true(span_eq(fields_value(&r->fields, FIELD_HOST), SPAN("host.example:8443")));
    assert_true(span_eq(fields_value(&r->fields, FIELD_COOKIE), SPAN("a=1; b=2; c=3")));
    assert_int_equal(fields_count(&r->fields, FIELD_COOKIE), 1);
    assert_true(span_eq(fields_find_named(&r->fields, SPAN("x-own"), 0)->value, SPAN("v w")));
    exchange_reply(x, 200, SPAN_NONE, SPAN("ok"));
}

static void a_head_is_read_as_on_http_1(void **state)
{
    (void)state;
    begin(the_application_sees_the_same_request_as_on_http_1, 0);
    struct peer_stream *st = peer_request(
        &p,
        ":method: GET\n:scheme: https\n:authority: host.example:8443\n:path: /p%20q?x=1\n"
        "cookie: a=1\ncookie: b=2\nx-own: v w\ncookie: c=3\n",
        NULL);
    peer_until_ended(&p, st);
    assert_string_equal(st->body, "ok");
    end();
}

static void answers_are_framed_as_rfc_9113_says(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        const char *length, *body;
    } cases[] = {
        {"GET", "/200/5/hello", "content-length: 5\n", "hello"},
        {"GET", "/200/-/hello", NULL, "hello"},
        {"GET", "/200/-", "content-length: 0\n", ""},
        {"GET", "/200/0", "content-length: 0\n", ""},
        {"HEAD", "/200/5/hello", "content-length: 5\n", ""},
        {"HEAD", "/200/-/hello", NULL, ""},
        {"GET", "/304/7", "content-length: 7\n", ""},
        {"GET", "/204/-", NULL, ""},
    };
    char fields[200];
    begin(app_reply_as_asked, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(fields, sizeof fields, ":method: %s\n:scheme: http\n:authority: h\n:path: %s\n",
                 cases[i].method, cases[i].path);
        struct peer_stream *st = peer_request(&p, fields, NULL);
        peer_until_ended(&p, st);
        assert_false(st->is_reset);
        assert_int_equal(st->status, strtol(cases[i].path + 1, NULL, 10));
        assert_string_equal(st->body, cases[i].body);
        if (cases[i].length != NULL)
            assert_true(peer_has_field(st, cases[i].length));
        else
            assert_false(peer_has_field(st, "content-length"));
    }
    wire_until_done(&w, (int)ARRAY_LEN(cases));
    assert_int_equal(w.last_err, 0);
    end();
}

static void answer_with_odd_fields(struct wire *wire, struct exchange *x)
{
    (void)wire;
    struct response_head head = {.status = 200, .content_length = 0};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_CONNECTION, SPAN("close"));
    fields_add(&head.fields, FIELD_TRANSFER_ENCODING, SPAN("chunked"));
    fields_add(&head.fields, FIELD_CONTENT_LENGTH, SPAN("99"));
    fields_add_named(&head.fields, SPAN("X-Mixed-Case"), SPAN("Value"));
    if (span_eq(x->request.path, SPAN("/split")))
        fields_add(&head.fields, FIELD_ETAG, SPAN("a\r\nb"));
    exchange_respond(x, &head, NULL);
}

static void fields_of_one_connection_are_left_out(void **state)
{
    (void)state;
    begin(answer_with_odd_fields, 0);
    struct peer_stream *st = peer_get(&p, "/"), *split = peer_get(&p, "/split");
    peer_until_ended(&p, st);
    assert_false(peer_has_field(st, "connection:"));
    assert_false(peer_has_field(st, "transfer-encoding:"));
    assert_false(peer_has_field(st, "content-length: 99"));
    assert_true(peer_has_field(st, "x-mixed-case: Value\n"));
    peer_until_ended(&p, split);
    assert_int_equal(split->status, 500);
    end();
}

/* Strictness: each is refused on its stream, and the connection goes on. */

static const char *const malformed[] = {
    ":method: GET\n:scheme: http\n:path: /\n",                      /* no host at all */
    ":method: GET\n:scheme: http\n:authority: h\n",                 /* no path */
    ":method: GET\n:authority: h\n:path: /\n",                      /* no scheme */
    ":scheme: http\n:authority: h\n:path: /\n",                     /* no method */
    HEAD("GET", "/") ":path: /b\n",                                 /* twice */
    HEAD("GET", "/") ":status: 200\n",                              /* of answers */
    ":method: GET\n:scheme: http\n:authority: h\nx: y\n:path: /\n", /* after a field */
    HEAD("GET", "/") "X-Upper: a\n",                                /* RFC 9113 s.8.2.1 */
    HEAD("GET", "/") "x y: a\n",                                    /* not a token */
    HEAD("GET", "/") "x: a\rb\n",                                   /* CR in a value */
    HEAD("GET", "/") "connection: close\n",                         /* s.8.2.2 */
    HEAD("GET", "/") "transfer-encoding: chunked\n",                /* s.8.2.2 */
    HEAD("GET", "/") "te: gzip\n",                                  /* s.8.2.2 */
    HEAD("GET", "/") "host: other\n",                               /* not :authority */
    HEAD("GET", "/") "host: h\nhost: h\n",                          /* twice */
    HEAD("GET", "/") "content-length: 1, 2\n",                      /* not a number */
    HEAD("GET", "/") "content-length: 3\n",                         /* no body comes */
    HEAD("GET", "a"),                                               /* no slash */
    HEAD("GET", "*"),                                               /* for OPTIONS only */
    HEAD("GET", "/a#b"),                                            /* a fragment */
    HEAD("GET", "/%zz"),                                            /* broken escape */
    HEAD("GET", "/a b"),                                            /* space */
    ":method: GET\n:scheme: ftp\n:authority: h\n:path: /\n",        /* not ours */
    ":method: GET\n:scheme: http\n:authority: u@h\n:path: /\n",     /* userinfo */
    ":method: GET\n:scheme: http\n:authority: h:99999\n:path: /\n", /* port */
    ":method: GE T\n:scheme: http\n:authority: h\n:path: /\n",      /* method */
};

static void malformed_requests_never_reach_the_application(void **state)
{
    (void)state;
    begin(app_reply_hello, 0);
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        struct peer_stream *st = peer_request(&p, malformed[i], NULL);
        peer_until_ended(&p, st);
        bool is_refused =
            st->is_reset ? st->reset_code == NGHTTP2_PROTOCOL_ERROR : st->status == 400;
        if (!is_refused)
            fail_msg("%s gives status %d, reset %u", malformed[i], st->status, st->reset_code);
    }
    assert_int_equal(w.requests, 0);
    assert_int_equal(counter_get(&server_counters_of(w.server)->bad_requests),
                     ARRAY_LEN(malformed));
    struct peer_stream *good = peer_get(&p, "/");
    peer_until_ended(&p, good);
    assert_string_equal(good->body, "hello");
    assert_int_equal(p.goaways, 0);
    end();
}

static void what_is_merely_unusual_is_served(void **state)
{
    (void)state;
    begin(app_reply_hello, 0);
    struct peer_stream *all[] = {
        peer_request(&p, ":method: GET\n:scheme: http\n:path: /\nhost: h\n", NULL),
        peer_request(&p, HEAD("GET", "/") "host: H\nte: trailers\n", NULL),
        peer_request(&p, HEAD("OPTIONS", "*"), NULL),
        peer_request(&p, ":method: GET\n:scheme: HTTPS\n:authority: [::1]:80\n:path: /\n", NULL),
        peer_request(&p, HEAD("BREW", "/pot"), NULL),
        peer_request(&p, ":method: CONNECT\n:authority: h:80\n", NULL),
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        peer_until_ended(&p, all[i]);
        assert_int_equal(all[i]->status, 200);
    }
    end();
}

static void heads_have_bounds(void **state)
{
    (void)state;
    static char fields[80000];
    begin(app_reply_hello, 0);
    int n = snprintf(fields, sizeof fields, "%s", HEAD("GET", "/") "x: ");
    memset(fields + n, 'a', 17000);
    fields[n + 17000] = '\n';
    struct peer_stream *big = peer_request(&p, fields, NULL);
    peer_until_ended(&p, big);
    assert_int_equal(big->status, 431);

    n = snprintf(fields, sizeof fields, "%s", HEAD("GET", "/"));
    for (int i = 0; i < 101; i++)
        n += snprintf(fields + n, sizeof fields - (size_t)n, "x%d: y\n", i);
    struct peer_stream *many = peer_request(&p, fields, NULL);
    peer_until_ended(&p, many);
    assert_int_equal(many->status, 431);

    char path[10000];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[9000] = '\0';
    n = snprintf(fields, sizeof fields, ":method: GET\n:scheme: http\n:authority: h\n:path: %s\n",
                 path);
    struct peer_stream *far = peer_request(&p, fields, NULL);
    peer_until_ended(&p, far);
    assert_int_equal(far->status, 414);
    assert_int_equal(w.requests, 0);
    end();
}

/* Request bodies */

static void request_bodies_arrive_whole(void **state)
{
    (void)state;
    static char text[90001];
    begin(app_echo, 0);
    struct peer_stream *st = peer_request(&p, HEAD("POST", "/") "content-length: 3\n", "abc");
    peer_until_ended(&p, st);
    assert_string_equal(st->body, "abc");
    memset(text, 'z', sizeof text - 1);
    st = peer_request(&p, HEAD("PUT", "/"), text);
    peer_until_ended(&p, st);
    assert_int_equal(st->body_n, sizeof text - 1);
    st = peer_request(&p, HEAD("POST", "/") "content-length: 2\n", "abc");
    peer_until_ended(&p, st);
    assert_int_equal(st->reset_code, NGHTTP2_PROTOCOL_ERROR); /* not what it announced */
    wire_until_done(&w, 3);
    assert_int_equal(w.last_err, ERR_CLOSED);
    end();
}

static void trailers_are_left_out(void **state)
{
    (void)state;
    begin(app_echo, 0);
    struct peer_stream *st = peer_send_head(&p, HEAD("POST", "/"));
    nghttp2_nv trailer = {(uint8_t *)(uintptr_t) "x-t", (uint8_t *)(uintptr_t) "v", 3, 1, 0};
    peer_send_data(&p, st, "abc", false);
    assert_int_equal(nghttp2_submit_trailer(p.ng, st->id, &trailer, 1), 0);
    peer_until_ended(&p, st);
    assert_string_equal(st->body, "abc");
    assert_int_equal(st->status, 200);
    end();
}

static void a_waiting_client_is_told_to_continue(void **state)
{
    (void)state;
    begin(app_echo, 0);
    struct peer_stream *st = peer_send_head(&p, HEAD("POST", "/") "expect: 100-continue\n");
    PEER_UNTIL(&p, st->status == 100, "100 (Continue)");
    peer_send_data(&p, st, "abc", true);
    peer_until_ended(&p, st);
    assert_int_equal(st->status, 200);
    assert_int_equal(st->informs, 1);
    assert_string_equal(st->body, "abc");
    end();
}

static void early_hints_come_before_the_answer(void **state)
{
    (void)state;
    begin(app_reply_later, 0);
    struct peer_stream *st = peer_get(&p, "/");
    PEER_UNTIL(&p, w.x != NULL, "request");
    struct response_head hints = {.status = 103};
    fields_init(&hints.fields, &w.x->mem);
    fields_add_named(&hints.fields, SPAN("link"), SPAN("</a>"));
    assert_int_equal(exchange_inform(w.x, &hints), 0);
    PEER_UNTIL(&p, st->status == 103, "103");
    assert_true(peer_has_field(st, "link: </a>\n"));
    exchange_reply(w.x, 200, SPAN_NONE, SPAN("late"));
    peer_until_ended(&p, st);
    assert_string_equal(st->body, "late");
    assert_int_equal(st->informs, 1);
    end();
}

static void an_upload_that_nobody_reads_stops_at_its_window(void **state)
{
    (void)state;
    static char text[1 << 20];
    memset(text, 'u', sizeof text - 1);
    begin(app_reply_later, 0);
    struct peer_stream *st = peer_send_head(&p, HEAD("POST", "/"));
    peer_send_data(&p, st, text, true); /* gives up after a second */
    assert_int_equal(nghttp2_session_get_stream_remote_window_size(p.ng, st->id), 0);
    assert_true(nghttp2_session_get_remote_window_size(p.ng) > 0); /* others may go on */
    exchange_reply(w.x, 403, SPAN_NONE, SPAN("no"));
    peer_until_ended(&p, st);
    assert_int_equal(st->status, 403);
    assert_int_equal(st->reset_code, NGHTTP2_NO_ERROR); /* RFC 9113 s.8.1 */
    PEER_UNTIL(&p, nghttp2_session_get_remote_window_size(p.ng) > (1 << 20) - 65536 - 1,
               "the connection's window given back");
    end();
}

/* Answers that break, and clients that leave */

static void broken_bodies_never_look_whole(void **state)
{
    (void)state;
    static const int ends[] = {ERR_IO, ERR_TRUNCATED, ERR_CANCELLED};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        begin(app_reply_later, 0);
        struct peer_stream *st = peer_get(&p, "/");
        PEER_UNTIL(&p, w.x != NULL, "request");
        app_slow_begin("half", ERR_AGAIN);
        app_respond(w.x, 200, i == 0 ? LENGTH_UNKNOWN : 8, &slow.body);
        PEER_UNTIL(&p, st->body_n == 4, "half of the body");
        app_slow_more("", ends[i]);
        peer_until_ended(&p, st);
        assert_int_equal(st->reset_code, NGHTTP2_INTERNAL_ERROR);
        wire_until_done(&w, 1);
        assert_int_equal(w.last_err, ends[i]);
        assert_true(slow.is_closed);
        struct peer_stream *next = peer_get(&p, "/");
        PEER_UNTIL(&p, w.x != NULL, "the connection goes on");
        exchange_reply(w.x, 200, SPAN_NONE, SPAN("ok"));
        peer_until_ended(&p, next);
        end();
    }
}

static void a_body_of_another_length_is_reset(void **state)
{
    (void)state;
    begin(app_reply_as_asked, 0);
    struct peer_stream *few = peer_get(&p, "/200/9/hello"), *many = peer_get(&p, "/200/3/hello");
    peer_until_ended(&p, few);
    peer_until_ended(&p, many);
    assert_int_equal(few->reset_code, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(many->reset_code, NGHTTP2_INTERNAL_ERROR);
    wire_until_done(&w, 2);
    assert_int_equal(counter_get(&server_counters_of(w.server)->aborted), 2);
    end();
}

static void an_abort_resets_its_stream_only(void **state)
{
    (void)state;
    begin(app_reply_later, 0);
    struct peer_stream *st = peer_get(&p, "/");
    PEER_UNTIL(&p, w.x != NULL, "request");
    exchange_abort(w.x);
    peer_until_ended(&p, st);
    assert_int_equal(st->reset_code, NGHTTP2_INTERNAL_ERROR);
    wire_until_done(&w, 1);
    assert_int_equal(w.last_err, ERR_CANCELLED);
    assert_false(w.has_ended);
    end();
}

static void a_reset_by_the_client_ends_the_exchange_once(void **state)
{
    (void)state;
    begin(app_reply_later, 0);
    struct peer_stream *before = peer_get(&p, "/");
    PEER_UNTIL(&p, w.x != NULL, "request");
    nghttp2_submit_rst_stream(p.ng, NGHTTP2_FLAG_NONE, before->id, NGHTTP2_CANCEL);
    PEER_UNTIL(&p, w.dones == 1, "on_done");
    assert_int_equal(w.last_err, ERR_CLOSED);

    struct peer_stream *amid = peer_get(&p, "/");
    PEER_UNTIL(&p, w.x != NULL, "request");
    app_slow_begin("half", ERR_AGAIN);
    app_respond(w.x, 200, 8, &slow.body);
    PEER_UNTIL(&p, amid->body_n == 4, "half of the body");
    nghttp2_submit_rst_stream(p.ng, NGHTTP2_FLAG_NONE, amid->id, NGHTTP2_CANCEL);
    PEER_UNTIL(&p, w.dones == 2, "on_done");
    assert_int_equal(w.last_err, ERR_CLOSED);
    assert_true(slow.is_closed);
    end();
}

static void a_client_that_vanishes_ends_all_exchanges(void **state)
{
    (void)state;
    begin(app_reply_later, 0);
    for (int i = 0; i < 10; i++)
        peer_get(&p, "/");
    PEER_UNTIL(&p, w.requests == 10, "requests");
    wire_reset(&w);
    wire_until_done(&w, 10);
    assert_int_equal(w.last_err, ERR_CLOSED);
    assert_int_equal(counter_get(&server_counters_of(w.server)->connections_closed), 1);
    end();
}

/* Many streams */

#define LONG_BYTES 300000
static char long_text[LONG_BYTES];
static int file_fd = -1;

/* "/mem", "/file": LONG_BYTES long, known and checkable. */
static void reply_long(struct wire *wire, struct exchange *x)
{
    (void)wire;
    struct body *b = span_eq(x->request.path, SPAN("/file"))
                         ? body_of_file(dup(file_fd), 0, LONG_BYTES)
                         : body_of_constant(span_make(long_text, LONG_BYTES));
    app_respond(x, 200, LONG_BYTES, b);
}

static void make_long(void)
{
    char name[] = "/tmp/h2_testXXXXXX";
    memset(long_text, 'L', sizeof long_text);
    file_fd = mkstemp(name);
    assert_true(file_fd >= 0);
    unlink(name);
    assert_int_equal(write(file_fd, long_text, sizeof long_text), sizeof long_text);
}

static void long_bodies_from_memory_and_files_arrive_whole(void **state)
{
    (void)state;
    make_long();
    begin(reply_long, 0);
    struct peer_stream *all[20];
    for (int i = 0; i < 20; i++)
        all[i] = peer_get(&p, i % 2 == 0 ? "/mem" : "/file");
    for (int i = 0; i < 20; i++) {
        peer_until_ended(&p, all[i]);
        assert_false(all[i]->is_reset);
        assert_int_equal(all[i]->body_n, LONG_BYTES);
        assert_int_equal(all[i]->body[100], 'L');
    }
    wire_until_done(&w, 20);
    assert_int_equal(w.last_err, 0);
    end();
    close(file_fd);
}

static void a_stream_whose_window_is_closed_does_not_hold_the_others(void **state)
{
    (void)state;
    make_long();
    begin(reply_long, 1000);
    struct peer_stream *held = peer_get(&p, "/mem");
    PEER_UNTIL(&p, held->body_n == 1000, "a window's worth");
    nghttp2_session_consume_connection(p.ng, 1000);
    struct peer_stream *quick = peer_get(&p, "/file");
    while (!quick->is_ended) {
        size_t before = quick->body_n;
        PEER_UNTIL(&p, quick->is_ended || quick->body_n > before, "progress");
        nghttp2_session_consume(p.ng, quick->id, quick->body_n - before);
    }
    assert_int_equal(quick->body_n, LONG_BYTES);
    assert_int_equal(held->body_n, 1000);
    assert_int_equal(w.dones, 1);
    end();
    close(file_fd);
}

static struct peer_stream *get_with_priority(const char *priority)
{
    char fields[200];
    snprintf(fields, sizeof fields, HEAD("GET", "/mem") "priority: %s\n", priority);
    return peer_request(&p, fields, NULL);
}

static void urgent_answers_come_first(void **state)
{
    (void)state;
    make_long();
    begin(reply_long, 1 << 20); /* no window in the way */
    struct peer_stream *later = get_with_priority("u=6"), *soon = get_with_priority("u=0"),
                       *second = get_with_priority("u=0");
    peer_until_ended(&p, later);
    assert_true(soon->is_ended && second->is_ended);
    assert_int_equal(soon->ended_at, LONG_BYTES); /* not incremental: one after the other */
    assert_int_equal(second->ended_at, 2 * LONG_BYTES);
    end();
    close(file_fd);
}

static void clients_without_priorities_get_their_answers_in_turns(void **state)
{
    (void)state;
    make_long();
    begin(reply_long, 1 << 20); /* no window in the way */
    struct peer_stream *a = peer_get(&p, "/mem"), *b = peer_get(&p, "/mem");
    PEER_UNTIL(&p, a->is_ended && b->is_ended, "both ends");
    assert_true(a->ended_at > LONG_BYTES * 3 / 2 && b->ended_at > LONG_BYTES * 3 / 2);
    end();
    close(file_fd);
}

static void more_streams_than_allowed_are_refused(void **state)
{
    (void)state;
    begin(app_reply_later, 0);
    peer_turn(&p);
    for (int i = 0; i < 130; i++)
        peer_get(&p, "/");
    for (int i = 0; i < 20; i++)
        peer_turn(&p);
    assert_int_equal(w.requests, 128); /* the client knows, and waits */
    end();
}

/* The end of connections */

static void drained(void *ctx)
{
    *(bool *)ctx = true;
}

static void a_draining_server_finishes_what_runs_and_says_goaway(void **state)
{
    (void)state;
    bool is_drained = false;
    begin(app_reply_later, 0);
    struct peer_stream *st = peer_get(&p, "/");
    PEER_UNTIL(&p, w.x != NULL, "request");
    server_drain(w.server, drained, &is_drained);
    peer_until_goaway(&p);
    assert_int_equal(p.goaway_code, NGHTTP2_NO_ERROR);
    PEER_UNTIL(&p, p.goaway_last == st->id, "the last GOAWAY");
    assert_false(is_drained);
    exchange_reply(w.x, 200, SPAN_NONE, SPAN("bye"));
    peer_until_ended(&p, st);
    assert_string_equal(st->body, "bye");
    peer_until_closed(&p);
    assert_false(w.was_reset);
    close(w.fd);
    w.fd = -1;
    PEER_UNTIL(&p, is_drained, "drained");
    end();
}

static void idle_connections_are_told_and_closed(void **state)
{
    (void)state;
    struct server_config c = wire_config();
    c.idle_ms = 50;
    wire_open(&w, &c, app_reply_hello);
    peer_open(&p, &w, 0);
    struct peer_stream *st = peer_get(&p, "/");
    peer_until_ended(&p, st);
    peer_until_goaway(&p);
    assert_int_equal(p.goaway_code, NGHTTP2_NO_ERROR);
    peer_until_closed(&p);
    assert_int_equal(counter_get(&server_counters_of(w.server)->timeouts_idle), 1);
    end();
}

static void a_client_that_gives_no_window_is_cut(void **state)
{
    (void)state;
    struct server_config c = wire_config();
    c.stall_ms = 50;
    make_long();
    wire_open(&w, &c, reply_long);
    peer_open(&p, &w, 1000);
    peer_get(&p, "/mem");
    peer_until_closed(&p);
    assert_int_equal(w.last_err, ERR_TIMEOUT);
    assert_int_equal(counter_get(&server_counters_of(w.server)->timeouts_stall), 1);
    end();
    close(file_fd);
}

static void an_application_that_thinks_is_waited_for(void **state)
{
    (void)state;
    struct server_config c = wire_config();
    c.stall_ms = c.idle_ms = c.head_ms = 30;
    wire_open(&w, &c, app_reply_later);
    peer_open(&p, &w, 0);
    struct peer_stream *st = peer_get(&p, "/");
    wire_for_ms(&w, 5);
    for (int i = 0; i < 50; i++) {
        peer_turn(&p);
        wire_for_ms(&w, 5);
    }
    exchange_reply(w.x, 200, SPAN_NONE, SPAN("thought"));
    peer_until_ended(&p, st);
    assert_string_equal(st->body, "thought");
    end();
}

static void a_head_that_does_not_come_is_not_waited_for(void **state)
{
    (void)state;
    struct server_config c = wire_config();
    c.head_ms = 50;
    wire_open(&w, &c, app_reply_hello);
    peer_open(&p, &w, 0);
    peer_turn(&p);                                     /* SETTINGS are acknowledged */
    peer_raw(&p, NGHTTP2_HEADERS, 0, 1, SPAN("\x82")); /* and no CONTINUATION */
    peer_until_closed(&p);
    assert_int_equal(counter_get(&server_counters_of(w.server)->timeouts_head), 1);
    end();
}

static void a_bound_of_requests_ends_the_connection_in_order(void **state)
{
    (void)state;
    struct server_config c = wire_config();
    c.requests_per_conn = 3;
    wire_open(&w, &c, app_reply_hello);
    peer_open(&p, &w, 0);
    for (int i = 0; i < 3; i++)
        peer_until_ended(&p, peer_get(&p, "/"));
    peer_until_goaway(&p);
    peer_until_closed(&p);
    assert_int_equal(w.dones, 3);
    end();
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_client_with_prior_knowledge_is_answered),
        T(a_preface_may_come_byte_by_byte),
        T(a_head_is_read_as_on_http_1),
        T(answers_are_framed_as_rfc_9113_says),
        T(fields_of_one_connection_are_left_out),
        T(malformed_requests_never_reach_the_application),
        T(what_is_merely_unusual_is_served),
        T(heads_have_bounds),
        T(request_bodies_arrive_whole),
        T(trailers_are_left_out),
        T(a_waiting_client_is_told_to_continue),
        T(early_hints_come_before_the_answer),
        T(an_upload_that_nobody_reads_stops_at_its_window),
        T(broken_bodies_never_look_whole),
        T(a_body_of_another_length_is_reset),
        T(an_abort_resets_its_stream_only),
        T(a_reset_by_the_client_ends_the_exchange_once),
        T(a_client_that_vanishes_ends_all_exchanges),
        T(long_bodies_from_memory_and_files_arrive_whole),
        T(a_stream_whose_window_is_closed_does_not_hold_the_others),
        T(urgent_answers_come_first),
        T(clients_without_priorities_get_their_answers_in_turns),
        T(more_streams_than_allowed_are_refused),
        T(a_draining_server_finishes_what_runs_and_says_goaway),
        T(idle_connections_are_told_and_closed),
        T(a_client_that_gives_no_window_is_cut),
        T(an_application_that_thinks_is_waited_for),
        T(a_head_that_does_not_come_is_not_waited_for),
        T(a_bound_of_requests_ends_the_connection_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
