/* SPDX-License-Identifier: MIT */

/* Heads of HTTP/1.x: what is understood, and what is refused with which status. */
#include "lib/http/h1_read.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TARGET_BYTES 64
#define FIELDS       8

static const struct h1_limits limits = {.target_bytes = TARGET_BYTES, .fields = FIELDS};

static void assert_span(struct span s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p != NULL ? s.p : "", expected, s.n);
}

/* Each text is scanned whole and byte by byte; both must come to the same. */
static int scan_both_ways(const char *text, size_t n)
{
    struct h1_scan whole = {0}, stepwise = {0};
    int all = h1_scan(&whole, text, n), step = 0;
    for (size_t i = 1; i <= n && step == 0; i++)
        step = h1_scan(&stepwise, text, i);
    assert_int_equal(all, step);
    return all;
}

static const struct {
    const char *text;
    int result;
} scans[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", 27}, /* pipelined */
    {"GET / HTTP/1.1\r\n\r\n", 18},
    {"\r\nGET / HTTP/1.1\r\n\r\n", 20}, /* RFC 9112 s.2.2 */
    {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", ERR_SYNTAX},
    {"GET / HTTP/1.1\r\nHost: a\r\n", 0},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r", 0},
    {"", 0},
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", ERR_SYNTAX},
    {"GET / HTTP/1.1\r\nHost: a\n\n", ERR_SYNTAX},
    {"GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n", ERR_SYNTAX},
    {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", ERR_SYNTAX},
    {"GET / HTTP/1.1\r\nHost: a\r\n\rx", ERR_SYNTAX},
    {"\n", ERR_SYNTAX},
    {"\rG", ERR_SYNTAX},
    {"\x16\x03\x01\x02", ERR_SYNTAX}, /* a TLS client on a plain port */
    {"GET / HTTP/1.1\r\nUser-Agent: long enough for a vector\x01 of sixteen\r\n\r\n", ERR_SYNTAX},
    {"GET / HTTP/1.1\r\nUser-Agent: long enough for a vector\x7f of sixteen\r\n\r\n", ERR_SYNTAX},
    {"GET / HTTP/1.1\r\nA: tab\tand \xc3\xa9 are fine in a value of some length\r\n\r\n", 68},
};

static void finds_the_end_of_a_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scans); i++) {
        print_message("scan %zu\n", i);
        assert_int_equal(scan_both_ways(scans[i].text, strlen(scans[i].text)), scans[i].result);
    }
    assert_int_equal(scan_both_ways("GET /\0 HTTP/1.1\r\n\r\n", 19), ERR_SYNTAX);
}

static int parse(struct request_head *head, struct arena *mem, const char *text)
{
    const char *why = NULL;
    int status = h1_parse_request(head, span_of(text), mem, &limits, &why);
    assert_true((status == 0) == (why == NULL));
    if (why != NULL)
        print_message("%d %s\n", status, why);
    return status;
}

#define H "Host: a.example\r\n"

/* Refused requests: RFC 9112 unless told. */
static const struct {
    const char *text;
    int status;
} refused[] = {
    /* s.3: the request line */
    {"GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" H "\r\n", 400},
    {" GET / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n" H "\r\n", 400},
    {"G(T / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / http/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.10\r\n" H "\r\n", 400},
    {"GET / HTTP/11\r\n" H "\r\n", 400},
    {"GET / HTTP/2.0\r\n" H "\r\n", 505},
    {"GET / HTTP/0.9\r\n" H "\r\n", 505},
    /* s.3.2: the target */
    {"GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\x01 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\x7f HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /%2 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /%zz HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /a\\b HTTP/1.1\r\n" H "\r\n", 400},
    {"GET a HTTP/1.1\r\n" H "\r\n", 400},
    {"GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://u@a.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://u:p@a.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http:///x HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://a.example:0/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://a.example:65536/ HTTP/1.1\r\n" H "\r\n", 400},
    {"CONNECT / HTTP/1.1\r\n" H "\r\n", 400},
    {"CONNECT a.example HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /0123456789012345678901234567890123456789012345678901234567890123 HTTP/1.1\r\n" H "\r\n",
     414},
    /* s.3.2: Host */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", 400},
    {"GET http://a.example/ HTTP/1.1\r\nHost: b c\r\n\r\n", 400},
    {"GET http://a.example/ HTTP/1.1\r\n\r\n", 400},
    /* s.5: field lines */
    {"GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A\t: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n A: b\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A(: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\nc: d\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: \x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "\r\nx", 400},
    {"GET / HTTP/1.1\r\n" H "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n", 431},
    /* s.6.1 to 6.3: where the body ends */
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1, 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;a=b\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
};

static void refuses_what_is_ambiguous(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct arena mem;
        struct request_head head;
        arena_init(&mem, 65536);
        print_message("%s", refused[i].text);
        assert_int_equal(parse(&head, &mem, refused[i].text), refused[i].status);
        arena_finish(&mem);
    }
}

