/* SPDX-License-Identifier: MIT */
/* Calls against a server whose every byte the test chooses: framing, the pool, repetition,
 * time-outs, ends at any moment. */
#include "tests/unit/lib/web/wire.h"

#include "lib/base/err.h"
#include "lib/web/client.h"
#include "lib/web/client_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define ROOM 65536

static struct {
    struct loop *loop;
    struct client *client;
    int listening, port;
    int fd, accepted; /* the latest connection, and how many there were */
    char asked[ROOM]; /* what came over it */
    size_t asked_n;
    bool has_ended;
    struct call *call;
    int heads, status, infos, err; /* err: of on_failed */
    char body[ROOM];
    size_t body_n;
    int body_err; /* 1: not over; 0: complete */
    bool ends_in_head, holds_back;
    msec_t first_byte_ms, stall_ms;
} t;

enum { LONG_MS = 60000 };

static void read_body(void)
{
    ssize_t n = 1;
    while (n > 0 && !t.holds_back) {
        n = call_read(t.call, t.body + t.body_n, ROOM - 1 - t.body_n);
        if (n > 0)
            t.body_n += (size_t)n;
    }
    t.body[t.body_n] = '\0';
    if (n <= 0 && n != ERR_AGAIN)
        t.body_err = (int)n;
}

static void on_info(void *ctx, struct call *c, const struct response_head *head)
{
    (void)ctx;
    (void)c;
    assert_int_equal(head->status, 103);
    t.infos++;
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    (void)ctx;
    assert_ptr_equal(c, t.call);
    t.heads++;
    t.status = head->status;
    if (t.ends_in_head)
        call_end(&t.call);
    else
        read_body();
}

static void on_readable(void *ctx, struct call *c)
{
    (void)ctx;
    (void)c;
    read_body();
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)ctx;
    (void)c;
    assert_non_null(text);
    t.err = err;
    if (t.ends_in_head)
        call_end(&t.call);
}

static const struct call_events events = {on_info, on_head, on_readable, on_failed};

static void stop(struct loop_task *task)
{
    (void)task;
    loop_stop(t.loop);
}

static void turn(void)
{
    struct loop_task task;
    loop_task_init(&task, stop);
    loop_defer(t.loop, &task);
    loop_run(t.loop);
    int fd = accept4(t.listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        if (t.fd >= 0)
            close(t.fd);
        t.fd = fd;
        t.accepted++;
        t.asked_n = 0;
        t.has_ended = false;
    }
    while (t.fd >= 0 && !t.has_ended && t.asked_n < ROOM - 1) {
        ssize_t n = recv(t.fd, t.asked + t.asked_n, ROOM - 1 - t.asked_n, 0);
        if (n < 0 && errno == EAGAIN)
            break;
        t.has_ended = n <= 0;
        t.asked_n += n > 0 ? (size_t)n : 0;
    }
    t.asked[t.asked_n] = '\0';
}

