/* SPDX-License-Identifier: MIT */
/* Connections that end: clients that leave, aborts, time-outs, limits, draining. */
#include "tests/unit/lib/web/apps.h"

#include "lib/base/err.h"
#include "lib/web/h1_exchange.h"

#include <sys/mman.h>
#include <unistd.h>

static struct wire w;

/* Clients that leave */

static void a_half_closing_client_still_gets_its_answer(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    wire_end(&w);
    wire_for_ms(&w, 20);
    assert_int_equal(w.dones, 0);
    exchange_reply(w.x, 200, SPAN_NONE, SPAN("hello"));
    wire_until_got(&w, "hello");
    wire_until_ended(&w);
    assert_false(w.was_reset);
    assert_int_equal(w.last_err, 0);
    wire_connect(&w);
    w.on_request = app_reply_hello;
    assert_int_equal(send(w.fd, GET, sizeof GET - 1, 0), sizeof GET - 1);
    wire_end(&w); /* request and end in one event */
    wire_until_got(&w, "hello");
    wire_until_ended(&w);
    wire_close(&w);
}

static void a_client_that_resets_ends_its_exchange_once(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    wire_reset(&w);
    wire_until_done(&w, 1);
    assert_int_equal(w.last_err, ERR_CLOSED);
    wire_connect(&w); /* in the middle of an answer */
    wire_say(&w, GET);
    app_slow_begin("some", ERR_AGAIN);
    app_respond(w.x, 200, 10, &slow.body);
    wire_until_got(&w, "some");
    wire_reset(&w);
    wire_until_done(&w, 2);
    assert_int_equal(w.last_err, ERR_CLOSED);
    assert_true(slow.is_closed);
    wire_connect(&w); /* in the middle of its own body */
    w.on_request = app_echo;
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    wire_reset(&w);
    wire_until_done(&w, 3);
    assert_int_equal(w.last_err, ERR_CLOSED);
    wire_connect(&w); /* the end in the middle of its own body */
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
    wire_end(&w);
    wire_until_done(&w, 4);
    assert_int_equal(w.last_err, ERR_CLOSED);
    wire_close(&w);
}

static void a_request_body_may_outlive_its_exchange(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    struct body *body = exchange_request_body(w.x);
    struct body_piece piece;
    assert_int_equal(body_peek(body, &piece), 1);
    assert_int_equal(piece.len, 3);
    wire_reset(&w);
    wire_until_done(&w, 1);
    assert_int_equal(body_peek(body, &piece), ERR_CLOSED);
    wire_close(&w);
    body_close(&body);
}

static void an_exchange_may_be_aborted_in_any_state(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET GET);
    exchange_abort(w.x);
    assert_int_equal(w.dones, 1);
    wire_until_ended(&w);
    assert_true(w.was_reset);
    wire_connect(&w);
    wire_say(&w, GET);
    app_slow_begin("some", ERR_AGAIN);
    struct exchange *x = w.x;
    app_respond(x, 200, 10, &slow.body);
    exchange_abort(x);
    assert_int_equal(w.dones, 2);
    assert_true(slow.is_closed);
    wire_until_ended(&w);
    wire_close(&w);
}

static void abort_now(struct wire *unused, struct exchange *x)
{
    (void)unused;
    exchange_abort(x);
}

static void an_exchange_may_be_aborted_inside_on_request(void **state)
{
    (void)state;
    wire_open(&w, NULL, abort_now);
    wire_say(&w, GET GET);
    wire_until_ended(&w);
    assert_int_equal(w.requests, 1);
    assert_int_equal(w.last_err, ERR_CANCELLED);
    wire_close(&w);
}

