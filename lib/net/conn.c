/* SPDX-License-Identifier: MIT
 * Connections: the events of a socket turned into "may read, may write", and the plain stream. TLS
 * is conn_tls.c's, through the operations table. On the loop's thread.
 *
 * Edge-triggered with one registration for life. A read that gives less than there was room for has
 * emptied the socket, so no second read follows to hear EAGAIN: a small request costs one read, one
 * write and a share of epoll_wait. Two cases need more care, because no edge follows them:
 *
 *   - data and a FIN in one event: EV_CLOSED tells, and reading goes on to the end;
 *   - data and a RST in one event: libevent reports EPOLLERR as readable and writable, which looks
 *     like data. So a connection that stays silent for SECOND_LOOK_MS after such a short read is
 *     polled once. Busy connections never come to that. */
#include "lib/net/conn.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/conn_inner.h"
#include "lib/net/loop_part.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define SECOND_LOOK_MS   100
#define SENDFILE_MAX     ((size_t)1 << 20) /* one call: a fast reader must not hold the loop */
#define CONN_SIZE_WANTED 248               /* with malloc's own word four lines of the cache */
/* Pieces that are together no longer than this are copied into one: that costs less than what the
 * kernel does more for a vector. */
#define JOINED_MAX 2048

_Static_assert(sizeof(struct conn) <= CONN_SIZE_WANTED, "an idle connection must stay small");

/* What connections of a loop share. */
struct conn_part {
    struct loop_part part;
    struct deadlines second_looks;
};

static void part_finish(struct loop_part *p)
{
    struct conn_part *part = CONTAINER_OF(p, struct conn_part, part);
    deadlines_finish(&part->second_looks);
    mem_free(part);
}

/* Of a loop that has had a connection. */
static struct deadlines *second_looks_of(struct loop *l)
{
    return &CONTAINER_OF(*loop_part_at(l, LOOP_PART_CONN), struct conn_part, part)->second_looks;
}

/* The code for errnum; a broken stream is remembered. */
static int socket_error(struct conn *c, int errnum)
{
    switch (errnum) {
    case EAGAIN:
        return ERR_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENOTCONN:
        c->error = ERR_CLOSED;
        return ERR_CLOSED;
    default:
        return ERR_IO;
    }
}

/* Not moved with each read (deadlines.c says why), but when it is due. */
static void put_off_second_look(struct conn *c)
{
    if (deadline_is_started(&c->second_look))
        c->has_read_again = true;
    else
        deadline_start(second_looks_of(c->loop), &c->second_look);
}

ssize_t conn_socket_recv(struct conn *c, void *dst, size_t room)
{
    ssize_t n;
    if (!c->can_recv)
        return ERR_AGAIN;
    do {
        n = recv(c->fd, dst, room, 0);
    } while (n < 0 && errno == EINTR);
    if (n == 0 && room > 0)
        return c->error;
    if (n < 0) {
        int e = socket_error(c, errno);
        if (e == ERR_AGAIN) {
            c->can_recv = false;
            deadline_stop(&c->second_look);
        }
        return e;
    }
    if ((size_t)n < room && !c->has_peer_ended) {
        c->can_recv = false;
        put_off_second_look(c);
    }
    return n;
}

static ssize_t send_joined(const struct conn *c, const struct iovec *v, int count, int flags)
{
    char all[JOINED_MAX], *at = all;
    for (int i = 0; i < count; i++)
        at = mempcpy(at, v[i].iov_base, v[i].iov_len);
    return send(c->fd, all, (size_t)(at - all), flags);
}

static ssize_t send_pieces(const struct conn *c, const struct iovec *v, int count, int flags)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)count};
    return sendmsg(c->fd, &m, flags);
}

ssize_t conn_socket_sendv(struct conn *c, const struct iovec *v, int count, bool more)
{
    size_t all = 0;
    ssize_t n;
    if (!c->can_send)
        return ERR_AGAIN;
    for (int i = 0; i < count; i++)
        all += v[i].iov_len;
    int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    do {
        if (count == 1)
            n = send(c->fd, v->iov_base, all, flags);
        else
            n = all <= JOINED_MAX ? send_joined(c, v, count, flags)
                                  : send_pieces(c, v, count, flags);
    } while (n < 0 && errno == EINTR);
    int e = n < 0 ? socket_error(c, errno) : 0;
    if (e == ERR_AGAIN || (e == 0 && (size_t)n < all))
        c->can_send = false; /* full: the kernel has noted that somebody waits for room */
    return e != 0 ? e : n;
}

