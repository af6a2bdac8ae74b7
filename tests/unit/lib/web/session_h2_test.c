/* SPDX-License-Identifier: MIT */
/* Connections of HTTP/2: many streams on one, their order, and its end. */
#include "tests/unit/lib/web/h2_scene.h"

#include "lib/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
    wire_open(&w, &c, app_reply_hello);
    peer_open(&p, &w, 0);
    struct peer_stream *st = peer_get(&p, "/");
    peer_until_ended(&p, st);
    c.idle_ms = 50;
    server_set_config(w.server, &c);
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

#define STREAM_STALL_MS 200

/* False: the machine paused for as long as a client may. */
static bool is_reset_alone(void)
{
    struct server_config c = wire_config();
    c.stall_ms = STREAM_STALL_MS;
    make_long();
    wire_open(&w, &c, reply_long);
    peer_open(&p, &w, 5000);
    struct peer_stream *held = peer_get(&p, "/mem");
    PEER_UNTIL(&p, held->body_n == 5000, "a window's worth");
    nghttp2_session_consume_connection(p.ng, 5000);
    struct peer_stream *taken = peer_get(&p, "/mem");
    msec_t last = clock_mono_ms(), pause = 0;
    while (!held->is_ended && pause < STREAM_STALL_MS / 2) {
        size_t before = taken->body_n;
        PEER_UNTIL(&p, held->is_ended || taken->is_ended || taken->body_n > before, "progress");
        nghttp2_session_consume(p.ng, taken->id, taken->body_n - before);
        wire_for_ms(&w, 10);
        msec_t now = clock_mono_ms();
        pause = now - last > pause ? now - last : pause;
        last = now;
    }
    if (pause >= STREAM_STALL_MS / 2) {
        end();
        close(file_fd);
        return false;
    }
    assert_true(held->is_reset);
    assert_int_equal(held->reset_code, NGHTTP2_CANCEL);
    assert_int_equal(held->body_n, 5000);
    assert_false(taken->is_ended);
    wire_until_done(&w, 1);
    assert_int_equal(w.last_err, ERR_TIMEOUT);
    assert_int_equal(counter_get(&server_counters_of(w.server)->timeouts_stall), 1);
    end();
    close(file_fd);
    return true;
}

/* One that moves does not cover another. */
static void a_stream_whose_client_does_not_take_it_is_reset_alone(void **state)
{
    int tries = 0;
    (void)state;
    while (!is_reset_alone())
        assert_true(++tries < 50);
}

static void an_application_that_thinks_is_waited_for(void **state)
{
    (void)state;
    struct server_config c = wire_config();
    wire_open(&w, &c, app_reply_later);
    peer_open(&p, &w, 0);
    struct peer_stream *st = peer_get(&p, "/");
    PEER_UNTIL(&p, w.x != NULL, "a request");
    c.stall_ms = c.idle_ms = c.head_ms = 30;
    server_set_config(w.server, &c);
    for (int i = 0; i < 50; i++) {
        peer_turn(&p);
        wire_for_ms(&w, 5);
    }
    c = wire_config();
    server_set_config(w.server, &c);
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
        T(long_bodies_from_memory_and_files_arrive_whole),
        T(a_stream_whose_window_is_closed_does_not_hold_the_others),
        T(urgent_answers_come_first),
        T(clients_without_priorities_get_their_answers_in_turns),
        T(more_streams_than_allowed_are_refused),
        T(a_draining_server_finishes_what_runs_and_says_goaway),
        T(idle_connections_are_told_and_closed),
        T(a_client_that_gives_no_window_is_cut),
        T(a_stream_whose_client_does_not_take_it_is_reset_alone),
        T(an_application_that_thinks_is_waited_for),
        T(a_head_that_does_not_come_is_not_waited_for),
        T(a_bound_of_requests_ends_the_connection_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
