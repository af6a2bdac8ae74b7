/* SPDX-License-Identifier: MIT */
/* What a client of HTTP/1 sees on the wire: framing, pipelining, strictness, request bodies. */
#include "tests/unit/lib/web/apps.h"

#include <stdio.h>

static struct wire w;

/* Framing */

static void expect(const char *request, const char *answer)
{
    wire_forget(&w);
    wire_say(&w, request);
    wire_until_got(&w, answer);
    assert_string_equal(w.got, answer);
}

static void answers_are_framed_as_rfc_9112_says(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_as_asked);
    expect("GET /200/5/hello HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE "Content-Length: 5\r\nServer: t\r\n\r\nhello");
    expect("GET /200/-/hello HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE "Transfer-Encoding: chunked\r\nServer: t\r\n\r\n"
           "5\r\nhello\r\n0\r\n\r\n");
    expect("GET /200/- HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE "Content-Length: 0\r\nServer: t\r\n\r\n");
    expect("HEAD /200/5/hello HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE "Content-Length: 5\r\nServer: t\r\n\r\n");
    expect("HEAD /200/-/hello HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE "Server: t\r\n\r\n");
    expect("GET /304/7 HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 304 Not Modified\r\n" APP_DATE "Content-Length: 7\r\nServer: t\r\n\r\n");
    expect("GET /204/- HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 204 No Content\r\n" APP_DATE "Server: t\r\n\r\n");
    expect("GET /200/5/hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE
           "Content-Length: 5\r\nConnection: keep-alive\r\nServer: t\r\n\r\nhello");
    expect("GET /200/-/hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE "Connection: close\r\nServer: t\r\n\r\nhello");
    wire_until_ended(&w);
    assert_false(w.was_reset);
    assert_int_equal(w.dones, 9);
    assert_int_equal(counter_get(&server_counters_of(w.server)->sent_bytes), w.got_total);
    assert_int_equal(w.bytes_out, w.got_total);
    wire_close(&w);
}

static void a_connection_ends_when_the_client_says_so(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_as_asked);
    expect("GET /200/2/ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE
           "Content-Length: 2\r\nConnection: close\r\nServer: t\r\n\r\nok");
    wire_until_ended(&w);
    assert_false(w.was_reset);
    wire_connect(&w);
    expect("GET /200/2/ok HTTP/1.0\r\n\r\n",
           "HTTP/1.1 200 OK\r\n" APP_DATE
           "Content-Length: 2\r\nConnection: close\r\nServer: t\r\n\r\nok");
    wire_until_ended(&w);
    wire_close(&w);
}

static void a_date_is_added(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_hello);
    wire_say(&w, GET);
    wire_until_got(&w, "hello");
    assert_int_equal(wire_count(&w, "\r\nDate: "), 1);
    assert_int_equal(wire_count(&w, " GMT\r\nServer: t\r\n"), 1);
    wire_close(&w);
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    static const char all[] = GET "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                  "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                                  "\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\nT: v\r\n\r\n" GET;
    wire_open(&w, NULL, app_echo);
    for (size_t i = 0; i < sizeof all - 1; i++)
        wire_send(&w, span_make(all + i, 1));
    wire_until_done(&w, 4);
    assert_int_equal(wire_count(&w, "\r\n\r\nabc"), 1);
    assert_int_equal(wire_count(&w, "\r\n\r\ndef"), 1);
    assert_int_equal(wire_count(&w, "HTTP/1.1 200 OK"), 4);
    wire_close(&w);
}

/* Requests that wait behind one another */

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    static char all[100 * 64], expected[100 * 8];
    size_t n = 0;
    wire_open(&w, NULL, app_reply_as_asked);
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(all + n, sizeof all - n,
                              "GET /200/%s/%04d HTTP/1.1\r\nHost: h\r\n\r\n", i % 7 ? "4" : "-", i);
    wire_send(&w, span_make(all, n));
    wire_until_got(&w, "0099");
    wire_until_done(&w, 100);
    const char *at = w.got;
    for (int i = 0; i < 100; i++) {
        snprintf(expected, sizeof expected, "\r\n%04d", i);
        at = strstr(at, expected);
        assert_non_null(at);
    }
    assert_int_equal(w.bytes_out, w.got_total);
    wire_close(&w);
}

static void one_turn_serves_a_bounded_share_of_a_flood(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_hello);
    for (int i = 0; i < 300; i++)
        assert_int_equal(send(w.fd, GET, sizeof GET - 1, 0), sizeof GET - 1);
    while (w.requests == 0)
        wire_turn(&w);
    assert_true(w.requests <= 64);
    wire_until_done(&w, 300);
    wire_close(&w);
}

static void an_answer_behind_one_that_waits_comes_after_it(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET GET);
    assert_int_equal(w.requests, 1);
    exchange_reply(w.x, 200, SPAN_NONE, SPAN("first"));
    assert_int_equal(w.requests, 2);
    exchange_reply(w.x, 200, SPAN_NONE, SPAN("second"));
    wire_until_got(&w, "second");
    assert_true(strstr(w.got, "first") < strstr(w.got, "second"));
    wire_close(&w);
}

/* What is refused */

