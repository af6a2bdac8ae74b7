/* SPDX-License-Identifier: MIT */
#include "lib/net/conn.h"

#include "lib/base/err.h"
#include "tests/unit/lib/net/wire.h"
#include "tests/unit/lib/net/run_for.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* One end under test; the other (fd) is played by hand. */
struct end {
    struct conn *conn;
    int calls;
    unsigned ready; /* all that was told */
    char got[65536];
    size_t got_bytes;
    ssize_t last; /* what the last read gave */
    bool does_read, does_close;
};

static struct loop *loop;
static struct end a;
static int peer;

static void read_on(struct end *e)
{
    do {
        size_t room = sizeof(e->got) - e->got_bytes;
        e->last = conn_read(e->conn, e->got + e->got_bytes, room);
        if (e->last > 0)
            e->got_bytes += (size_t)e->last;
    } while (e->last > 0 && e->got_bytes < sizeof(e->got));
}

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    struct end *e = ctx;
    assert_ptr_equal(c, e->conn);
    e->calls++;
    e->ready |= ready;
    if (e->does_close) {
        conn_close(&e->conn);
        return;
    }
    if (e->does_read && (ready & CONN_READABLE))
        read_on(e);
}

static const struct conn_events events = {.on_ready = on_ready};

static int begin(void **state)
{
    int fds[2];
    struct addr addr;
    (void)state;
    loop = loop_create();
    if (loop == NULL)
        return -1;
    wire_connect(fds);
    wire_block(fds[1]);
    peer = fds[1];
    assert_int_equal(addr_parse(SPAN("127.0.0.1:1"), -1, &addr), 0);
    memset(&a, 0, sizeof(a));
    a.does_read = true;
    a.conn = conn_create_plain(loop, fds[0], &addr);
    conn_set_events(a.conn, &events, &a);
    return 0;
}

static int end(void **state)
{
    (void)state;
    conn_close(&a.conn);
    if (peer >= 0)
        close(peer);
    loop_destroy(&loop);
    return 0;
}

static void peer_says(const char *text)
{
    assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void peer_resets(void)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(peer);
    peer = -1;
}

static void got_is(const char *text)
{
    RUN_UNTIL(loop, a.got_bytes >= strlen(text));
    assert_int_equal(a.got_bytes, strlen(text));
    assert_memory_equal(a.got, text, strlen(text));
}

static ssize_t write_text(const char *text)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    return conn_writev(a.conn, &v, 1, false);
}

static void what_the_peer_says_is_read(void **state)
{
    (void)state;
    assert_false(conn_may_read(a.conn));
    assert_true(conn_may_write(a.conn));
    peer_says("hello");
    got_is("hello");
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.ready, CONN_READABLE);
    assert_int_equal(a.last, ERR_AGAIN);
    assert_false(conn_may_read(a.conn));
    peer_says(" again");
    got_is("hello again");
    assert_int_equal(conn_bytes_in(a.conn), 11);
}

static void data_with_the_end_behind_it_loses_neither(void **state)
{
    (void)state;
    peer_says("last words");
    shutdown(peer, SHUT_WR);
    got_is("last words");
    RUN_UNTIL(loop, a.last == 0);
    assert_int_equal(conn_read(a.conn, a.got, 1), 0); /* and stays so */
    assert_int_equal(write_text("answer"), 6);        /* half closed only */
    char back[16];
    assert_int_equal(recv(peer, back, sizeof(back), 0), 6);
}

static void an_end_alone_is_told(void **state)
{
    (void)state;
    run_for(loop, 10);
    shutdown(peer, SHUT_WR);
    RUN_UNTIL(loop, a.calls > 0);
    assert_int_equal(a.last, 0);
    assert_int_equal(a.calls, 1);
}

static void data_with_a_reset_behind_it_ends_as_broken(void **state)
{
    (void)state;
    peer_says("half an answ");
    peer_resets();
    got_is("half an answ");
    RUN_UNTIL(loop, a.last == ERR_CLOSED);                     /* the second look finds it */
    assert_int_equal(conn_read(a.conn, a.got, 1), ERR_CLOSED); /* never shown as an end */
}

