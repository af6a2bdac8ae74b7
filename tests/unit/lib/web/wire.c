/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/web/wire.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static void on_done(void *owner, struct exchange *x, int err)
{
    struct wire *w = owner;
    if (w->x == x)
        w->x = NULL;
    w->dones++;
    w->last_err = err;
    w->last_status = x->status;
    w->bytes_out += x->head_bytes_out + x->body_bytes_out;
}

static const struct exchange_events events = {on_done};

static void on_request(void *app, struct exchange *x)
{
    struct wire *w = app;
    x->events = &events;
    x->owner = w;
    w->x = x;
    w->requests++;
    w->on_request(w, x);
}

struct server_config wire_config(void)
{
    struct server_config c = server_config_default;
    c.head_ms = c.idle_ms = c.stall_ms = 60000;
    c.server_name = "t";
    return c;
}

int wire_listen(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct addr a;
    socklen_t n = sizeof(a.v4);
    assert_int_equal(addr_parse(SPAN("127.0.0.1:0"), -1, &a), 0);
    assert_int_equal(bind(fd, &a.any, n), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, &a.any, &n), 0);
    *port = addr_port(&a);
    return fd;
}

int wire_dial(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct addr a;
    assert_int_equal(addr_parse(SPAN("127.0.0.1"), port, &a), 0);
    assert_int_equal(connect(fd, &a.any, addr_bytes(&a)), 0);
    return fd;
}

void wire_connect(struct wire *w)
{
    int port, listening = wire_listen(&port);
    struct addr peer;
    if (w->fd >= 0)
        close(w->fd);
    w->fd = wire_dial(port);
    w->has_ended = w->was_reset = false;
    wire_forget(w);
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(addr_parse(SPAN("127.0.0.1:1"), -1, &peer), 0);
    server_accept(w->server, fd, &peer, NULL, w);
    close(listening);
}

void wire_open(struct wire *w, const struct server_config *config,
               void (*answer)(struct wire *w, struct exchange *x))
{
    memset(w, 0, sizeof *w);
    struct server_config usual = wire_config();
    w->fd = -1;
    w->on_request = answer;
    w->loop = loop_create();
    w->server = server_create(w->loop, config != NULL ? config : &usual, on_request, w);
    wire_connect(w);
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    server_destroy(&w->server);
    assert_int_equal(w->dones, w->requests);
    loop_destroy(&w->loop);
}

static void read_some(struct wire *w)
{
    while (w->fd >= 0 && !w->has_ended && w->got_n < WIRE_ROOM - 1) {
        ssize_t n = recv(w->fd, w->got + w->got_n, WIRE_ROOM - 1 - w->got_n, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        w->has_ended = n <= 0;
        w->was_reset = n < 0;
        if (n > 0) {
            w->got_n += (size_t)n;
            w->got_total += (uint64_t)n;
            w->got[w->got_n] = '\0';
        }
    }
}

struct stop_task {
    struct loop_task task;
    struct loop *loop;
};

static void stop(struct loop_task *t)
{
    loop_stop(CONTAINER_OF(t, struct stop_task, task)->loop);
}

void wire_turn(struct wire *w)
{
    struct stop_task s = {.loop = w->loop};
    loop_task_init(&s.task, stop);
    loop_defer(w->loop, &s.task);
    loop_run(w->loop);
    read_some(w);
}

static void pause_briefly(struct wire *w)
{
    struct pollfd p = {.fd = w->has_ended ? -1 : w->fd, .events = POLLIN};
    poll(&p, 1, 1);
}

#define UNTIL(w, condition, what)                                                                  \
    do {                                                                                           \
        msec_t end_ = clock_mono_ms() + PATIENCE_MS;                                               \
        wire_turn(w);                                                                              \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > end_)                                                            \
                fail_msg("no %s; got: %.2000s", what, (w)->got);                                   \
            pause_briefly(w);                                                                      \
            wire_turn(w);                                                                          \
        }                                                                                          \
    } while (0)

void wire_until_got(struct wire *w, const char *text)
{
    UNTIL(w, strstr(w->got, text) != NULL, text);
}

void wire_until_ended(struct wire *w)
{
    UNTIL(w, w->has_ended, "end");
}

void wire_until_done(struct wire *w, int dones)
{
    UNTIL(w, w->dones >= dones, "on_done");
}

void wire_for_ms(struct wire *w, int ms)
{
    msec_t end = clock_mono_ms() + ms;
    while (clock_mono_ms() < end) {
        wire_turn(w);
        pause_briefly(w);
    }
}

void wire_send(struct wire *w, struct span bytes)
{
    msec_t end = clock_mono_ms() + PATIENCE_MS;
    while (bytes.n > 0) {
        ssize_t n = send(w->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* the server went away: the test looks at what it got */
        if (n > 0)
            bytes = span_skip(bytes, (size_t)n);
        if (clock_mono_ms() > end)
            fail_msg("the server takes no more; got: %.2000s", w->got);
        wire_turn(w);
    }
    wire_turn(w);
}

void wire_say(struct wire *w, const char *text)
{
    wire_send(w, span_of(text));
}

void wire_reset(struct wire *w)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(w->fd);
    w->fd = -1;
}

void wire_end(struct wire *w)
{
    assert_int_equal(shutdown(w->fd, SHUT_WR), 0);
}

void wire_forget(struct wire *w)
{
    w->got_n = 0;
    w->got[0] = '\0';
}

int wire_count(const struct wire *w, const char *text)
{
    int n = 0;
    for (const char *at = w->got; (at = strstr(at, text)) != NULL; at += strlen(text))
        n++;
    return n;
}
