/* SPDX-License-Identifier: MIT
 * Listening sockets and what is accepted from them. Level-triggered, so that what one turn leaves
 * in the queue comes back in the next. listener_bind: main thread at start; the rest on the
 * loop's. */
#include "lib/net/listener.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/bind.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#define LISTENER_MAGIC 0x115e4e72U
#define BACKLOG        4096 /* the system's somaxconn is the other bound */
#define PER_TURN       64
#define PAUSE_MS       100

struct listener {
    uint32_t magic;
    int fd;
    bool is_in_callback, is_stopped;
    struct loop *loop;
    listener_fn on_accept;
    void *ctx;
    struct event event;
    struct timer pause;
};

/* A bound socket or -errno. */
static int bound_socket(const struct addr *addr, bool is_shared)
{
    int on = 1;
    int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    bool is_set = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
    if (is_shared)
        is_set = is_set && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    if (addr->any.sa_family == AF_INET6)
        is_set = is_set && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0;
    if (is_set && bind(fd, &addr->any, addr_bytes(addr)) == 0)
        return fd;
    int e = errno;
    close(fd);
    return -e;
}

/* TCP_NODELAY is handed down to what is accepted. */
static int make_listen(int fd)
{
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 || listen(fd, BACKLOG) != 0)
        return -errno;
    return 0;
}

int listener_bind(struct addr *addr, bool is_first, int *out_fd)
{
    int fd = bind_shared(addr, is_first, bound_socket);
    if (fd < 0)
        return fd;
    int e = make_listen(fd);
    if (e == 0)
        e = bind_learn(fd, addr);
    if (e != 0) {
        close(fd);
        return e;
    }
    *out_fd = fd;
    return 0;
}

static void on_pause_end(struct timer *t)
{
    struct listener *ls = CONTAINER_OF(t, struct listener, pause);
    event_add(&ls->event, NULL);
}

/* No descriptor or memory left: the connection stays in the queue, and so would the event. */
static void take_a_pause(struct listener *ls, int errnum)
{
    LOG_WARN_LIMITED("accept-paused", "error=\"%s\" pause_ms=%d", strerrordesc_np(errnum),
                     PAUSE_MS);
    event_del(&ls->event);
    timer_set(&ls->pause, PAUSE_MS);
}

/* An accept that finds nobody has made a socket and a file by then, and takes them back: ten times
 * the price of this question. */
static bool has_waiting(const struct listener *ls)
{
    struct pollfd p = {.fd = ls->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* False: the queue is empty, or cannot be served now. */
static bool accept_one(struct listener *ls)
{
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } u;
    socklen_t n = sizeof(u);
    struct addr peer;
    int fd = accept4(ls->fd, &u.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        addr_from_sockaddr(&peer, &u.any);
        ls->on_accept(ls->ctx, fd, &peer);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        take_a_pause(ls, errno);
        return false;
    default: /* that connection is gone (ECONNABORTED and its kin), the next may be well */
        return true;
    }
}

static void destroy(struct listener *ls)
{
    event_del(&ls->event);
    timer_finish(&ls->pause);
    close(ls->fd);
    ls->magic = 0;
    mem_free(ls);
}

static void accept_up_to(struct listener *ls, int bound)
{
    ls->is_in_callback = true;
    while (bound-- > 0 && !ls->is_stopped && accept_one(ls) && has_waiting(ls))
        continue;
    ls->is_in_callback = false;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct listener *ls = ctx;
    (void)fd;
    (void)what;
    CHECK_OBJ(ls, LISTENER_MAGIC);
    accept_up_to(ls, PER_TURN);
    if (ls->is_stopped)
        destroy(ls);
}

struct listener *listener_start(struct loop *l, int fd, listener_fn on_accept, void *ctx)
{
    struct listener *ls = mem_zalloc(sizeof(*ls));
    ls->magic = LISTENER_MAGIC;
    ls->fd = fd;
    ls->loop = l;
    ls->on_accept = on_accept;
    ls->ctx = ctx;
    timer_init(&ls->pause, l, on_pause_end);
    CHECK(event_assign(&ls->event, loop_base(l), fd, EV_READ | EV_PERSIST, on_readable, ls) == 0);
    CHECK(event_add(&ls->event, NULL) == 0);
    return ls;
}

void listener_stop(struct listener **pls)
{
    struct listener *ls = *pls;
    *pls = NULL;
    if (ls == NULL)
        return;
    CHECK_OBJ(ls, LISTENER_MAGIC);
    bool is_inside = ls->is_in_callback;
    accept_up_to(ls, BACKLOG);
    ls->is_stopped = true;
    if (!is_inside) /* else by the callback that we are in, once it is back in this file */
        destroy(ls);
}
