/* SPDX-License-Identifier: MIT */

/* Heads into bytes: RFC 9112 s.3, s.4, s.6. */
#include "lib/http/h1_write.h"

#include "lib/base/err.h"
#include "lib/http/h1_read.h"
#include "tests/unit/lib/http/arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM 4096

static const struct {
    int status;
    struct h1_response_framing framing;
    const char *expected;
} responses[] = {
    {200, {5, false, false, 1, false}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
    {200,
     {0, false, true, 1, false},
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
    {200,
     {LENGTH_UNKNOWN, true, false, 1, false},
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {200, {LENGTH_UNKNOWN, true, false, 0, false}, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"},
    {200,
     {INT64_MAX, false, false, 0, false},
     "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\nConnection: keep-alive\r\n\r\n"},
    {204, {5, false, false, 1, false}, "HTTP/1.1 204 No Content\r\n\r\n"},
    {204, {LENGTH_UNKNOWN, true, false, 1, false}, "HTTP/1.1 204 No Content\r\n\r\n"},
    {103, {5, true, true, 1, false}, "HTTP/1.1 103 Early Hints\r\n\r\n"},
    {304, {5, false, false, 1, false}, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
    {304, {LENGTH_UNKNOWN, true, false, 1, false}, "HTTP/1.1 304 Not Modified\r\n\r\n"},
    {599, {LENGTH_UNKNOWN, false, true, 1, false}, "HTTP/1.1 599 \r\nConnection: close\r\n\r\n"},
    {206,
     {77, true, false, 1, true},
     "HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: zstd;length=77, chunked\r\n\r\n"},
    {200,
     {LENGTH_UNKNOWN, true, true, 1, true},
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: zstd, chunked\r\nConnection: close\r\n\r\n"},
};

static void frames_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        char out[ROOM];
        struct response_head head = {.status = responses[i].status};
        fields_init(&head.fields, &mem);
        fields_add(&head.fields, FIELD_CONTENT_LENGTH, SPAN("77")); /* never copied */
        fields_add(&head.fields, FIELD_TRANSFER_ENCODING, SPAN("x"));
        fields_add(&head.fields, FIELD_CONNECTION, SPAN("x"));
        size_t n = strlen(responses[i].expected);
        assert_int_equal(h1_write_response(out, ROOM, &head, &responses[i].framing), n);
        assert_memory_equal(out, responses[i].expected, n);
        for (size_t room = 0; room < n; room++)
            assert_int_equal(h1_write_response(out, room, &head, &responses[i].framing),
                             ERR_TOO_BIG);
        assert_int_equal(h1_write_response(out, n, &head, &responses[i].framing), n);
    }
}

static ptrdiff_t write_request(char *out, struct request_head *head)
{
    return h1_write_request(out, ROOM, head);
}

static struct request_head request(void)
{
    struct request_head head = {.method = METHOD_GET,
                                .method_text = SPAN("GET"),
                                .host = SPAN("a.example"),
                                .port = 80,
                                .path = SPAN("/p"),
                                .keeps_alive = true};
    fields_init(&head.fields, &mem);
    fields_add_named(&head.fields, SPAN("hOST"), SPAN("other"));
    fields_add_named(&head.fields, SPAN("x-Own"), SPAN("v w"));
    return head;
}

static void assert_answer(const struct response_head *head, const char *expected)
{
    struct h1_response_framing framing = {.peer_minor_version = 1};
    char out[ROOM];
    ptrdiff_t n = h1_write_response(out, sizeof(out), head, &framing);
    assert_true(n > 0);
    assert_true(span_eq(span_make(out, (size_t)n), span_of(expected)));
}

static void ready_made_lines_stand_for_their_fields(void **state)
{
    (void)state;
    struct response_head head = {.status = 200};
    fields_init(&head.fields, &mem);
    fields_add(&head.fields, FIELD_ETAG, SPAN("\"1\""));
    fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("text/plain"));
    head.fields.lines = SPAN("ETag: \"ready\"\r\nContent-Type: text/plain\r\n");
    head.fields.lines_count = 2;
    fields_add(&head.fields, FIELD_AGE, SPAN("1"));
    assert_answer(&head, "HTTP/1.1 200 OK\r\nETag: \"ready\"\r\nContent-Type: text/plain\r\n"
                         "Age: 1\r\nContent-Length: 0\r\n\r\n");
    fields_remove(&head.fields, FIELD_AGE);
    fields_remove(&head.fields, FIELD_VARY);
    assert_int_equal(head.fields.lines_count, 2);
    fields_remove(&head.fields, FIELD_CONTENT_TYPE);
    assert_answer(&head, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\n\r\n");
}

static void assert_written(struct request_head *head, const char *expected)
{
    char out[ROOM];
    ptrdiff_t n = write_request(out, head);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);
}

static void frames_requests(void **state)
{
    (void)state;
    struct request_head head = request();
    assert_written(&head, "GET /p HTTP/1.1\r\nHost: a.example\r\nx-Own: v w\r\n\r\n");
    head.query = SPAN("");
    head.port = 8080;
    head.keeps_alive = false;
    assert_written(&head, "GET /p? HTTP/1.1\r\nHost: a.example:8080\r\nx-Own: v w\r\n"
                          "Connection: close\r\n\r\n");
    head.query = SPAN("q=1");
    head.keeps_alive = true;
    head.host = SPAN("::1");
    head.method = METHOD_PUT;
    head.method_text = SPAN("PUT");
    assert_written(&head, "PUT /p?q=1 HTTP/1.1\r\nHost: [::1]:8080\r\nx-Own: v w\r\n"
                          "Content-Length: 0\r\n\r\n");
    head.scheme = SCHEME_HTTPS;
    head.port = 443;
    head.content_length = LENGTH_UNKNOWN;
    assert_written(&head, "PUT /p?q=1 HTTP/1.1\r\nHost: [::1]\r\nx-Own: v w\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n");
}

static void writes_nothing_that_splits(void **state)
{
    (void)state;
    char out[ROOM];
    static const char *const values[] = {"a\r\nb", "a\rb", "a\nb", "\r", "a\x01"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct request_head head = request();
        fields_add(&head.fields, FIELD_VIA, span_of(values[i]));
        assert_int_equal(write_request(out, &head), ERR_SYNTAX);
        head = request();
        fields_add_named(&head.fields, span_of(values[i]), SPAN("v"));
        assert_int_equal(write_request(out, &head), ERR_SYNTAX);
        head = request();
        head.path = span_of(values[i]);
        assert_int_equal(write_request(out, &head), ERR_SYNTAX);
        head = request();
        head.query = span_of(values[i]);
        assert_int_equal(write_request(out, &head), ERR_SYNTAX);
        head = request();
        head.host = span_of(values[i]);
        assert_int_equal(write_request(out, &head), ERR_SYNTAX);
        head = request();
        head.method_text = span_of(values[i]);
        assert_int_equal(write_request(out, &head), ERR_SYNTAX);

        struct response_head response = {.status = 200, .reason = span_of(values[i])};
        fields_init(&response.fields, &mem);
        const struct h1_response_framing framing = {.peer_minor_version = 1};
        assert_int_equal(h1_write_response(out, ROOM, &response, &framing), ERR_SYNTAX);
    }
    struct request_head head = request();
    fields_add(&head.fields, FIELD_VIA, SPAN("a\0b"));
    assert_int_equal(write_request(out, &head), ERR_SYNTAX);
    head = request();
    fields_add_named(&head.fields, SPAN("a b"), SPAN("v"));
    assert_int_equal(write_request(out, &head), ERR_SYNTAX);
    head = request();
    head.path = SPAN("/a b");
    assert_int_equal(write_request(out, &head), ERR_SYNTAX);
    head = request();
    head.host = SPAN("a b");
    assert_int_equal(write_request(out, &head), ERR_SYNTAX);
}

static void what_is_written_reads_the_same(void **state)
{
    (void)state;
    static const char text[] = "POST /a/b?c HTTP/1.1\r\nHost: h.example:81\r\nAccept: */*\r\n"
                               "X-Y: z\r\nContent-Length: 12\r\n\r\n";
    const struct h1_limits limits = {.target_bytes = 100, .fields = 10};
    struct request_head head, again;
    const char *why;
    char out[ROOM];
    assert_int_equal(h1_parse_request(&head, SPAN(text), &mem, &limits, &why), 0);
    ptrdiff_t n = write_request(out, &head);
    assert_int_equal(h1_parse_request(&again, span_make(out, (size_t)n), &mem, &limits, &why), 0);
    assert_true(span_eq(again.host, head.host) && again.port == head.port);
    assert_true(span_eq(again.path, head.path) && span_eq(again.query, head.query));
    assert_int_equal(again.content_length, 12);
    assert_int_equal(n, sizeof(text) - 1);
    assert_memory_equal(out, text, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_responses),
        cmocka_unit_test(ready_made_lines_stand_for_their_fields),
        cmocka_unit_test(frames_requests),
        cmocka_unit_test(writes_nothing_that_splits),
        cmocka_unit_test(what_is_written_reads_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
