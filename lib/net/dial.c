/* SPDX-License-Identifier: MIT
 * Outgoing connections:
 *
 *   BEGINNING -> RESOLVING -> CONNECTING -> SHAKING -> (done is called, the dial is gone)
 *   BEGINNING   dial_start came back; the end of the turn goes on
 *   RESOLVING   evdns is asked; skipped for numbers and "localhost"
 *   CONNECTING  one address after the other, each with its share of the time that is left
 *   SHAKING     TLS handshake; skipped for plain
 *
 * A lookup is an object of its own that outlives a dial that was cancelled: evdns is never asked to
 * forget a query, only nobody listens to its answer any more. On the loop's thread. */
#include "lib/net/dial.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/tls_inner.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#define DIAL_MAGIC     0xd1a10c4aU
#define ADDRS_MAX      8
#define TEXT_MAX_BYTES 192
#define HOST_SHOWN     120 /* of a name in a text */

enum phase { BEGINNING, RESOLVING, CONNECTING, SHAKING };

struct lookup {
    struct dial *dial; /* NULL: cancelled */
};

struct dial {
    uint32_t magic;
    enum phase phase;
    struct loop *loop;
    char *host, *tls_name;
    struct tls_client *tls; /* NULL: plain */
    int port;
    msec_t timeout_ms, deadline;
    dial_fn done;
    void *ctx;
    struct loop_task begin;
    struct timer timer;
    struct lookup *lookup;
    struct addr addrs[ADDRS_MAX];
    int addr_count, addr_next;
    int fd; /* -1: none, or the conn's */
    struct event connected;
    struct conn *conn;
    int error; /* of the last address */
    char text[TEXT_MAX_BYTES];
};

/* Everything but the memory. */
static void take_apart(struct dial *d)
{
    loop_undefer(&d->begin);
    timer_finish(&d->timer);
    if (d->lookup != NULL)
        d->lookup->dial = NULL;
    if (d->fd >= 0) {
        event_del(&d->connected);
        close(d->fd);
    }
    conn_close(&d->conn);
    tls_client_unref(&d->tls);
    mem_free(d->host);
    mem_free(d->tls_name);
    d->magic = 0;
}

static void finish(struct dial *d, struct conn *c, int error)
{
    d->conn = NULL;
    if (c != NULL)
        conn_set_events(c, NULL, NULL);
    take_apart(d);
    d->done(d->ctx, c, error, d->text);
    mem_free(d);
}

static void fail(struct dial *d, int error)
{
    struct conn *failed = d->conn;
    d->conn = NULL;
    conn_close(&failed);
    finish(d, NULL, error);
}

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    struct dial *d = ctx;
    (void)ready;
    int e = conn_handshake_error(c);
    if (e != 0) {
        snprintf(d->text, sizeof(d->text), "TLS with %.*s: %s", HOST_SHOWN, d->tls_name,
                 conn_tls_error(c));
        fail(d, e);
    } else if (conn_is_ready(c)) {
        finish(d, c, 0);
    }
}

static void on_connection(struct dial *d)
{
    static const struct conn_events events = {.on_ready = on_ready};
    const struct addr *peer = &d->addrs[d->addr_next - 1];
    int fd = d->fd;
    event_del(&d->connected);
    d->fd = -1;
    if (d->tls == NULL) {
        finish(d, conn_create_plain(d->loop, fd, peer), 0);
        return;
    }
    d->phase = SHAKING;
    d->conn = conn_create_tls_client(d->loop, fd, peer, d->tls, d->tls_name);
    conn_set_events(d->conn, &events, d);
    timer_set(&d->timer, d->deadline - loop_now(d->loop));
}

/* What an address that failed leaves behind. */
static void note_failure(struct dial *d, int errnum)
{
    char where[ADDR_TEXT_ROOM];
    addr_text(&d->addrs[d->addr_next - 1], where);
    switch (errnum) {
    case ETIMEDOUT:
        d->error = ERR_TIMEOUT;
        break;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL: /* no port left on our side */
        d->error = ERR_IO;
        break;
    default:
        d->error = ERR_REFUSED;
    }
    snprintf(d->text, sizeof(d->text), "connect to %s: %s", where, strerrordesc_np(errnum));
}

static void on_connected(evutil_socket_t fd, short what, void *ctx);

/* Begins to connect to a; 0 or errno. */
static int begin_connect(struct dial *d, const struct addr *a)
{
    int on = 1;
    d->fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return errno;
    setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* speed only */
    CHECK(event_assign(&d->connected, loop_base(d->loop), d->fd, EV_WRITE, on_connected, d) == 0);
    if (connect(d->fd, &a->any, addr_bytes(a)) != 0 && errno != EINPROGRESS)
        return errno;
    CHECK(event_add(&d->connected, NULL) == 0);
    return 0;
}

static void drop_socket(struct dial *d)
{
    if (d->fd < 0)
        return;
    event_del(&d->connected);
    close(d->fd);
    d->fd = -1;
}

/* The next address, or the failure of the last. The time left is shared among those still to come,
 * so that one that swallows packets does not use up everybody's. */
