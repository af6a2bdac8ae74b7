/* SPDX-License-Identifier: MIT */
/* Heads on HTTP/2, both ways: what they become, and what is refused. */
#include "tests/unit/lib/web/h2_scene.h"

#include <stdio.h>
#include <stdlib.h>

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
    while (w.got_n < 9 + 18 && !w.has_ended)
        wire_for_ms(&w, 1);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