static void a_reset_met_by_a_write_is_not_an_end_to_a_later_read(void **state)
{
    (void)state;
    run_for(loop, 10);
    a.does_read = false;
    peer_resets();
    run_for(loop, 20);
    assert_int_equal(write_text("x"), ERR_CLOSED);
    assert_int_equal(conn_read(a.conn, a.got, 1), ERR_CLOSED);
}

static void a_silent_connection_is_looked_at_once_and_left_alone(void **state)
{
    (void)state;
    peer_says("x");
    run_for(loop, 500);
    assert_int_equal(a.calls, 1);
}

static void who_does_not_read_is_told_again_and_may_read_all_the_time(void **state)
{
    (void)state;
    a.does_read = false;
    peer_says("abc");
    RUN_UNTIL(loop, conn_may_read(a.conn));
    peer_says("def");
    run_for(loop, 20);
    assert_true(conn_may_read(a.conn));
    read_on(&a);
    got_is("abcdef");
    assert_false(conn_may_read(a.conn));
}

static void a_full_socket_says_again_and_writable_comes_once_there_is_room(void **state)
{
    static char block[65536];
    struct iovec v[2] = {{block, sizeof(block)}, {block, 1000}};
    size_t sent = 0, received = 0;
    ssize_t n;
    (void)state;
    do { /* until the peer's side is full as well */
        a.calls = 0;
        while ((n = conn_writev(a.conn, v, 2, false)) > 0)
            sent += (size_t)n;
        assert_int_equal(n, ERR_AGAIN);
        assert_false(conn_may_write(a.conn));
        run_for(loop, 20);
    } while (a.calls > 0);
    for (int round = 0; round < 1000 && a.calls == 0; round++) {
        char sink[8192];
        while ((n = recv(peer, sink, sizeof(sink), MSG_DONTWAIT)) > 0)
            received += (size_t)n;
        run_for(loop, 1);
    }
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.ready, CONN_WRITABLE);
    assert_true(conn_may_write(a.conn));
    assert_int_equal(conn_bytes_out(a.conn), sent);
    assert_true(received <= sent);
}

static void closing_inside_its_own_event_is_safe(void **state)
{
    (void)state;
    a.does_close = true;
    peer_says("x");
    RUN_UNTIL(loop, a.conn == NULL);
    assert_int_equal(a.calls, 1);
    run_for(loop, 150);
    char c;
    assert_true(recv(peer, &c, 1, 0) <= 0);
}

static void close_is_an_end_and_close_reset_is_not(void **state)
{
    char c;
    (void)state;
    conn_close(&a.conn);
    assert_int_equal(recv(peer, &c, 1, 0), 0);
    close(peer);
    loop_destroy(&loop);
    assert_int_equal(begin(NULL), 0);
    conn_close_reset(&a.conn);
    assert_int_equal(recv(peer, &c, 1, 0), -1);
}

static void half_close_ends_one_direction(void **state)
{
    char c;
    (void)state;
    assert_int_equal(conn_end_write(a.conn), 0);
    assert_int_equal(recv(peer, &c, 1, 0), 0);
    peer_says("still here");
    got_is("still here");
    assert_int_equal(write_text("x"), ERR_CLOSED);
}

/* Both are ready in one batch; the first to run closes the other. */
static struct end twins[2];

static void close_the_other(void *ctx, struct conn *c, unsigned ready)
{
    struct end *e = ctx;
    (void)c;
    (void)ready;
    e->calls++;
    conn_close(&twins[e == &twins[0] ? 1 : 0].conn);
}

static void a_connection_closed_by_another_of_the_same_batch_is_silent(void **state)
{
    static const struct conn_events deadly = {.on_ready = close_the_other};
    int fds[2][2];
    (void)state;
    memset(twins, 0, sizeof(twins));
    for (int i = 0; i < 2; i++) {
        wire_connect(fds[i]);
        twins[i].conn = conn_create_plain(loop, fds[i][0], conn_peer(a.conn));
        conn_set_events(twins[i].conn, &deadly, &twins[i]);
        assert_int_equal(send(fds[i][1], "x", 1, 0), 1);
    }
    RUN_UNTIL(loop, twins[0].calls + twins[1].calls > 0);
    run_for(loop, 20);
    assert_int_equal(twins[0].calls + twins[1].calls, 1);
    for (int i = 0; i < 2; i++) {
        conn_close(&twins[i].conn);
        close(fds[i][1]);
    }
}

