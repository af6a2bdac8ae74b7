/* SPDX-License-Identifier: MIT
 *
 * Names by a name server of the test's own, with TTLs of a second. */
#include "lib/net/resolve.h"

#include "lib/base/clock.h"
#include "tests/unit/lib/net/run_for.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { LONG_MS = 60000 };

/* What the server says now. last: of 127.0.0.last and of ::last; 0: no such record. */
static struct {
    unsigned char v4_last, v6_last, ttl_s;
    bool is_silent, is_missing, is_v6_silent;
} says;
static int queries, dns_fd;
static struct event *dns_event;

static struct loop *loop;
static struct lookup *lookup;
static struct resolved got;
static const char *why;
static bool has_come;

static size_t add_record(unsigned char *out, bool is_a)
{
    static const unsigned char a[] = "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0";
    static const unsigned char aaaa[] =
        "\xc0\x0c\0\x1c\0\1\0\0\0\1\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    size_t n = is_a ? sizeof(a) - 1 : sizeof(aaaa) - 1;
    memcpy(out, is_a ? a : aaaa, n);
    out[9] = says.ttl_s; /* its last byte */
    out[n] = is_a ? says.v4_last : says.v6_last;
    return n + 1;
}

static void on_query(evutil_socket_t fd, short what, void *ctx)
{
    unsigned char q[512];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof(from);
    ssize_t n = recvfrom(fd, q, 256, 0, (struct sockaddr *)&from, &from_bytes);
    (void)what;
    (void)ctx;
    queries++;
    if (n < 17 || says.is_silent)
        return;
    bool is_a = q[n - 3] == 1;
    if (!is_a && says.is_v6_silent)
        return;
    bool has_one = !says.is_missing && (is_a ? says.v4_last : says.v6_last) != 0;
    q[2] |= 0x80;
    q[3] = says.is_missing ? 3 : 0;
    q[7] = has_one;
    q[11] = 0;
    if (has_one)
        n += (ssize_t)add_record(q + n, is_a);
    sendto(fd, q, (size_t)n, 0, (struct sockaddr *)&from, from_bytes);
}

static int begin(void **state)
{
    struct addr a;
    socklen_t n = sizeof(a.v4);
    char where[ADDR_TEXT_ROOM];
    (void)state;
    loop = loop_create();
    dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(addr_parse(SPAN("127.0.0.1:0"), -1, &a), 0);
    assert_int_equal(bind(dns_fd, &a.any, addr_bytes(&a)), 0);
    assert_int_equal(getsockname(dns_fd, &a.any, &n), 0);
    addr_text(&a, where);
    dns_event = event_new(loop_base(loop), dns_fd, EV_READ | EV_PERSIST, on_query, NULL);
    event_add(dns_event, NULL);
    struct evdns_base *dns = loop_dns(loop);
    evdns_base_clear_nameservers_and_suspend(dns);
    evdns_base_search_clear(dns);
    assert_int_equal(evdns_base_nameserver_ip_add(dns, where), 0);
    evdns_base_set_option(dns, "randomize-case", "0");
    evdns_base_set_option(dns, "timeout", "60"); /* it asks once, however long it has to wait */
    evdns_base_resume(dns);
    memset(&says, 0, sizeof(says));
    says.v4_last = 1;
    says.ttl_s = 1;
    queries = 0;
    lookup = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    resolve_cancel(&lookup);
    event_free(dns_event);
    close(dns_fd);
    loop_destroy(&loop);
    return 0;
}

static void on_resolved(void *ctx, const struct resolved *r, const char *text)
{
    (void)ctx;
    lookup = NULL;
    has_come = true;
    why = text;
    got.count = 0;
    if (r != NULL)
        got = *r;
    loop_stop(loop);
}

/* Asks for the name, and waits for the answer. True: it was known already. */
static bool ask_for(const char *name)
{
    has_come = false;
    why = NULL;
    lookup = resolve_start(loop, name, &got, on_resolved, NULL);
    bool was_known = lookup == NULL;
    if (!was_known)
        run_for(loop, LONG_MS);
    assert_true(was_known || has_come);
    return was_known;
}

static bool ask(void)
{
    return ask_for("a.example");
}

/* Asks until the first address is this one: who waited through a pause of the machine has been told
 * the old one, and what was learnt in time may be old again. */
static bool asked_is_at(const char *text)
{
    char shown[ADDR_TEXT_ROOM] = "";
    (void)ask();
    if (got.count > 0)
        addr_ip_text(&got.v[0], shown);
    return strcmp(shown, text) == 0;
}

static void is_at(int place, const char *text)
{
    char shown[ADDR_TEXT_ROOM];
    assert_true(place < got.count);
    addr_ip_text(&got.v[place], shown);
    assert_string_equal(shown, text);
}

static void both_families_are_asked_and_ipv6_is_first(void **state)
{
    (void)state;
    says.v6_last = 2;
    says.ttl_s = 60;
    assert_false(ask());
    assert_int_equal(got.count, 2);
    is_at(0, "::2");
    is_at(1, "127.0.0.1");
    assert_true(ask());
    assert_int_equal(queries, 2);
}

static void what_connected_comes_first_also_after_the_next_answer(void **state)
{
    struct addr good;
    (void)state;
    says.v6_last = 2;
    ask();
    good = got.v[1];
    resolve_prefer(loop, "a.example", &good);
    ask();
    is_at(0, "127.0.0.1");
    int before = queries;
    RUN_UNTIL(loop, (ask(), queries > before));
    run_for(loop, 20);
    ask();
    is_at(0, "127.0.0.1");
}

