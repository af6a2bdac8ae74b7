/* SPDX-License-Identifier: MIT */
#include "lib/net/udp.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define QUESTIONS   100   /* several batches */
#define PATIENCE_MS 60000 /* for what comes in any case */

static struct loop *loop;
static struct udp *udp;
static struct addr addr;
static struct timer stop_timer;
static counter_t dropped;
static int asked, asked_at_most;
static int refusals; /* of the system, to watch a descriptor: so many to come */

/* In place of the system's, for libevent too. */
int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *);
    *(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
    if (what == EPOLL_CTL_ADD && refusals > 0) {
        refusals--;
        errno = ENOSPC;
        return -1;
    }
    return real(epoll, what, fd, event);
}

/* "no" is not answered; anything else comes back with its length before it. */
static void on_questions(void *ctx, struct udp_question *v, size_t count)
{
    assert_ptr_equal(ctx, &udp);
    assert_in_range(count, 1, UDP_BATCH);
    for (struct udp_question *q = v; q < v + count; q++) {
        assert_int_equal(q->peer->any.sa_family, addr.any.sa_family);
        assert_int_equal(q->answer_bytes, 0);
        if (++asked == asked_at_most)
            loop_stop(loop);
        if (span_eq(q->bytes, SPAN("no")))
            continue;
        q->answer[0] = (uint8_t)q->bytes.n;
        memcpy(q->answer + 1, q->bytes.p, q->bytes.n);
        q->answer_bytes = q->bytes.n + 1;
    }
}

static void on_stop(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static void start_at(const char *text)
{
    int fd = -1;
    loop = loop_create();
    assert_non_null(loop);
    assert_int_equal(addr_parse(span_of(text), -1, &addr), 0);
    assert_int_equal(udp_bind(&addr, true, &fd), 0);
    assert_true(addr_port(&addr) > 0);
    asked = asked_at_most = 0;
    atomic_store(&dropped, 0);
    udp = udp_start(loop, &(struct udp_spec){fd, on_questions, &udp, &dropped});
    timer_init(&stop_timer, loop, on_stop);
}

static void run(void)
{
    timer_set(&stop_timer, 50);
    loop_run(loop);
}

static void stop(void)
{
    timer_finish(&stop_timer);
    udp_stop(&udp);
    assert_null(udp);
    loop_destroy(&loop);
}

static int client_to(const char *ip)
{
    struct addr to;
    assert_int_equal(addr_parse_ip(span_of(ip), &to), 0);
    addr_set_port(&to, addr_port(&addr));
    int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, &to.any, addr_bytes(&to)), 0);
    return fd;
}

static void each_question_of_a_flood_is_answered(void **state)
{
    (void)state;
    start_at("127.0.0.1:0");
    int fd = client_to("127.0.0.1");
    for (uint8_t i = 0; i < QUESTIONS; i++)
        assert_int_equal(send(fd, &i, 1, 0), 1);
    run();
    for (uint8_t i = 0; i < QUESTIONS; i++) {
        uint8_t got[8];
        assert_int_equal(recv(fd, got, sizeof got, 0), 2);
        assert_int_equal(got[0], 1);
        assert_int_equal(got[1], i);
    }
    assert_int_equal(atomic_load(&dropped), 0);
    close(fd);
    stop();
}

/* All descriptors of the system may be watched at once by others: until there is room again, it is
 * looked after in each turn of the loop. */
static void a_socket_that_cannot_be_watched_is_served_all_the_same(void **state)
{
    (void)state;
    start_at("127.0.0.1:0");
    int fd = client_to("127.0.0.1");
    refusals = 3;
    asked_at_most = 2 * QUESTIONS;
    for (int i = 0; i < asked_at_most; i++)
        assert_int_equal(send(fd, "no", 2, 0), 2);
    timer_set(&stop_timer, PATIENCE_MS);
    loop_run(loop);
    assert_int_equal(asked, 2 * QUESTIONS);
    asked_at_most++;
    assert_int_equal(send(fd, "no", 2, 0), 2);
    loop_run(loop);
    assert_int_equal(asked, 2 * QUESTIONS + 1);
    refusals = 0;
    close(fd);
    stop();
}

/* The clients' sockets are connected: an answer from another address would not reach them. */
static void an_answer_leaves_from_the_address_that_was_asked(void **state)
{
    static const struct {
        const char *bound, *asked_at;
    } rows[] = {{"0.0.0.0:0", "127.9.8.7"}, {"0.0.0.0:0", "127.0.0.1"}, {"[::]:0", "::1"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[8];
        start_at(rows[i].bound);
        int fd = client_to(rows[i].asked_at);
        assert_int_equal(send(fd, "abc", 3, 0), 3);
        run();
        assert_int_equal(recv(fd, got, sizeof got, 0), 4);
        close(fd);
        stop();
    }
}

static void what_is_too_long_is_dropped_and_silence_is_an_answer(void **state)
{
    (void)state;
    char big[UDP_QUESTION_BYTES + 1] = {0}, got[8];
    start_at("127.0.0.1:0");
    int fd = client_to("127.0.0.1");
    assert_int_equal(send(fd, big, sizeof big, 0), sizeof big);
    assert_int_equal(send(fd, "no", 2, 0), 2);
    assert_int_equal(send(fd, "", 0, 0), 0);
    run();
    assert_int_equal(recv(fd, got, sizeof got, 0), 1); /* to the empty one */
    assert_int_equal(recv(fd, got, sizeof got, 0), -1);
    assert_int_equal(asked, 2);
    assert_int_equal(atomic_load(&dropped), 1);
    close(fd);
    stop();
}

static void a_port_that_is_taken_is_said_and_a_second_worker_may_share_it(void **state)
{
    (void)state;
    int fd = -1;
    start_at("127.0.0.1:0");
    assert_int_equal(udp_bind(&addr, true, &fd), -EADDRINUSE);
    assert_int_equal(udp_bind(&addr, false, &fd), 0);
    close(fd);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_question_of_a_flood_is_answered),
        cmocka_unit_test(a_socket_that_cannot_be_watched_is_served_all_the_same),
        cmocka_unit_test(an_answer_leaves_from_the_address_that_was_asked),
        cmocka_unit_test(what_is_too_long_is_dropped_and_silence_is_an_answer),
        cmocka_unit_test(a_port_that_is_taken_is_said_and_a_second_worker_may_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
