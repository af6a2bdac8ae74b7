/* SPDX-License-Identifier: MIT */
/* Exchanges on HTTP/2: request bodies, answers that break, clients that leave. */
#include "tests/unit/lib/web/h2_scene.h"

#include "lib/base/err.h"

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
    peer_send_data(&p, st, text, true);
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

#define T(name) cmocka_unit_test(name)
int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