static void one_family_does_not_wait_long_for_the_other(void **state)
{
    (void)state;
    says.is_v6_silent = true;
    msec_t took = LONG_MS;
    for (int tries = 0; tries < 50 && took > 800; tries++) { /* not always is a machine busy */
        char name[32];
        snprintf(name, sizeof(name), "a%d.example", tries);
        msec_t began = clock_mono_ms();
        assert_false(ask_for(name));
        took = clock_mono_ms() - began;
        is_at(0, "127.0.0.1");
    }
    assert_in_range(took, 40, 800);
}

static void after_its_ttl_a_name_has_its_new_address(void **state)
{
    struct addr old;
    (void)state;
    ask();
    old = got.v[0];
    assert_true(resolve_has(loop, "a.example", &old));
    says.v4_last = 9;
    run_for(loop, 1100);
    RUN_UNTIL(loop, asked_is_at("127.0.0.9"));
    RUN_UNTIL(loop, !resolve_has(loop, "a.example", &old));
    assert_true(resolve_has(loop, "a.example", &got.v[0]));
    assert_true(resolve_has(loop, "unknown.example", &old));
}

static void connections_alone_make_it_look_anew(void **state)
{
    struct addr old;
    (void)state;
    ask();
    old = got.v[0];
    says.v4_last = 9;
    run_for(loop, 1100);
    assert_true(resolve_has(loop, "a.example", &old)); /* not known better yet */
    RUN_UNTIL(loop, !resolve_has(loop, "a.example", &old));
}

/* False: the machine paused, and its time was over before the test looked. */
static bool is_renewed(const char *name)
{
    int before = queries;
    assert_false(ask_for(name));
    msec_t began = clock_mono_ms();
    int asked = queries - before;
    run_for(loop, 3300); /* in its last fifth */
    bool was_known = ask_for(name);
    if (clock_mono_ms() - began >= 3900)
        return false;
    assert_true(was_known);
    RUN_UNTIL(loop, queries == before + 2 * asked);
    run_for(loop, 800); /* the first answer has ended */
    was_known = ask_for(name);
    if (clock_mono_ms() - began >= 7000)
        return false;
    assert_true(was_known);
    return true;
}

static void a_name_in_use_is_renewed_before_its_time_is_over(void **state)
{
    char name[32];
    int tries = 0;
    (void)state;
    says.ttl_s = 4;
    do
        snprintf(name, sizeof(name), "a%d.example", tries);
    while (!is_renewed(name) && ++tries < 10);
    assert_true(tries < 10);
}

static void a_silent_server_leaves_the_old_address_in_use(void **state)
{
    (void)state;
    ask();
    says.is_silent = true;
    run_for(loop, 1100);
    msec_t began = clock_mono_ms();
    assert_false(ask());
    assert_in_range(clock_mono_ms() - began, 900, LONG_MS);
    is_at(0, "127.0.0.1");
    bool was_known = ask(); /* and who comes next does not wait at all */
    assert_true(was_known || clock_mono_ms() - began > 5000);
}

static void that_a_name_is_gone_is_believed(void **state)
{
    (void)state;
    ask();
    says.is_missing = true;
    run_for(loop, 1100);
    RUN_UNTIL(loop, (ask(), got.count == 0));
    assert_string_equal(why, "no such name");
    says.is_missing = false;
    assert_false(ask());
    is_at(0, "127.0.0.1");
}

static void many_wait_for_one_question_and_may_leave(void **state)
{
    struct resolved known;
    struct lookup *others[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        others[i] = resolve_start(loop, "a.example", &known, on_resolved, NULL);
    for (int i = 0; i < 3; i++)
        resolve_cancel(&others[i]);
    assert_false(ask());
    assert_int_equal(queries, 2);
}

static void a_loop_may_end_while_it_asks(void **state)
{
    struct resolved known;
    (void)state;
    says.is_silent = true;
    lookup = resolve_start(loop, "a.example", &known, on_resolved, NULL);
    run_for(loop, 20);
}

static void hosts_are_read(void **state)
{
    char file[] = "/tmp/byeori-hosts-XXXXXX";
    static const char text[] =
        "# names\n127.0.0.1\tlocalhost\n10.0.0.1 a.example A  b.example # c\n"
        "::5 b.example\nnonsense x.example\n10.0.0.2 b.example\n";
    int fd = mkstemp(file);
    (void)state;
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    assert_true(resolve_hosts(file, SPAN("B.example"), &got));
    assert_int_equal(got.count, 3);
    is_at(0, "10.0.0.1");
    is_at(1, "::5");
    is_at(2, "10.0.0.2");
    assert_false(resolve_hosts(file, SPAN("c"), &got));
    assert_false(resolve_hosts(file, SPAN("x.example"), &got));
    assert_false(resolve_hosts("/nonexistent", SPAN("a"), &got));
    close(fd);
    unlink(file);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(both_families_are_asked_and_ipv6_is_first),
        T(what_connected_comes_first_also_after_the_next_answer),
        T(one_family_does_not_wait_long_for_the_other),
        T(after_its_ttl_a_name_has_its_new_address),
        T(connections_alone_make_it_look_anew),
        T(a_name_in_use_is_renewed_before_its_time_is_over),
        T(a_silent_server_leaves_the_old_address_in_use),
        T(that_a_name_is_gone_is_believed),
        T(many_wait_for_one_question_and_may_leave),
        T(a_loop_may_end_while_it_asks),
        T(hosts_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