#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        msec_t end_ = clock_mono_ms() + 60000;                                                     \
        turn();                                                                                    \
        while (!(condition)) {                                                                     \
            struct pollfd p_ = {.fd = t.fd, .events = POLLIN};                                     \
            if (clock_mono_ms() > end_)                                                            \
                fail_msg("not %s; asked %.500s; body %.500s", #condition, t.asked, t.body);        \
            poll(&p_, 1, 1);                                                                       \
            turn();                                                                                \
        }                                                                                          \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    struct client_config config = client_config_default;
    memset(&t, 0, sizeof t);
    t.fd = -1;
    t.first_byte_ms = t.stall_ms = LONG_MS;
    t.loop = loop_create();
    t.client = client_create(t.loop, &config);
    t.listening = wire_listen(&t.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    call_end(&t.call);
    client_destroy(&t.client);
    close(t.listening);
    if (t.fd >= 0)
        close(t.fd);
    loop_destroy(&t.loop);
    return 0;
}

static void start_with(enum method method, struct body *body, int64_t length)
{
    struct client_target target = {.scheme = SCHEME_HTTP, .host = "127.0.0.1", .port = t.port};
    struct arena mem;
    arena_init(&mem, 10000);
    struct request_head head = {.method = method, .host = SPAN("h"), .path = SPAN("/p")};
    head.port = 80;
    head.content_length = length;
    fields_init(&head.fields, &mem);
    struct call_spec spec = {.target = &target, .request = &head, .body = body};
    spec.connect_ms = LONG_MS;
    spec.first_byte_ms = t.first_byte_ms;
    spec.stall_ms = t.stall_ms;
    call_end(&t.call);
    t.heads = t.status = t.infos = t.err = 0;
    t.body_n = t.asked_n = 0;
    t.body_err = 1;
    t.call = call_start(t.client, &spec, &events, NULL);
    arena_finish(&mem);
}

static void start(enum method method)
{
    start_with(method, NULL, 0);
}

static void asks(const char *text)
{
    UNTIL(strstr(t.asked, text) != NULL);
}

static void say(const char *text)
{
    assert_int_equal(send(t.fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void get(const char *answer, const char *body)
{
    start(METHOD_GET);
    asks("GET /p HTTP/1.1\r\nHost: h\r\n\r\n");
    say(answer);
    UNTIL(t.body_err != 1);
    assert_int_equal(t.body_err, 0);
    assert_string_equal(t.body, body);
}

/* Framing */

static void every_framing_of_an_answer_is_understood(void **state)
{
    (void)state;
    get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello");
    get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "hello");
    get("HTTP/1.1 204 No\r\n\r\n", "");
    get("HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n", "");
    get("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "");
    get("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "ok");
    assert_int_equal(t.infos, 1);
    start(METHOD_HEAD);
    asks("HEAD /p");
    say("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    UNTIL(t.body_err == 0);
    assert_int_equal(t.accepted, 1); /* all of them over one connection */
    start(METHOD_GET);
    asks("GET");
    say("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    UNTIL(t.body_n == 13);
    assert_int_equal(t.body_err, 1);
    close(t.fd);
    t.fd = -1;
    UNTIL(t.body_err == 0);
}

static void an_answer_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    start(METHOD_GET);
    asks("GET");
    for (size_t i = 0; i < sizeof answer - 1; i++) {
        assert_int_equal(send(t.fd, answer + i, 1, 0), 1);
        turn();
    }
    UNTIL(t.body_err == 0);
    assert_string_equal(t.body, "hello");
    assert_int_equal(call_bytes_in(t.call), sizeof answer - 1);
    assert_int_equal(call_bytes_out(t.call), t.asked_n);
}

static void expect_broken(const char *answer, int err)
{
    start(METHOD_GET);
    asks("GET");
    say(answer);
    shutdown(t.fd, SHUT_WR);
    UNTIL(t.err != 0 || t.body_err != 1);
    assert_int_equal(t.heads == 0 ? t.err : t.body_err, err);
}

static void broken_answers_are_told_from_whole_ones(void **state)
{
    (void)state;
    expect_broken("", ERR_CLOSED);
    expect_broken("HTTP/1.1 20", ERR_CLOSED);
    expect_broken("SSH-2.0-x\r\n\r\n", ERR_PROTOCOL);
    expect_broken("HTTP/1.1 101 Up\r\n\r\n", ERR_PROTOCOL);
    expect_broken("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", ERR_TRUNCATED);
    expect_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                  ERR_TRUNCATED);
    expect_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n", ERR_PROTOCOL);
    static char big[20000] = "HTTP/1.1 200 OK\r\nX: ";
    memset(big + strlen(big), 'x', sizeof big - strlen(big) - 1);
    expect_broken(big, ERR_TOO_BIG);
}

/* The pool */

static void a_connection_is_used_again(void **state)
{
    (void)state;
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    assert_false(call_was_reused(t.call));
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    assert_true(call_was_reused(t.call));
    assert_int_equal(t.accepted, 1);
    assert_int_equal(addr_port(call_peer(t.call)), t.port);
}

static void a_connection_is_not_used_again_where_that_is_unsafe(void **state)
{
    (void)state;
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "ok");
    get("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    assert_int_equal(t.accepted, 2);
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "ok");
    assert_int_equal(t.accepted, 3);
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    assert_int_equal(t.accepted, 4);
    call_end(&t.call); /* at rest: bytes that nobody asked for */
    say("HTTP/1.1 408 Timeout\r\n\r\n");
    UNTIL(t.has_ended);
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    assert_int_equal(t.accepted, 5);
    start(METHOD_GET); /* ended before its answer was read */
    asks("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok");
    UNTIL(t.body_n == 2);
    call_end(&t.call);
    UNTIL(t.has_ended);
}

static void a_kept_connection_that_closed_meanwhile_is_no_failure(void **state)
{
    (void)state;
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    call_end(&t.call);
    turn();
    start(METHOD_GET); /* taken from the pool; then it closes without a byte of an answer */
    close(t.fd);
    t.fd = -1;
    UNTIL(t.accepted == 2);
    asks("GET /p HTTP/1.1\r\n");
    say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain");
    UNTIL(t.body_err == 0);
    assert_string_equal(t.body, "again");
    assert_false(call_was_reused(t.call));
}

static void what_is_not_idempotent_is_not_repeated(void **state)
{
    (void)state;
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    call_end(&t.call);
    turn();
    start(METHOD_POST);
    close(t.fd);
    t.fd = -1;
    UNTIL(t.err != 0);
    assert_int_equal(t.err, ERR_CLOSED);
    assert_int_equal(t.accepted, 1);
}

static void the_pool_keeps_so_many_and_gives_the_freshest(void **state)
{
    (void)state;
    struct client_pool pool;
    struct conn *c[3], *freshest;
    struct addr peer;
    assert_int_equal(addr_parse(SPAN("127.0.0.1:1"), -1, &peer), 0);
    client_pool_init(&pool, t.loop, 2, 1000);
    assert_null(client_pool_get(&pool, SPAN("a")));
    for (int i = 0; i < 3; i++) {
        int far = wire_dial(t.port);
        fcntl(far, F_SETFL, O_NONBLOCK);
        c[i] = conn_create_plain(t.loop, far, &peer);
        freshest = c[i];
        client_pool_put(&pool, SPAN("a"), &c[i]);
        assert_null(c[i]);
    }
    assert_null(client_pool_get(&pool, SPAN("b")));
    struct conn *first = client_pool_get(&pool, SPAN("a"));
    assert_ptr_equal(first, freshest);
    struct conn *second = client_pool_get(&pool, SPAN("a"));
    assert_non_null(second);
    assert_null(client_pool_get(&pool, SPAN("a"))); /* the oldest had to go */
    client_pool_put(&pool, SPAN("a"), &first);
    client_pool_finish(&pool);
    conn_close(&second);
}

static void idle_connections_time_out(void **state)
{
    (void)state;
    client_destroy(&t.client);
    struct client_config config = client_config_default;
    config.idle_ms = 30;
    t.client = client_create(t.loop, &config);
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok");
    msec_t began = clock_mono_ms();
    call_end(&t.call);
    turn();
    bool has_ended = t.has_ended;
    assert_false(has_ended && clock_mono_ms() - began < config.idle_ms);
    UNTIL(t.has_ended);
}

/* Request bodies */

static void request_bodies_are_framed(void **state)
{
    (void)state;
    start_with(METHOD_PUT, body_of_bytes(SPAN("hello")), 5);
    asks("PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    say("HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
    UNTIL(t.body_err == 0);
    start_with(METHOD_PUT, body_of_bytes(SPAN("hello")), LENGTH_UNKNOWN);
    asks("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    say("HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
    UNTIL(t.body_err == 0);
    start(METHOD_POST);
    asks("Content-Length: 0\r\n\r\n");
    assert_int_equal(t.accepted, 1);
}

static void a_request_body_that_breaks_fails_the_call(void **state)
{
    (void)state;
    start_with(METHOD_PUT, body_of_bytes(SPAN("hello")), 50);
    UNTIL(t.err != 0);
    assert_int_equal(t.err, ERR_BODY);
    UNTIL(t.has_ended);
}

static void an_early_answer_is_heard_while_the_body_is_still_sent(void **state)
{
    (void)state;
    static char big[16 << 20];
    int old = t.listening, small = 4096;
    setsockopt(old, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    start_with(METHOD_PUT, body_of_constant(span_make(big, sizeof big)), sizeof big);
    UNTIL(t.asked_n == ROOM - 1); /* the server reads no more, and refuses */
    say("HTTP/1.1 413 Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    UNTIL(t.body_err == 0);
    assert_int_equal(t.status, 413);
    assert_string_equal(t.body, "big");
    call_end(&t.call);
    start(METHOD_GET);
    UNTIL(t.accepted == 2);
}

/* Time-outs */

static void time_outs_are_told(void **state)
{
    (void)state;
    t.first_byte_ms = 50;
    start(METHOD_GET);
    UNTIL(t.err != 0);
    assert_int_equal(t.err, ERR_TIMEOUT);
    t.first_byte_ms = LONG_MS;
    t.stall_ms = 50;
    start(METHOD_GET);
    asks("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
    UNTIL(t.body_err != 1);
    assert_int_equal(t.body_err, ERR_TIMEOUT);
}

static void for_ms(int ms)
{
    msec_t end = clock_mono_ms() + ms;
    while (clock_mono_ms() < end) {
        poll(NULL, 0, 5);
        turn();
    }
}

static void the_stall_rests_while_nobody_reads(void **state)
{
    (void)state;
    t.holds_back = true;
    t.stall_ms = 100;
    start(METHOD_GET);
    asks("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok");
    UNTIL(t.heads == 1);
    for_ms(250);
    say("ok"); /* before it is read on: from then on the time runs */
    t.holds_back = false;
    read_body();
    UNTIL(t.body_err != 1);
    assert_int_equal(t.body_err, 0);
    assert_string_equal(t.body, "okok");
}

/* Ends */

static void a_call_may_end_inside_any_callback(void **state)
{
    (void)state;
    t.ends_in_head = true;
    start(METHOD_GET);
    asks("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    UNTIL(t.heads == 1);
    assert_null(t.call);
    start(METHOD_GET);
    asks("GET");
    say("nonsense\r\n\r\n");
    UNTIL(t.err != 0);
    assert_null(t.call);
}

static void a_call_may_end_before_anything_happened(void **state)
{
    (void)state;
    start(METHOD_GET);
    call_end(&t.call);
    turn();
    start(METHOD_GET);
    asks("GET");
    call_end(&t.call);
    UNTIL(t.has_ended);
    assert_int_equal(t.heads, 0);
}

static void a_refused_connection_fails_the_call(void **state)
{
    (void)state;
    int free_port, fd = wire_listen(&free_port), port = t.port;
    close(fd);
    t.port = free_port;
    start(METHOD_GET);
    t.port = port;
    UNTIL(t.err != 0);
    assert_int_equal(t.err, ERR_REFUSED);
    assert_null(call_head(t.call));
    assert_null(call_peer(t.call));
}

static void destroying_the_client_cancels_what_runs(void **state)
{
    (void)state;
    start(METHOD_GET);
    asks("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
    UNTIL(t.body_n == 2);
    client_destroy(&t.client);
    assert_int_equal(call_read(t.call, t.body, 1), ERR_CANCELLED);
    call_end(&t.call);
    UNTIL(t.has_ended);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_framing_of_an_answer_is_understood),
        TEST(an_answer_may_come_byte_by_byte),
        TEST(broken_answers_are_told_from_whole_ones),
        TEST(a_connection_is_used_again),
        TEST(a_connection_is_not_used_again_where_that_is_unsafe),
        TEST(a_kept_connection_that_closed_meanwhile_is_no_failure),
        TEST(what_is_not_idempotent_is_not_repeated),
        TEST(the_pool_keeps_so_many_and_gives_the_freshest),
        TEST(idle_connections_time_out),
        TEST(request_bodies_are_framed),
        TEST(a_request_body_that_breaks_fails_the_call),
        TEST(an_early_answer_is_heard_while_the_body_is_still_sent),
        TEST(time_outs_are_told),
        TEST(the_stall_rests_while_nobody_reads),
        TEST(a_call_may_end_inside_any_callback),
        TEST(a_call_may_end_before_anything_happened),
        TEST(a_refused_connection_fails_the_call),
        TEST(destroying_the_client_cancels_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
