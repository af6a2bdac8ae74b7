/* SPDX-License-Identifier: MIT */
#include "lib/net/dial.h"

#include "lib/base/err.h"
#include "tests/unit/lib/net/certs.h"
#include "tests/unit/lib/net/wire.h"
#include "tests/unit/lib/net/run_for.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { FULL = 4, LONG_MS = 60000 }; /* LONG_MS: no pause of the machine is as long */

static struct loop *loop;
static struct dial *dial;
static struct conn *conn;
static int calls, error;
static char text[256];
static struct addr addr; /* where somebody listens */
static int listener;

static void on_done(void *ctx, struct conn *c, int err, const char *words)
{
    assert_ptr_equal(ctx, &dial);
    dial = NULL;
    calls++;
    conn = c;
    error = err;
    snprintf(text, sizeof(text), "%s", words);
    loop_stop(loop);
}

static int begin(void **state)
{
    (void)state;
    loop = loop_create();
    if (loop == NULL)
        return -1;
    listener = wire_listen(&addr);
    calls = error = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    dial_cancel(&dial);
    conn_close(&conn);
    if (listener >= 0)
        close(listener);
    loop_destroy(&loop);
    return 0;
}

static void start(const char *host, struct tls_client *tls, msec_t timeout_ms)
{
    struct dial_spec spec = {
        .host = host, .port = addr_port(&addr), .tls = tls, .timeout_ms = timeout_ms};
    dial = dial_start(loop, &spec, on_done, &dial);
    assert_int_equal(calls, 0);
}

static void connected(const char *host)
{
    calls = 0;
    start(host, NULL, LONG_MS);
    run_for(loop, LONG_MS);
    assert_int_equal(calls, 1);
    assert_int_equal(error, 0);
    assert_non_null(conn);
    assert_true(conn_may_write(conn));
    assert_int_equal(addr_port(conn_peer(conn)), addr_port(&addr));
    conn_close(&conn);
}

static void failed(int wanted, const char *words)
{
    assert_int_equal(calls, 1);
    assert_null(conn);
    assert_int_equal(error, wanted);
    assert_non_null(strstr(text, words));
}

static void numbers_and_localhost_need_no_name_server(void **state)
{
    (void)state;
    connected("127.0.0.1");
    connected("localhost");
    connected("LocalHost");
}

static void a_port_where_nobody_listens_is_refused(void **state)
{
    (void)state;
    close(listener);
    listener = -1;
    start("127.0.0.1", NULL, LONG_MS);
    run_for(loop, LONG_MS);
    failed(ERR_REFUSED, ": Connection refused");
}

static void the_next_address_is_tried_where_one_refuses(void **state)
{
    int only_v6 = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct addr v6;
    (void)state;
    assert_int_equal(addr_parse(SPAN("[::1]:0"), -1, &v6), 0);
    close(listener); /* its number is free now on 127.0.0.1, and is taken on ::1 */
    listener = fd;
    addr_set_port(&v6, addr_port(&addr));
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) != 0 ||
        bind(fd, &v6.any, addr_bytes(&v6)) != 0)
        skip(); /* no IPv6 here */
    assert_int_equal(listen(fd, 4), 0);
    connected("localhost");
    connected("[::1]");
}

/* A listener whose queue is full swallows what comes. */
static void fill(int fds[FULL])
{
    assert_int_equal(listen(listener, 0), 0);
    for (int i = 0; i < FULL; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fds[i], &addr.any, addr_bytes(&addr));
    }
}

static void drop(int fds[FULL])
{
    for (int i = 0; i < FULL; i++)
        close(fds[i]);
}

static void who_never_answers_is_given_up_in_time(void **state)
{
    int fds[FULL];
    (void)state;
    fill(fds);
    msec_t began = clock_mono_ms();
    start("127.0.0.1", NULL, 150);
    run_for(loop, LONG_MS);
    failed(ERR_TIMEOUT, "timed out");
    assert_in_range(clock_mono_ms() - began, 140, LONG_MS / 2);
    drop(fds);
}

/* ---- a name server of the test's own ---- */

static int dns_fd;
static struct event *dns_event;
static int dns_queries;
static bool is_dns_silent;

/* "here.example" is 127.0.0.1, "twos.example" is 127.0.0.1 and 127.0.0.2, neither has an AAAA; any
 * other name does not exist. */