size_t conn_socket_room(const struct conn *c)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof(info);
    if (getsockopt(c->fd, SOL_SOCKET, SO_MEMINFO, info, &n) != 0)
        return 0;
    uint32_t most = info[SK_MEMINFO_SNDBUF], queued = info[SK_MEMINFO_WMEM_QUEUED];
    return most > queued ? most - queued : 0;
}

/* sendfile has no MSG_MORE; the cork is its equivalent. It is pulled at the first write that does
 * not announce more. */
static void set_cork(struct conn *c, bool is_corked)
{
    int on = is_corked;
    if (c->is_corked == is_corked)
        return;
    c->is_corked = is_corked;
    setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)); /* not TCP: nothing to hold back */
}

static ssize_t plain_read(struct conn *c, void *dst, size_t room)
{
    ssize_t n = conn_socket_recv(c, dst, room);
    c->may_read = c->can_recv;
    return n;
}

static ssize_t plain_writev(struct conn *c, const struct iovec *v, int count, bool more)
{
    ssize_t n = conn_socket_sendv(c, v, count, more);
    c->may_write = c->can_send;
    return n;
}

static int plain_end_write(struct conn *c)
{
    return shutdown(c->fd, SHUT_WR) == 0 ? 0 : socket_error(c, errno);
}

static unsigned plain_on_socket(struct conn *c, unsigned ready)
{
    c->may_read = c->can_recv;
    c->may_write = c->can_send;
    return ready;
}

static void plain_finish(struct conn *c, bool is_reset)
{
    (void)c;
    (void)is_reset;
}

static const struct conn_ops plain_ops = {
    .name = "plain",
    .read = plain_read,
    .writev = plain_writev,
    .end_write = plain_end_write,
    .on_socket = plain_on_socket,
    .finish = plain_finish,
};

void conn_tell(struct conn *c, unsigned ready)
{
    if (ready != 0 && c->events != NULL)
        c->events->on_ready(c->ctx, c, ready);
}

/* Last act of every event of the socket. */
static void tell(struct conn *c, unsigned socket_ready)
{
    conn_tell(c, c->ops->on_socket(c, socket_ready));
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
    struct conn *c = ctx;
    unsigned ready = 0;
    (void)fd;
    CHECK_OBJ(c, CONN_MAGIC);
    if (what & (EV_READ | EV_CLOSED)) {
        c->can_recv = true;
        ready |= CONN_READABLE;
    }
    if (what & EV_CLOSED)
        c->has_peer_ended = true;
    /* Each arrival of data says "writable" too; it is news only to whom a write was refused. */
    if ((what & EV_WRITE) && !c->can_send) {
        c->can_send = true;
        ready |= CONN_WRITABLE;
    }
    if (ready != 0)
        tell(c, ready);
}

static void on_second_look(struct deadline *d)
{
    struct conn *c = CONTAINER_OF(d, struct conn, second_look);
    struct pollfd p = {.fd = c->fd, .events = POLLIN | POLLRDHUP};
    if (c->has_read_again) {
        c->has_read_again = false;
        deadline_start(second_looks_of(c->loop), d);
        return;
    }
    if (c->can_recv || poll(&p, 1, 0) <= 0)
        return;
    c->can_recv = true;
    if (p.revents & (POLLERR | POLLHUP | POLLRDHUP))
        c->has_peer_ended = true;
    tell(c, CONN_READABLE);
}

static void make_part(struct loop *l)
{
    struct loop_part **at = loop_part_at(l, LOOP_PART_CONN);
    if (*at != NULL)
        return;
    struct conn_part *part = mem_zalloc(sizeof(*part));
    part->part.finish = part_finish;
    deadlines_init(&part->second_looks, l, SECOND_LOOK_MS, on_second_look);
    *at = &part->part;
}