static void expect_refused(const char *request, const char *status)
{
    wire_connect(&w);
    wire_say(&w, request);
    wire_until_got(&w, "\r\n\r\n");
    assert_memory_equal(w.got, status, strlen(status));
    assert_non_null(strstr(w.got, "Connection: close\r\n"));
    wire_end(&w);
    wire_until_ended(&w);
    assert_false(w.was_reset);
}

static void what_is_ambiguous_is_refused_and_the_connection_closed(void **state)
{
    (void)state;
    struct server_config config = wire_config();
    config.head_bytes = 2000;
    config.target_bytes = 500;
    static char big[3000] = "GET / HTTP/1.1\r\nHost: h\r\nX: ", target[800] = "GET /";
    memset(big + strlen(big), 'x', 2500);
    memset(target + strlen(target), 'y', 600);
    strncat(target, " HTTP/1.1\r\nHost: h\r\n\r\n", 100);
    wire_open(&w, &config, app_reply_hello);
    expect_refused("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
    expect_refused("GET / HTTP/1.1\nHost: h\n\n", "HTTP/1.1 400 ");
    expect_refused("\x16\x03\x01\x02\x01", "HTTP/1.1 400 ");
    expect_refused("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n",
                   "HTTP/1.1 400 ");
    expect_refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505 ");
    expect_refused("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                   "HTTP/1.1 501 ");
    expect_refused(big, "HTTP/1.1 431 ");
    expect_refused(target, "HTTP/1.1 414 ");
    assert_int_equal(w.requests, 0);
    assert_int_equal(counter_get(&server_counters_of(w.server)->bad_requests), 8);
    wire_close(&w);
}

static void a_refused_client_that_goes_on_sending_still_gets_its_answer(void **state)
{
    (void)state;
    static char junk[200000];
    memset(junk, 'j', sizeof junk);
    wire_open(&w, NULL, app_reply_hello);
    wire_say(&w, "GET / HTTP/1.1\r\nHost: h\r\nbroken\r\n\r\n");
    wire_send(&w, span_make(junk, sizeof junk));
    wire_until_got(&w, "HTTP/1.1 400 ");
    wire_until_ended(&w); /* our side's end; the client has not ended */
    assert_false(w.was_reset);
    wire_close(&w);
}

/* Request bodies */

static void a_request_body_is_collected_or_refused_when_too_big(void **state)
{
    (void)state;
    static char big[120000];
    memset(big, 'b', sizeof big);
    wire_open(&w, NULL, app_echo);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n");
    wire_send(&w, span_make(big, 90000));
    wire_until_done(&w, 1);
    wire_until_got(&w, "Content-Length: 90000\r\n");
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1d4c0\r\n");
    wire_send(&w, span_make(big, sizeof big));
    wire_until_got(&w, "HTTP/1.1 413 ");
    wire_connect(&w);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n");
    wire_until_got(&w, "HTTP/1.1 413 ");
    assert_non_null(strstr(w.got, "Connection: close\r\n"));
    wire_connect(&w);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    wire_until_got(&w, "HTTP/1.1 400 ");
    assert_non_null(strstr(w.got, "ERR_PROTOCOL"));
    wire_until_ended(&w);
    wire_close(&w);
}

static void a_hundred_continue_is_sent_when_the_body_is_pulled(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    wire_for_ms(&w, 5);
    assert_int_equal(w.got_n, 0);
    app_echo(&w, w.x);
    wire_until_got(&w, "HTTP/1.1 100 Continue\r\n\r\n");
    wire_say(&w, "ok");
    wire_until_got(&w, "\r\n\r\nok");
    assert_null(strstr(w.got, "Connection: close"));
    wire_close(&w);
}

static void a_client_that_waits_for_continue_in_vain_is_let_go(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_hello);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    wire_until_got(&w, "hello");
    assert_non_null(strstr(w.got, "Connection: close\r\n"));
    wire_until_ended(&w);
    assert_false(w.was_reset);
    wire_close(&w);
}

static void an_unread_body_is_read_away_or_the_connection_closed(void **state)
{
    (void)state;
    static char big[300000];
    wire_open(&w, NULL, app_reply_hello);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
    wire_send(&w, span_make(big, 60000));
    wire_say(&w, GET);
    wire_until_done(&w, 2);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    wire_say(&w, "0\r\n\r\n" GET);
    wire_until_done(&w, 4);
    assert_null(strstr(w.got, "Connection: close"));
    wire_forget(&w);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n");
    wire_send(&w, span_make(big, 100000));
    wire_until_got(&w, "Connection: close\r\n");
    wire_until_ended(&w);
    assert_false(w.was_reset);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_framed_as_rfc_9112_says),
        cmocka_unit_test(a_connection_ends_when_the_client_says_so),
        cmocka_unit_test(a_date_is_added),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(one_turn_serves_a_bounded_share_of_a_flood),
        cmocka_unit_test(an_answer_behind_one_that_waits_comes_after_it),
        cmocka_unit_test(what_is_ambiguous_is_refused_and_the_connection_closed),
        cmocka_unit_test(a_refused_client_that_goes_on_sending_still_gets_its_answer),
        cmocka_unit_test(a_request_body_is_collected_or_refused_when_too_big),
        cmocka_unit_test(a_hundred_continue_is_sent_when_the_body_is_pulled),
        cmocka_unit_test(a_client_that_waits_for_continue_in_vain_is_let_go),
        cmocka_unit_test(an_unread_body_is_read_away_or_the_connection_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
