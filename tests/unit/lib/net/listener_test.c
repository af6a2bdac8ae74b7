/* SPDX-License-Identifier: MIT */
#include "lib/net/listener.h"
#include "tests/unit/lib/net/run_for.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct loop *loop;
static struct listener *listener;
static struct addr addr;
static int accepted[300], accepted_count, stop_at;

static void on_accept(void *ctx, int fd, const struct addr *peer)
{
    int is_nodelay = 0;
    socklen_t n = sizeof(is_nodelay);
    assert_ptr_equal(ctx, &listener);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_nodelay, &n), 0);
    assert_true(is_nodelay);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(addr_port(peer) > 0);
    accepted[accepted_count++] = fd;
    if (accepted_count == stop_at)
        listener_stop(&listener);
}

static int begin(void **state)
{
    int fd = -1;
    (void)state;
    accepted_count = stop_at = 0;
    loop = loop_create();
    if (loop == NULL || addr_parse(SPAN("127.0.0.1:0"), -1, &addr) != 0 ||
        listener_bind(&addr, true, &fd) != 0)
        return -1;
    listener = listener_start(loop, fd, on_accept, &listener);
    return 0;
}

static int end(void **state)
{
    (void)state;
    listener_stop(&listener);
    for (int i = 0; i < accepted_count; i++)
        close(accepted[i]);
    loop_destroy(&loop);
    return 0;
}

static int call(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &addr.any, addr_bytes(&addr)), 0);
    return fd;
}

static void run_until_accepted(int count)
{
    for (int turns = 0; turns < 6000 && accepted_count < count; turns++)
        run_for(loop, 5);
    assert_int_equal(accepted_count, count);
}

static void callers_are_accepted(void **state)
{
    int fds[200];
    (void)state;
    for (int i = 0; i < 200; i++)
        fds[i] = call();
    run_until_accepted(200);
    for (int i = 0; i < 200; i++)
        close(fds[i]);
}

static void stop_accepts_what_waits_and_then_nobody_listens(void **state)
{
    int fds[5];
    (void)state;
    for (int i = 0; i < 5; i++)
        fds[i] = call();
    listener_stop(&listener);
    assert_null(listener);
    assert_int_equal(accepted_count, 5);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &addr.any, addr_bytes(&addr)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void stop_from_inside_its_own_callback_is_safe(void **state)
{
    int fds[5];
    (void)state;
    stop_at = 2;
    for (int i = 0; i < 5; i++)
        fds[i] = call();
    run_until_accepted(5);
    assert_null(listener);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}

static void several_of_a_group_share_a_port(void **state)
{
    int fd = -1;
    struct addr same = addr;
    (void)state;
    assert_int_equal(listener_bind(&same, false, &fd), 0);
    assert_int_equal(addr_port(&same), addr_port(&addr));
    close(fd);
}

static void a_port_that_another_program_holds_is_said(void **state)
{
    int fd = -1;
    struct addr same = addr;
    (void)state;
    /* Ours has SO_REUSEPORT: only the probe tells. */
    assert_int_equal(listener_bind(&same, true, &fd), -EADDRINUSE);
    assert_int_equal(fd, -1);
}

static void an_address_of_no_interface_is_said(void **state)
{
    int fd = -1;
    struct addr elsewhere;
    (void)state;
    assert_int_equal(addr_parse(SPAN("192.0.2.1:0"), -1, &elsewhere), 0);
    assert_int_equal(listener_bind(&elsewhere, true, &fd), -EADDRNOTAVAIL);
}

static void without_descriptors_accepting_pauses_and_goes_on_later(void **state)
{
    struct rlimit before, tight;
    int fd = call();
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next_free = dup(fd);
    close(next_free);
    tight = (struct rlimit){.rlim_cur = (rlim_t)next_free, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    run_for(loop, 50);
    assert_int_equal(accepted_count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    run_until_accepted(1);
    close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(callers_are_accepted),
        T(stop_accepts_what_waits_and_then_nobody_listens),
        T(stop_from_inside_its_own_callback_is_safe),
        T(several_of_a_group_share_a_port),
        T(a_port_that_another_program_holds_is_said),
        T(an_address_of_no_interface_is_said),
        T(without_descriptors_accepting_pauses_and_goes_on_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