/* The target as understood: RFC 9112 s.3.2 and 3.3. */
static const struct {
    const char *line_and_host, *host, *path, *query;
    int port;
    enum scheme scheme;
} targets[] = {
    {"GET /a/b?c=d?e HTTP/1.1\r\nHost: H.example", "H.example", "/a/b", "c=d?e", 80, SCHEME_HTTP},
    {"GET / HTTP/1.1\r\nHost: a:8080", "a", "/", NULL, 8080, SCHEME_HTTP},
    {"GET /? HTTP/1.1\r\nHost: a:", "a", "/", "", 80, SCHEME_HTTP},
    {"GET /%41?100% HTTP/1.1\r\nHost: [::1]:81", "::1", "/%41", "100%", 81, SCHEME_HTTP},
    {"GET //x/y HTTP/1.1\r\nHost: a", "a", "//x/y", NULL, 80, SCHEME_HTTP},
    {"GET /|[]{}^`?a[]=1 HTTP/1.1\r\nHost: a", "a", "/|[]{}^`", "a[]=1", 80, SCHEME_HTTP},
    {"GET http://b.example/x?y HTTP/1.1\r\nHost: a:9", "b.example", "/x", "y", 80, SCHEME_HTTP},
    {"GET HTTPS://b.example HTTP/1.1\r\nHost: a", "b.example", "/", NULL, 443, SCHEME_HTTPS},
    {"GET http://[2001:db8::1]:90?q HTTP/1.1\r\nHost: a", "2001:db8::1", "/", "q", 90, SCHEME_HTTP},
    {"OPTIONS * HTTP/1.1\r\nHost: a", "a", "*", NULL, 80, SCHEME_HTTP},
    {"CONNECT b.example:443 HTTP/1.1\r\nHost: a", "b.example", "", NULL, 443, SCHEME_HTTP},
    {"GET / HTTP/1.0\r\nX: no host", "", "/", NULL, 80, SCHEME_HTTP},
    {"\r\nGET / HTTP/1.9\r\nHost: a", "a", "/", NULL, 80, SCHEME_HTTP},
};

/* RFC 3986, and what browsers send (url.h). */
static bool may_stand_in_a_target(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && c < 0x80 && strchr("-._~!$&'()*+,;=:@[]^`{|}/?", c) != NULL);
}

/* Each byte at each place, since several are looked at together. */
static void a_target_holds_no_other_bytes_than_it_may(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem, 65536);
    for (int c = 1; c < 256; c++)
        for (size_t at = 1; at < 40; at++) {
            char text[] =
                "GET /234567890123456789012345678901234567890 HTTP/1.1\r\nHost: a\r\n\r\n";
            struct request_head head;
            const char *why = "";
            text[4 + at] = (char)c;
            int status = h1_parse_request(&head, span_of(text), &mem, &limits, &why);
            if (c != '%') /* depends on what follows */
                assert_int_equal(status == 0, may_stand_in_a_target(c));
            arena_reset(&mem);
        }
    arena_finish(&mem);
}