static void connect_next(struct dial *d)
{
    d->phase = CONNECTING;
    while (d->addr_next < d->addr_count) {
        msec_t left = d->deadline - loop_now(d->loop);
        timer_set(&d->timer, left / (d->addr_count - d->addr_next));
        int e = begin_connect(d, &d->addrs[d->addr_next++]);
        if (e == 0)
            return;
        drop_socket(d);
        note_failure(d, e);
    }
    fail(d, d->error);
}

static void on_connected(evutil_socket_t fd, short what, void *ctx)
{
    struct dial *d = ctx;
    int e = 0;
    socklen_t n = sizeof(e);
    (void)what;
    CHECK_OBJ(d, DIAL_MAGIC);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        e = errno;
    if (e == 0) {
        on_connection(d);
        return;
    }
    drop_socket(d);
    note_failure(d, e);
    connect_next(d);
}

static void on_timer(struct timer *t)
{
    struct dial *d = CONTAINER_OF(t, struct dial, timer);
    CHECK_OBJ(d, DIAL_MAGIC);
    if (d->phase == CONNECTING) {
        drop_socket(d);
        note_failure(d, ETIMEDOUT);
        connect_next(d);
        return;
    }
    snprintf(d->text, sizeof(d->text), "%s %.*s took longer than %lld ms",
             d->phase == SHAKING ? "TLS handshake with" : "resolving", HOST_SHOWN, d->host,
             (long long)d->timeout_ms);
    fail(d, ERR_TIMEOUT);
}

static void add_addr(struct dial *d, const struct sockaddr *sa)
{
    struct addr a;
    addr_from_sockaddr(&a, sa);
    if (d->addr_count == ADDRS_MAX || a.any.sa_family == AF_UNSPEC)
        return;
    addr_set_port(&a, d->port);
    d->addrs[d->addr_count++] = a;
}

/* May come from inside evdns_getaddrinfo. */
static void on_resolved(int result, struct evutil_addrinfo *list, void *ctx)
{
    struct lookup *lookup = ctx;
    struct dial *d = lookup->dial;
    mem_free(lookup);
    if (d != NULL) {
        d->lookup = NULL;
        for (struct evutil_addrinfo *i = list; i != NULL; i = i->ai_next)
            add_addr(d, i->ai_addr);
    }
    if (list != NULL)
        evutil_freeaddrinfo(list);
    if (d == NULL)
        return;
    if (d->addr_count > 0) {
        connect_next(d);
        return;
    }
    snprintf(d->text, sizeof(d->text), "resolving %.*s: %s", HOST_SHOWN, d->host,
             result != 0 ? evutil_gai_strerror(result) : "no address");
    fail(d, ERR_DNS);
}

static void resolve(struct dial *d)
{
    struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = EVUTIL_AI_ADDRCONFIG};
    struct evdns_base *dns = loop_dns(d->loop);
    if (dns == NULL) {
        snprintf(d->text, sizeof(d->text), "resolving %.*s: /etc/resolv.conf gives no server",
                 HOST_SHOWN, d->host);
        fail(d, ERR_DNS);
        return;
    }
    d->phase = RESOLVING;
    d->lookup = mem_zalloc(sizeof(*d->lookup));
    d->lookup->dial = d;
    evdns_getaddrinfo(dns, d->host, NULL, &hints, on_resolved, d->lookup);
}

/* Numbers, and the names that always mean this machine (RFC 6761 s.6.3). */
static void add_known(struct dial *d)
{
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    struct span host = span_of(d->host);
    struct addr a;
    if (addr_parse_ip(host, &a) == 0) {
        add_addr(d, &a.any);
    } else if (span_ieq(host, SPAN("localhost"))) {
        for (size_t i = 0; i < ARRAY_LEN(loopback); i++)
            if (addr_parse_ip(span_of(loopback[i]), &a) == 0)
                add_addr(d, &a.any);
    }
}

static void on_begin(struct loop_task *t)
{
    struct dial *d = CONTAINER_OF(t, struct dial, begin);
    add_known(d);
    if (d->addr_count > 0)
        connect_next(d);
    else
        resolve(d);
}

/* Of "[::1]" what stands inside. */
static char *copy_name(const char *name)
{
    struct span s = span_of(name);
    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = span_make(s.p + 1, s.n - 2);
    return mem_strndup(s.p, s.n);
}

struct dial *dial_start(struct loop *l, const struct dial_spec *spec, dial_fn done, void *ctx)
{
    struct dial *d = mem_zalloc(sizeof(*d));
    d->magic = DIAL_MAGIC;
    d->loop = l;
    d->host = copy_name(spec->host);
    d->tls_name = copy_name(spec->tls_name != NULL ? spec->tls_name : spec->host);
    d->port = spec->port;
    d->timeout_ms = spec->timeout_ms;
    d->deadline = loop_now(l) + spec->timeout_ms;
    d->done = done;
    d->ctx = ctx;
    d->fd = -1;
    if (spec->tls != NULL) {
        tls_client_ref(spec->tls);
        d->tls = spec->tls;
    }
    timer_init(&d->timer, l, on_timer);
    timer_set(&d->timer, spec->timeout_ms);
    loop_task_init(&d->begin, on_begin);
    loop_defer(l, &d->begin);
    return d;
}

void dial_cancel(struct dial **pd)
{
    struct dial *d = *pd;
    *pd = NULL;
    if (d == NULL)
        return;
    CHECK_OBJ(d, DIAL_MAGIC);
    take_apart(d);
    mem_free(d);
}
