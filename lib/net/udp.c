/* SPDX-License-Identifier: MIT
 * Datagrams in batches. Level-triggered: what one turn leaves in the socket comes back in the next,
 * after everything else of this loop had its turn. What the bytes mean is the caller's.
 *
 * While the kernel knows that a socket is watched, it tells the watcher of each datagram that has
 * left (there is room to write), whether he wants to know or not: a thirtieth of all that an answer
 * costs. So where there are more than a few to be answered, the socket is not watched meanwhile. */
#include "lib/net/udp.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/bind.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <unistd.h>

#define UDP_MAGIC     0x4d90c61bU
#define BATCHES       8 /* in one turn */
#define FEW           8 /* for less it is not worth two calls to have the socket not watched */
#define RECEIVE_BYTES (1 << 20)
#define CONTROL_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))

/* One question and its answer. The control bytes say to which address the question was sent. */
struct slot {
    struct iovec in_part, out_part;
    struct addr peer; /* as the kernel tells it: a socket is of one family only */
    _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
    uint8_t in[UDP_QUESTION_BYTES], out[UDP_ANSWER_BYTES];
};

struct udp {
    uint32_t magic;
    struct loop *loop;
    struct udp_spec spec;
    struct event event;
    struct loop_task unwatched; /* deferred while the socket cannot be watched: looks by itself */
    struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
    struct udp_question asked[UDP_BATCH]; /* those of the slots that are questions */
    uint8_t slot_of[UDP_BATCH];
    struct slot slots[UDP_BATCH];
};

/* ---- sockets ---- */

static bool is_wildcard(const struct addr *a)
{
    return a->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr)
                                        : a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