static void on_query(evutil_socket_t fd, short what, void *ctx)
{
    static const char answer[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"
                                 "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\2";
    enum { EACH = 16 };
    unsigned char q[512];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof(from);
    ssize_t n = recvfrom(fd, q, sizeof(q) - 2 * EACH, 0, (struct sockaddr *)&from, &from_bytes);
    (void)what;
    (void)ctx;
    dns_queries++;
    if (n < 17 || is_dns_silent)
        return;
    bool is_two = q[12] == 4 && memcmp(q + 13, "twos", 4) == 0, is_a = q[n - 3] == 1;
    bool is_here = is_two || (q[12] == 4 && memcmp(q + 13, "here", 4) == 0);
    q[2] |= 0x80;
    q[3] = is_here ? 0 : 3;
    q[7] = (unsigned char)(is_here && is_a ? 1 + is_two : 0);
    q[11] = 0;
    memcpy(q + n, answer, (size_t)q[7] * EACH);
    n += q[7] * EACH;
    sendto(fd, q, (size_t)n, 0, (struct sockaddr *)&from, from_bytes);
}

static int begin_with_dns(void **state)
{
    struct addr a;
    socklen_t n = sizeof(a.v4);
    char where[ADDR_TEXT_ROOM];
    if (begin(state) != 0)
        return -1;
    dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(addr_parse(SPAN("127.0.0.1:0"), -1, &a), 0);
    assert_int_equal(bind(dns_fd, &a.any, addr_bytes(&a)), 0);
    assert_int_equal(getsockname(dns_fd, &a.any, &n), 0);
    addr_text(&a, where);
    dns_event = event_new(loop_base(loop), dns_fd, EV_READ | EV_PERSIST, on_query, NULL);
    event_add(dns_event, NULL);
    dns_queries = 0;
    is_dns_silent = false;
    struct evdns_base *dns = loop_dns(loop);
    assert_non_null(dns);
    evdns_base_clear_nameservers_and_suspend(dns);
    evdns_base_search_clear(dns);
    assert_int_equal(evdns_base_nameserver_ip_add(dns, where), 0);
    evdns_base_set_option(dns, "randomize-case", "0");
    evdns_base_resume(dns);
    return 0;
}

static int end_with_dns(void **state)
{
    event_free(dns_event);
    close(dns_fd);
    return end(state);
}

static void a_name_is_resolved_and_dialled(void **state)
{
    (void)state;
    connected("here.example");
    assert_true(dns_queries > 0);
}

static void a_name_that_does_not_exist_is_said(void **state)
{
    (void)state;
    start("nowhere.example", NULL, LONG_MS);
    run_for(loop, LONG_MS);
    failed(ERR_DNS, "resolving nowhere.example: ");
}

/* RFC 8305 s.5: the second is tried while the first still may answer, and comes first next time. */
static void an_address_that_swallows_costs_a_quarter_of_a_second_and_once(void **state)
{
    int fds[FULL], second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct addr other;
    (void)state;
    assert_int_equal(addr_parse(SPAN("127.0.0.2:0"), -1, &other), 0);
    addr_set_port(&other, addr_port(&addr));
    setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(second, &other.any, addr_bytes(&other)), 0);
    assert_int_equal(listen(second, 8), 0);
    fill(fds);
    msec_t began = clock_mono_ms();
    connected("twos.example");
    assert_in_range(clock_mono_ms() - began, 240, LONG_MS / 2);
    msec_t took = LONG_MS; /* of the quickest: a busy machine is not always busy */
    for (int tries = 0; tries < 50 && took > 200; tries++) {
        began = clock_mono_ms();
        connected("twos.example");
        took = clock_mono_ms() - began < took ? clock_mono_ms() - began : took;
    }
    assert_true(took <= 200);
    drop(fds);
    close(second);
}

static void a_name_is_asked_for_once_in_its_time(void **state)
{
    (void)state;
    connected("here.example");
    int asked = dns_queries;
    connected("here.example");
    connected("here.example");
    assert_int_equal(dns_queries, asked);
}

static void a_silent_name_server_is_given_up_in_time(void **state)
{
    (void)state;
    is_dns_silent = true;
    start("here.example", NULL, 100);
    run_for(loop, LONG_MS);
    failed(ERR_TIMEOUT, "resolving here.example took longer than 100 ms");
}

/* ---- cancelling ---- */