static void sendfile_sends_the_range_and_tells_a_file_that_ends_early(void **state)
{
    char name[] = "/tmp/byeori-conn-XXXXXX", text[] = "0123456789", got[32];
    int fd = mkstemp(name);
    (void)state;
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(write(fd, text, 10), 10);
    assert_true(conn_has_sendfile(a.conn));
    assert_int_equal(conn_sendfile(a.conn, fd, 2, 5, true), 5);
    assert_int_equal(conn_sendfile(a.conn, fd, 8, 50, false), 2);
    assert_int_equal(conn_sendfile(a.conn, fd, 10, 48, false), ERR_TRUNCATED);
    assert_int_equal(write_text("."), 1);
    assert_int_equal(recv(peer, got, 8, MSG_WAITALL), 8);
    assert_memory_equal(got, "2345689.", 8);
    assert_int_equal(conn_bytes_out(a.conn), 8);
    close(fd);
}

/* A server that echoes with pieces and pauses of any size. */
struct echo {
    struct conn *conn;
    char held[5000];
    size_t from, to;
    bool has_ended;
};

static void echo_on(void *ctx, struct conn *c, unsigned ready)
{
    struct echo *e = ctx;
    (void)ready;
    for (;;) {
        if (e->from == e->to && e->has_ended) {
            conn_end_write(c);
            return;
        }
        if (e->from == e->to) {
            ssize_t n = conn_read(c, e->held, 1 + (size_t)random() % sizeof(e->held));
            if (n < 0)
                return;
            e->from = 0;
            e->to = (size_t)n;
            e->has_ended = n == 0;
            continue;
        }
        size_t all = e->to - e->from, first = (size_t)random() % (all + 1);
        struct iovec v[2] = {{e->held + e->from, first}, {e->held + e->from + first, all - first}};
        ssize_t n = conn_writev(c, v, 2, random() % 2);
        if (n < 0)
            return;
        e->from += (size_t)n;
    }
}

static void an_echo_in_pieces_of_any_size_returns_every_byte(void **state)
{
    static const struct conn_events echo_events = {.on_ready = echo_on};
    static struct echo e;
    static char out[2000000], in[sizeof(out)];
    size_t sent = 0, received = 0;
    (void)state;
    srandom(7);
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (char)random();
    e = (struct echo){.conn = a.conn};
    conn_set_events(a.conn, &echo_events, &e);
    while (received < sizeof(out)) {
        size_t n = 1 + (size_t)random() % 20000;
        if (n > sizeof(out) - sent)
            n = sizeof(out) - sent;
        ssize_t k = n > 0 ? send(peer, out + sent, n, MSG_DONTWAIT) : 0;
        sent += k > 0 ? (size_t)k : 0;
        if (n > 0 && sent == sizeof(out))
            shutdown(peer, SHUT_WR);
        k = recv(peer, in + received, 1 + (size_t)random() % 30000, MSG_DONTWAIT);
        assert_true(k != 0);
        received += k > 0 ? (size_t)k : 0;
        run_for(loop, 0);
    }
    run_for(loop, 20);
    assert_memory_equal(in, out, sizeof(out));
    assert_int_equal(recv(peer, in, 1, 0), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_the_peer_says_is_read),
        T(data_with_the_end_behind_it_loses_neither),
        T(an_end_alone_is_told),
        T(data_with_a_reset_behind_it_ends_as_broken),
        T(a_reset_met_by_a_write_is_not_an_end_to_a_later_read),
        T(a_silent_connection_is_looked_at_once_and_left_alone),
        T(who_does_not_read_is_told_again_and_may_read_all_the_time),
        T(a_full_socket_says_again_and_writable_comes_once_there_is_room),
        T(closing_inside_its_own_event_is_safe),
        T(close_is_an_end_and_close_reset_is_not),
        T(half_close_ends_one_direction),
        T(a_connection_closed_by_another_of_the_same_batch_is_silent),
        T(sendfile_sends_the_range_and_tells_a_file_that_ends_early),
        T(an_echo_in_pieces_of_any_size_returns_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