/* A wildcard address answers from whichever address it was asked at: the kernel tells which. */
static bool set_options(int fd, const struct addr *addr, bool is_shared)
{
    int on = 1, room = RECEIVE_BYTES;
    bool is_v6 = addr->any.sa_family == AF_INET6;
    if (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return false;
    if (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room); /* as much as the system gives */
    if (!is_wildcard(addr))
        return true;
    return is_v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0
                 : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
}

static int bound_socket(const struct addr *addr, bool is_shared)
{
    int fd = socket(addr->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (set_options(fd, addr, is_shared) && bind(fd, &addr->any, addr_bytes(addr)) == 0)
        return fd;
    int e = errno;
    close(fd);
    return -e;
}

int udp_bind(struct addr *addr, bool is_first, int *out_fd)
{
    int fd = bind_shared(addr, is_first, bound_socket);
    if (fd < 0)
        return fd;
    int e = bind_learn(fd, addr);
    if (e != 0) {
        close(fd);
        return e;
    }
    *out_fd = fd;
    return 0;
}

/* ---- batches ---- */

static void make_slots(struct udp *u)
{
    for (int i = 0; i < UDP_BATCH; i++) {
        struct slot *s = &u->slots[i];
        s->in_part = (struct iovec){s->in, sizeof s->in};
        s->out_part = (struct iovec){.iov_base = s->out};
        u->in[i].msg_hdr = (struct msghdr){.msg_name = &s->peer,
                                           .msg_namelen = sizeof s->peer,
                                           .msg_iov = &s->in_part,
                                           .msg_iovlen = 1,
                                           .msg_control = s->control,
                                           .msg_controllen = sizeof s->control};
    }
}

/* The first `count`, whose lengths the kernel has written. */
static void make_ready(struct udp *u, int count)
{
    for (int i = 0; i < count; i++) {
        u->in[i].msg_hdr.msg_namelen = sizeof u->slots[i].peer;
        u->in[i].msg_hdr.msg_controllen = sizeof u->slots[i].control;
    }
}

/* The answer leaves from the address that was asked; by which interface is the routing's matter. */
static void answer_from_there(struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (c == NULL || c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
        return;
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    info.ipi_spec_dst = info.ipi_addr;
    info.ipi_ifindex = 0;
    memcpy(CMSG_DATA(c), &info, sizeof info);
}

/* Of n datagrams. Returns how many of them are questions. */
static size_t gather(struct udp *u, int n)
{
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        struct slot *s = &u->slots[i];
        if ((u->in[i].msg_hdr.msg_flags & MSG_TRUNC) != 0 || addr_port(&s->peer) == 0) {
            counter_add(u->spec.dropped, 1);
            continue;
        }
        u->slot_of[count] = (uint8_t)i;
        u->asked[count++] = (struct udp_question){
            .peer = &s->peer, .bytes = span_make(s->in, u->in[i].msg_len), .answer = s->out};
    }
    return count;
}

static unsigned collect(struct udp *u, size_t count)
{
    unsigned answers = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = u->asked[i].answer_bytes, at = u->slot_of[i];
        if (n == 0)
            continue;
        CHECK(n <= UDP_ANSWER_BYTES);
        struct msghdr *m = &u->out[answers++].msg_hdr;
        *m = u->in[at].msg_hdr;
        m->msg_iov = &u->slots[at].out_part;
        m->msg_iov->iov_len = n;
        m->msg_flags = 0;
        answer_from_there(m);
    }
    return answers;
}

/* An answer that the kernel refuses (no route, a filter) must not hold up those behind it. */
static void send_all(struct udp *u, unsigned count)
{
    for (unsigned sent = 0; sent < count;) {
        int n = sendmmsg(u->spec.fd, &u->out[sent], count - sent, MSG_DONTWAIT);
        if (n > 0) {
            sent += (unsigned)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        bool is_full = errno == EAGAIN || errno == ENOBUFS;
        counter_add(u->spec.dropped, is_full ? count - sent : 1);
        sent = is_full ? count : sent + 1;
    }
}

static int receive(struct udp *u)
{
    return recvmmsg(u->spec.fd, u->in, UDP_BATCH, MSG_DONTWAIT, NULL);
}

static void answer(struct udp *u, int n)
{
    size_t count = gather(u, n);
    if (count > 0)
        u->spec.on_questions(u->spec.ctx, u->asked, count);
    send_all(u, collect(u, count));
    make_ready(u, n);
}

/* The first n were received. While a batch is full the socket may hold more. */
static void run_unwatched(struct udp *u, int n)
{
    answer(u, n);
    for (int i = 1; i < BATCHES && n == UDP_BATCH; i++) {
        n = receive(u);
        answer(u, n);
    }
    if (event_add(&u->event, NULL) == 0)
        return;
    LOG_WARN_LIMITED("udp-unwatched", "error=\"%s\"", strerror(errno));
    loop_defer(u->loop, &u->unwatched);
}

static void on_unwatched(struct loop_task *t)
{
    struct udp *u = CONTAINER_OF(t, struct udp, unwatched);
    run_unwatched(u, receive(u));
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct udp *u = ctx;
    (void)fd;
    (void)what;
    CHECK_OBJ(u, UDP_MAGIC);
    int n = receive(u);
    if (n <= FEW) {
        answer(u, n);
        return;
    }
    event_del(&u->event);
    run_unwatched(u, n);
}

struct udp *udp_start(struct loop *l, const struct udp_spec *spec)
{
    struct udp *u = mem_zalloc(sizeof *u);
    u->magic = UDP_MAGIC;
    u->loop = l;
    u->spec = *spec;
    loop_task_init(&u->unwatched, on_unwatched);
    make_slots(u);
    CHECK(event_assign(&u->event, loop_base(l), spec->fd, EV_READ | EV_PERSIST, on_readable, u) ==
          0);
    CHECK(event_add(&u->event, NULL) == 0);
    return u;
}

void udp_stop(struct udp **pu)
{
    struct udp *u = *pu;
    *pu = NULL;
    if (u == NULL)
        return;
    CHECK_OBJ(u, UDP_MAGIC);
    loop_undefer(&u->unwatched);
    event_del(&u->event);
    close(u->spec.fd);
    u->magic = 0;
    mem_free(u);
}