static void cancelled(void)
{
    assert_non_null(dial);
    dial_cancel(&dial);
    assert_null(dial);
    run_for(loop, 60);
    assert_int_equal(calls, 0);
}

static void a_dial_just_begun_can_be_cancelled(void **state)
{
    (void)state;
    start("127.0.0.1", NULL, LONG_MS);
    cancelled();
}

static void a_dial_that_resolves_can_be_cancelled(void **state)
{
    (void)state;
    is_dns_silent = true;
    start("here.example", NULL, LONG_MS);
    run_for(loop, 20);
    cancelled();
    is_dns_silent = false; /* another one meanwhile: answers find nobody, or the right one */
    start("here.example", NULL, LONG_MS);
    run_for(loop, 5);
    dial_cancel(&dial);
}

static void a_dial_that_connects_can_be_cancelled(void **state)
{
    int fds[FULL];
    (void)state;
    fill(fds);
    start("127.0.0.1", NULL, LONG_MS);
    run_for(loop, 20);
    cancelled();
    drop(fds);
}

static void a_handshake_can_be_cancelled_and_has_the_same_deadline(void **state)
{
    struct tls_client *tls = NULL;
    struct tls_client_spec spec = {.is_unverified = true};
    struct buf why;
    (void)state;
    buf_init(&why, 1000);
    assert_int_equal(tls_client_create(&tls, &spec, &why), 0);
    start("127.0.0.1", tls, LONG_MS);
    run_for(loop, 20);
    cancelled();
    start("127.0.0.1", tls, 100);
    tls_client_unref(&tls); /* the dial holds on to it */
    run_for(loop, LONG_MS);
    failed(ERR_TIMEOUT, "TLS handshake with 127.0.0.1 took longer than 100 ms");
    buf_finish(&why);
}

/* ---- TLS ---- */

static struct conn *served;
static struct tls_server *tls_server;

static void on_caller(evutil_socket_t fd, short what, void *ctx)
{
    (void)what;
    (void)ctx;
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0)
        served = conn_create_tls_server(loop, accepted, &addr, tls_server);
}

static void tls_is_part_of_the_dial_and_its_failures_have_reasons(void **state)
{
    struct certs_spec made = {"a", "IP:127.0.0.1,DNS:a.example", NULL, -1, 2};
    struct certs *certs = certs_create();
    struct tls_client *tls = NULL;
    struct buf why;
    (void)state;
    certs_make(certs, &made);
    buf_init(&why, 1000);
    struct tls_client_spec spec = {.ca_file = certs_path(certs, "a.crt")};
    tls_server = certs_server(certs, "a", NULL);
    assert_int_equal(tls_client_create(&tls, &spec, &why), 0);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    struct event *e = event_new(loop_base(loop), listener, EV_READ | EV_PERSIST, on_caller, NULL);
    event_add(e, NULL);

    start("127.0.0.1", tls, LONG_MS);
    run_for(loop, LONG_MS);
    assert_int_equal(error, 0);
    assert_true(conn_is_ready(conn));
    conn_close(&conn);
    conn_close(&served);

    calls = 0;
    start("localhost", tls, LONG_MS);
    run_for(loop, LONG_MS);
    failed(ERR_CERTIFICATE, "TLS with localhost: hostname mismatch");
    conn_close(&served);

    event_free(e);
    tls_client_unref(&tls);
    tls_server_unref(&tls_server);
    buf_finish(&why);
    certs_destroy(certs);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define D(name) cmocka_unit_test_setup_teardown(name, begin_with_dns, end_with_dns)
    const struct CMUnitTest tests[] = {
        T(numbers_and_localhost_need_no_name_server),
        T(a_port_where_nobody_listens_is_refused),
        T(the_next_address_is_tried_where_one_refuses),
        T(who_never_answers_is_given_up_in_time),
        D(a_name_is_resolved_and_dialled),
        D(a_name_that_does_not_exist_is_said),
        D(an_address_that_swallows_costs_a_quarter_of_a_second_and_once),
        D(a_name_is_asked_for_once_in_its_time),
        D(a_silent_name_server_is_given_up_in_time),
        T(a_dial_just_begun_can_be_cancelled),
        D(a_dial_that_resolves_can_be_cancelled),
        T(a_dial_that_connects_can_be_cancelled),
        T(a_handshake_can_be_cancelled_and_has_the_same_deadline),
        T(tls_is_part_of_the_dial_and_its_failures_have_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