static void interim_answers_precede_the_final_one(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    struct response_head early = {.status = 103, .content_length = LENGTH_UNKNOWN};
    fields_init(&early.fields, &w.x->mem);
    fields_add_named(&early.fields, SPAN("Link"), SPAN("</a.css>; rel=preload"));
    assert_int_equal(exchange_inform(w.x, &early), 0);
    wire_until_got(&w, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    app_respond(w.x, 200, 2, body_of_constant(SPAN("ok")));
    wire_until_got(&w, "\r\n\r\nHTTP/1.1 200 OK\r\n");
    assert_int_equal(w.bytes_out, w.got_total);
    wire_say(&w, "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(exchange_inform(w.x, &early), ERR_UNSUPPORTED);
    exchange_abort(w.x);
    wire_close(&w);
}

/* Time-outs and ends */

static void time_outs_cut_the_dead(void **state)
{
    (void)state;
    struct server_config config = wire_config();
    config.head_ms = 40;
    wire_open(&w, &config, app_reply_hello);
    const struct server_counters *c = server_counters_of(w.server);
    wire_until_ended(&w); /* not a byte */
    assert_int_equal(counter_get(&c->timeouts_head), 1);
    wire_connect(&w);
    wire_say(&w, "GET / HT"); /* half a head */
    wire_until_ended(&w);
    assert_int_equal(counter_get(&c->timeouts_head), 2);
    config = wire_config();
    config.idle_ms = 40;
    server_set_config(w.server, &config);
    wire_connect(&w);
    wire_say(&w, GET);
    wire_until_ended(&w); /* idle after an answer */
    assert_int_equal(counter_get(&c->timeouts_idle), 1);
    config = wire_config();
    config.stall_ms = 40;
    server_set_config(w.server, &config);
    w.on_request = app_echo;
    wire_connect(&w);
    wire_say(&w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    wire_until_done(&w, 2); /* a body that stops */
    assert_int_equal(w.last_err, ERR_TIMEOUT);
    assert_int_equal(counter_get(&c->timeouts_stall), 1);
    wire_close(&w);
}

#define BLANK (64 << 20)

static int blank_file(void)
{
    int fd = memfd_create("blank", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, BLANK), 0);
    return fd;
}

static void a_client_that_stops_reading_is_cut(void **state)
{
    (void)state;
    struct server_config config = wire_config();
    config.stall_ms = 40;
    wire_open(&w, &config, app_reply_later);
    int fd = w.fd;
    wire_say(&w, GET);
    app_respond(w.x, 200, BLANK, body_of_file(blank_file(), 0, BLANK));
    w.fd = -1; /* nobody reads */
    wire_until_done(&w, 1);
    assert_int_equal(w.last_err, ERR_TIMEOUT);
    w.fd = fd;
    wire_close(&w);
}

#define READER_STALL_MS 200

/* Reads a little at a time for longer than the stall; whether it was cut, and in *pause_ms the
 * longest time in which it did not read. */
static bool is_slow_reader_cut(msec_t *pause_ms)
{
    static char sink[256 << 10];
    struct server_config config = wire_config();
    config.stall_ms = READER_STALL_MS;
    wire_open(&w, &config, app_reply_later);
    int fd = w.fd;
    wire_say(&w, GET);
    msec_t last = clock_mono_ms();
    app_respond(w.x, 200, BLANK, body_of_file(blank_file(), 0, BLANK));
    w.fd = -1; /* the test reads by itself */
    *pause_ms = 0;
    for (int i = 0; i < 20 && w.dones == 0; i++) {
        assert_true(recv(fd, sink, sizeof sink, 0) > 0);
        wire_for_ms(&w, 20);
        msec_t now = clock_mono_ms();
        *pause_ms = now - last > *pause_ms ? now - last : *pause_ms;
        last = now;
    }
    bool is_cut = w.dones > 0;
    w.fd = fd;
    wire_close(&w);
    return is_cut;
}

/* Again where the machine paused for as long as a reader may. */
static void a_slow_but_living_reader_is_not_cut(void **state)
{
    msec_t pause_ms;
    int tries = 0;
    (void)state;
    while (is_slow_reader_cut(&pause_ms)) {
        assert_true(pause_ms >= READER_STALL_MS / 2);
        assert_true(++tries < 50);
    }
}

static void on_drained(void *ctx)
{
    *(int *)ctx += 1;
}

static void draining_ends_idle_connections_now_and_busy_ones_after_their_answer(void **state)
{
    (void)state;
    int drained = 0;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    int busy = w.fd;
    struct exchange *x = w.x;
    w.fd = -1;
    wire_connect(&w);
    w.on_request = app_reply_hello;
    wire_say(&w, GET);
    wire_until_got(&w, "hello");
    server_drain(w.server, on_drained, &drained);
    wire_until_ended(&w);
    assert_false(w.was_reset);
    assert_int_equal(drained, 0);
    close(w.fd);
    w.fd = busy;
    w.has_ended = false;
    wire_forget(&w);
    exchange_reply(x, 200, SPAN_NONE, SPAN("hello"));
    wire_until_got(&w, "Connection: close\r\n");
    wire_until_ended(&w);
    wire_turn(&w);
    assert_int_equal(drained, 1);
    wire_close(&w);
}

static void a_request_that_has_arrived_is_served_before_draining_closes(void **state)
{
    (void)state;
    int drained = 0;
    wire_open(&w, NULL, app_reply_hello);
    wire_say(&w, GET);
    wire_until_got(&w, "hello");
    wire_forget(&w);
    assert_int_equal(send(w.fd, GET, sizeof GET - 1, 0), sizeof GET - 1);
    server_drain(w.server, on_drained, &drained);
    wire_until_got(&w, "hello");
    assert_non_null(strstr(w.got, "Connection: close\r\n"));
    wire_until_ended(&w);
    assert_false(w.was_reset);
    assert_int_equal(drained, 1);
    wire_close(&w);
}

static void destroying_the_server_ends_what_runs(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    server_destroy(&w.server);
    assert_int_equal(w.dones, 1);
    assert_int_equal(w.last_err, ERR_CLOSED);
    wire_until_ended(&w);
    wire_close(&w);
}

static void a_resting_connection_keeps_only_its_stub(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_hello);
    wire_say(&w, GET);
    wire_until_got(&w, "hello");
    assert_int_equal(w.server->session_count, 1);
    struct session *s = LIST_THING(w.server->sessions.next, struct session, link);
    struct h1_stub *stub = CONTAINER_OF(s, struct h1_stub, base);
    assert_null(stub->session);
    assert_int_equal(s->wait, WAIT_IDLE);
    assert_true(sizeof *stub <= 104);
    wire_close(&w);
}

static void connections_beyond_the_bound_are_closed_at_once(void **state)
{
    (void)state;
    struct server_config config = wire_config();
    config.conns = 1;
    wire_open(&w, &config, app_reply_hello);
    int first = w.fd;
    w.fd = -1;
    wire_connect(&w);
    wire_until_ended(&w);
    assert_int_equal(counter_get(&server_counters_of(w.server)->connections_refused), 1);
    close(first);
    wire_close(&w);
}

static void a_connection_may_be_limited_to_so_many_requests(void **state)
{
    (void)state;
    struct server_config config = wire_config();
    config.requests_per_conn = 2;
    wire_open(&w, &config, app_reply_hello);
    wire_say(&w, GET GET GET);
    wire_until_ended(&w);
    assert_int_equal(w.requests, 2);
    assert_int_equal(wire_count(&w, "Connection: close"), 1);
    assert_false(w.was_reset);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_half_closing_client_still_gets_its_answer),
        cmocka_unit_test(a_client_that_resets_ends_its_exchange_once),
        cmocka_unit_test(a_request_body_may_outlive_its_exchange),
        cmocka_unit_test(an_exchange_may_be_aborted_in_any_state),
        cmocka_unit_test(an_exchange_may_be_aborted_inside_on_request),
        cmocka_unit_test(interim_answers_precede_the_final_one),
        cmocka_unit_test(time_outs_cut_the_dead),
        cmocka_unit_test(a_client_that_stops_reading_is_cut),
        cmocka_unit_test(draining_ends_idle_connections_now_and_busy_ones_after_their_answer),
        cmocka_unit_test(a_slow_but_living_reader_is_not_cut),
        cmocka_unit_test(a_request_that_has_arrived_is_served_before_draining_closes),
        cmocka_unit_test(destroying_the_server_ends_what_runs),
        cmocka_unit_test(a_resting_connection_keeps_only_its_stub),
        cmocka_unit_test(connections_beyond_the_bound_are_closed_at_once),
        cmocka_unit_test(a_connection_may_be_limited_to_so_many_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