static void understands_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct arena mem;
        struct request_head head;
        char text[256];
        arena_init(&mem, 65536);
        snprintf(text, sizeof(text), "%s\r\n\r\n", targets[i].line_and_host);
        print_message("%s", text);
        assert_int_equal(parse(&head, &mem, text), 0);
        assert_span(head.host, targets[i].host);
        assert_span(head.path, targets[i].path);
        assert_int_equal(head.query.p == NULL, targets[i].query == NULL);
        if (targets[i].query != NULL)
            assert_span(head.query, targets[i].query);
        assert_int_equal(head.port, targets[i].port);
        assert_int_equal(head.scheme, targets[i].scheme);
        arena_finish(&mem);
    }
}

/* Lines between the request line and the end, and what follows from them: s.6.3, s.9.3. */
static const struct {
    const char *fields;
    int64_t content_length;
    bool is_old, keeps_alive, expects_continue;
} bodies[] = {
    {"", 0, false, true, false},
    {"", 0, true, false, false},
    {"Connection: keep-alive\r\n", 0, true, true, false},
    {"Connection: Keep-Alive, Close\r\n", 0, true, false, false},
    {"connection: foo,, close\r\n", 0, false, false, false},
    {"Connection: foo\r\nConnection: close\r\n", 0, false, false, false},
    {"Content-Length: 1152921504606846976\r\n", LENGTH_MAX, false, true, false},
    {"Content-Length: 5\r\ncontent-length: 5\r\n", 5, false, true, false},
    {"Content-Length: \t 5 \t\r\n", 5, false, true, false},
    {"Transfer-Encoding: Chunked\r\n", LENGTH_UNKNOWN, false, true, false},
    {"Content-Length: 5\r\nExpect: 100-Continue\r\n", 5, false, true, true},
    {"Content-Length: 5\r\nExpect: 100-continue\r\n", 5, true, false, false},
    {"Expect: 100-continue\r\n", 0, false, true, false},
};

static void knows_where_the_body_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct arena mem;
        struct request_head head;
        char text[256];
        arena_init(&mem, 65536);
        snprintf(text, sizeof(text), "POST / HTTP/1.%d\r\n" H "%s\r\n", !bodies[i].is_old,
                 bodies[i].fields);
        print_message("%s", text);
        assert_int_equal(parse(&head, &mem, text), 0);
        assert_int_equal(head.content_length, bodies[i].content_length);
        assert_int_equal(head.keeps_alive, bodies[i].keeps_alive);
        assert_int_equal(head.expects_continue, bodies[i].expects_continue);
        arena_finish(&mem);
    }
}

static void keeps_fields_in_order_without_space_around(void **state)
{
    (void)state;
    struct arena mem;
    struct request_head head;
    arena_init(&mem, 65536);
    assert_int_equal(parse(&head, &mem,
                           "GET / HTTP/1.1\r\n" H
                           "X-A:\r\nx-b:  two words \t\r\nETAG:\"1\"\r\n\r\n"),
                     0);
    assert_int_equal(head.fields.count, 4);
    assert_span(head.fields.v[1].name, "X-A");
    assert_span(head.fields.v[1].value, "");
    assert_span(head.fields.v[2].value, "two words");
    assert_int_equal(head.fields.v[3].id, FIELD_ETAG);
    assert_span(head.fields.v[3].value, "\"1\"");
    arena_finish(&mem);
}

static void a_full_arena_is_431(void **state)
{
    (void)state;
    struct arena mem;
    struct request_head head;
    arena_init(&mem, 16);
    assert_int_equal(parse(&head, &mem, "GET / HTTP/1.1\r\n" H "\r\n"), 431);
    arena_finish(&mem);
}