void conn_init(struct conn *c, struct loop *l, int fd, const struct addr *peer)
{
    short what = EV_READ | EV_WRITE | EV_ET | EV_PERSIST;
    c->magic = CONN_MAGIC;
    c->fd = fd;
    c->loop = l;
    c->peer = *peer;
    make_part(l);
    deadline_init(&c->second_look);
    if (event_base_get_features(loop_base(l)) & EV_FEATURE_EARLY_CLOSE)
        what |= EV_CLOSED;
    CHECK(event_assign(&c->event, loop_base(l), fd, what, on_event, c) == 0);
    CHECK(event_add(&c->event, NULL) == 0);
}

struct conn *conn_create_plain(struct loop *l, int fd, const struct addr *peer)
{
    struct conn *c = mem_zalloc(sizeof(*c));
    c->ops = &plain_ops;
    conn_init(c, l, fd, peer);
    c->can_send = c->may_write = true; /* connected: there is room from the start */
    c->has_sendfile = true;
    return c;
}

void conn_set_events(struct conn *c, const struct conn_events *events, void *ctx)
{
    CHECK_OBJ(c, CONN_MAGIC);
    c->events = events;
    c->ctx = ctx;
}

static void finish(struct conn **pc, bool is_reset)
{
    struct conn *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    CHECK_OBJ(c, CONN_MAGIC);
    c->ops->finish(c, is_reset);
    if (is_reset) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    deadline_stop(&c->second_look);
    event_del(&c->event);
    close(c->fd);
    c->magic = 0;
    mem_free(c);
}

void conn_close(struct conn **c)
{
    finish(c, false);
}

void conn_close_reset(struct conn **c)
{
    finish(c, true);
}

ssize_t conn_read(struct conn *c, void *dst, size_t room)
{
    CHECK_OBJ(c, CONN_MAGIC);
    CHECK(room > 0);
    ssize_t n = c->ops->read(c, dst, room);
    if (n > 0)
        c->bytes_in += (uint64_t)n;
    return n;
}

ssize_t conn_writev(struct conn *c, const struct iovec *v, int count, bool more)
{
    CHECK_OBJ(c, CONN_MAGIC);
    CHECK(count <= CONN_MAX_PIECES);
    if (count == 0)
        return 0;
    ssize_t n = c->ops->writev(c, v, count, more);
    if (n > 0)
        c->bytes_out += (uint64_t)n;
    if (!more)
        set_cork(c, false);
    return n;
}

ssize_t conn_sendfile(struct conn *c, int fd, off_t from, size_t n, bool more)
{
    CHECK_OBJ(c, CONN_MAGIC);
    if (!c->has_sendfile)
        return ERR_UNSUPPORTED;
    if (!c->may_write)
        return ERR_AGAIN;
    if (more || n > SENDFILE_MAX)
        set_cork(c, true);
    ssize_t sent;
    do {
        sent = sendfile(c->fd, fd, &from, n < SENDFILE_MAX ? n : SENDFILE_MAX);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        int e = socket_error(c, errno);
        if (e == ERR_AGAIN)
            c->can_send = c->may_write = false;
        return e;
    }
    if (sent == 0 && n > 0)
        return ERR_TRUNCATED;
    c->bytes_out += (uint64_t)sent;
    if (!more && (size_t)sent == n)
        set_cork(c, false);
    return sent;
}

bool conn_has_sendfile(const struct conn *c)
{
    return c->has_sendfile;
}

int conn_end_write(struct conn *c)
{
    CHECK_OBJ(c, CONN_MAGIC);
    return c->ops->end_write(c);
}

bool conn_may_read(const struct conn *c)
{
    return c->may_read;
}

bool conn_may_write(const struct conn *c)
{
    return c->may_write;
}

const struct addr *conn_peer(const struct conn *c)
{
    return &c->peer;
}

int conn_fd(const struct conn *c)
{
    return c->fd;
}

struct loop *conn_loop(const struct conn *c)
{
    return c->loop;
}

uint64_t conn_bytes_in(const struct conn *c)
{
    return c->bytes_in;
}

uint64_t conn_bytes_out(const struct conn *c)
{
    return c->bytes_out;
}