/* Responses: RFC 9112 s.4 and s.6.3. */
static const struct {
    const char *text;
    enum method to;
    int result, status;
    int64_t content_length;
    bool is_chunked, keeps_alive, is_zstd;
} responses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", METHOD_GET, 0, 200, 3, false, true, false},
    {"HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\n", METHOD_GET, 0, 200, 3, false, true, false},
    {"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", METHOD_GET, 0, 200, 3, false, true, false},
    {"HTTP/1.1 999 odd\r\nContent-Length: 3\r\n\r\n", METHOD_GET, 0, 999, 3, false, true, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", METHOD_HEAD, 0, 200, 0, false, true, false},
    {"HTTP/1.1 304 NM\r\nContent-Length: 3\r\n\r\n", METHOD_GET, 0, 304, 0, false, true, false},
    {"HTTP/1.1 204 NC\r\n\r\n", METHOD_GET, 0, 204, 0, false, true, false},
    {"HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD_GET, 0, 103, 0, false, true,
     false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD_GET, 0, 200, LENGTH_UNKNOWN,
     true, true, false},
    {"HTTP/1.1 200 OK\r\n\r\n", METHOD_GET, 0, 200, LENGTH_UNKNOWN, false, false, false},
    {"HTTP/1.0 200 OK\r\n\r\n", METHOD_GET, 0, 200, LENGTH_UNKNOWN, false, false, false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", METHOD_GET, 0, 200,
     0, false, true, false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", METHOD_GET, 0, 200, LENGTH_UNKNOWN, false,
     false, false},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", METHOD_GET, 0, 200, 1,
     false, false, false},
    {"HTTP/1.1 200 OK\r\n\r\n", METHOD_CONNECT, 0, 200, 0, false, false, false},
    {"HTTP/1.1 099 x\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/1.1 20 x\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/1.1 2000 x\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/1.1  200 x\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/2.0 200 x\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"ICY 200 OK\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"\r\nHTTP/1.1 200 x\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/1.1 200 a\rb\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", METHOD_GET, ERR_PROTOCOL,
     0, 0, false, false, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", METHOD_HEAD, ERR_PROTOCOL, 0, 0, false, false,
     false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD_GET,
     ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0,
     false, false, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false,
     false, false},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false,
     false, false},
    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
#define ZSTD "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
    {ZSTD "zstd;length=77, chunked\r\n\r\n", METHOD_GET, 0, 200, 77, true, true, true},
    {ZSTD "ZSTD;length=0,chunked\r\n\r\n", METHOD_GET, 0, 200, 0, true, true, true},
    {ZSTD "zstd, chunked\r\n\r\n", METHOD_GET, 0, 200, LENGTH_UNKNOWN, true, true, true},
    {ZSTD "zstd;length=77, chunked\r\n\r\n", METHOD_HEAD, 0, 200, 0, false, true, false},
    {ZSTD "zstd\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {ZSTD "chunked, zstd\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {ZSTD "zstd, zstd, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {ZSTD "zstd, chunked, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {ZSTD "zstd;length=, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {ZSTD "zstd;length=-1, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {ZSTD "zstd;size=1, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false, false},
    {ZSTD "zstd;length=1;length=2, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false, false,
     false},
    {ZSTD "zstd;length=9223372036854775807, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false,
     false, false},
    {ZSTD "zstd, chunked\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0,
     false, false, false},
    {ZSTD "chunked\r\nTransfer-Encoding: zstd, chunked\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0,
     false, false, false},
    {ZSTD "zstd, chunked\r\nContent-Length: 5\r\n\r\n", METHOD_GET, ERR_PROTOCOL, 0, 0, false,
     false, false},
};

static void understands_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        struct arena mem;
        struct response_head head;
        const char *why = NULL;
        arena_init(&mem, 65536);
        print_message("%s", responses[i].text);
        assert_int_equal(
            h1_parse_response(&head, span_of(responses[i].text), responses[i].to, &mem, &why),
            responses[i].result);
        assert_int_equal(why == NULL, responses[i].result == 0);
        if (responses[i].result == 0) {
            assert_int_equal(head.status, responses[i].status);
            assert_int_equal(head.content_length, responses[i].content_length);
            assert_int_equal(head.is_chunked, responses[i].is_chunked);
            assert_int_equal(head.is_zstd, responses[i].is_zstd);
            assert_int_equal(head.keeps_alive, responses[i].keeps_alive);
        }
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_end_of_a_head),
        cmocka_unit_test(refuses_what_is_ambiguous),
        cmocka_unit_test(a_target_holds_no_other_bytes_than_it_may),
        cmocka_unit_test(understands_targets),
        cmocka_unit_test(knows_where_the_body_ends),
        cmocka_unit_test(keeps_fields_in_order_without_space_around),
        cmocka_unit_test(a_full_arena_is_431),
        cmocka_unit_test(understands_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
