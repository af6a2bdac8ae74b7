/* SPDX-License-Identifier: MIT
 * Outgoing connections:
 *
 *   BEGINNING -> RESOLVING -> CONNECTING -> SHAKING -> (done is called, the dial is gone)
 *   BEGINNING   dial_start came back; the end of the turn goes on
 *   RESOLVING   resolve.c is asked; skipped for numbers and "localhost"
 *   CONNECTING  to one address after the other, those before still trying (RFC 8305 s.5)
 *   SHAKING     TLS handshake; skipped for plain
 *
 * On the loop's thread. */
#include "lib/net/dial.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/resolve.h"
#include "lib/net/tls_inner.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#define DIAL_MAGIC     0xd1a10c4aU
#define ATTEMPT_DELAY  250 /* ms before the next address is tried as well (RFC 8305 s.5) */
#define TEXT_MAX_BYTES 192
#define HOST_SHOWN     120 /* of a name in a text */

enum phase { BEGINNING, RESOLVING, CONNECTING, SHAKING };

/* One address being connected to. */
struct attempt {
    struct dial *dial;
    int fd; /* -1: none */
    struct event connected;
};

struct dial {
    uint32_t magic;
    enum phase phase;
    struct loop *loop;
    char *host, *tls_name;
    struct tls_client *tls; /* NULL: plain */
    int port;
    msec_t timeout_ms;
    dial_fn done;
    void *ctx;
    struct loop_task begin;
    struct timer timer; /* for all of it */
    struct timer next;  /* until the next address is tried */
    struct lookup *lookup;
    struct resolved addrs;
    int addr_next, trying;                      /* next to be tried; how many are */
    struct attempt attempts[RESOLVE_ADDRS_MAX]; /* [i]: to address i */
    struct conn *conn;
    int error; /* of the last address that failed */
    char text[TEXT_MAX_BYTES];
};

/* The descriptor is closed, or the caller's where he took it. */
static void attempt_end(struct attempt *a, bool is_taken)
{
    if (a->fd < 0)
        return;
    event_del(&a->connected);
    if (!is_taken)
        close(a->fd);
    a->fd = -1;
    a->dial->trying--;
}

static void end_attempts(struct dial *d)
{
    for (int i = 0; i < d->addr_next; i++)
        attempt_end(&d->attempts[i], false);
}

/* Everything but the memory. */
static void take_apart(struct dial *d)
{
    loop_undefer(&d->begin);
    timer_finish(&d->timer);
    timer_finish(&d->next);
    resolve_cancel(&d->lookup);
    end_attempts(d);
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

static void on_connection(struct dial *d, int fd, const struct addr *peer)
{
    static const struct conn_events events = {.on_ready = on_ready};
    timer_stop(&d->next);
    resolve_prefer(d->loop, d->host, peer);
    if (d->tls == NULL) {
        finish(d, conn_create_plain(d->loop, fd, peer), 0);
        return;
    }
    d->phase = SHAKING;
    d->conn = conn_create_tls_client(d->loop, fd, peer, d->tls, d->tls_name);
    conn_set_events(d->conn, &events, d);
}

/* What an address that failed leaves behind. */
static void note_failure(struct dial *d, const struct addr *a, int errnum)
{
    char where[ADDR_TEXT_ROOM];
    addr_text(a, where);
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
static int attempt_begin(struct attempt *t, struct dial *d, const struct addr *a)
{
    int on = 1;
    t->dial = d;
    t->fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0)
        return errno;
    setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* speed only */
    CHECK(event_assign(&t->connected, loop_base(d->loop), t->fd, EV_WRITE, on_connected, t) == 0);
    d->trying++;
    if (connect(t->fd, &a->any, addr_bytes(a)) != 0 && errno != EINPROGRESS) {
        int saved = errno;
        attempt_end(t, false);
        return saved;
    }
    CHECK(event_add(&t->connected, NULL) == 0);
    return 0;
}

/* The next address as well, or the failure of the last where nobody is tried any more. */
static void connect_next(struct dial *d)
{
    d->phase = CONNECTING;
    while (d->addr_next < d->addrs.count) {
        struct attempt *t = &d->attempts[d->addr_next];
        const struct addr *a = &d->addrs.v[d->addr_next++];
        int e = attempt_begin(t, d, a);
        if (e == 0) {
            if (d->addr_next < d->addrs.count)
                timer_set(&d->next, ATTEMPT_DELAY);
            return;
        }
        note_failure(d, a, e);
    }
    if (d->trying == 0)
        fail(d, d->error);
}

static void on_connected(evutil_socket_t fd, short what, void *ctx)
{
    struct attempt *t = ctx;
    struct dial *d = t->dial;
    int e = 0;
    socklen_t n = sizeof(e);
    (void)what;
    CHECK_OBJ(d, DIAL_MAGIC);
    const struct addr *peer = &d->addrs.v[t - d->attempts];
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        e = errno;
    attempt_end(t, e == 0);
    if (e == 0) {
        end_attempts(d);
        on_connection(d, fd, peer);
        return;
    }
    note_failure(d, peer, e);
    connect_next(d);
}

static void on_next(struct timer *t)
{
    connect_next(CONTAINER_OF(t, struct dial, next));
}

static void on_timer(struct timer *t)
{
    struct dial *d = CONTAINER_OF(t, struct dial, timer);
    CHECK_OBJ(d, DIAL_MAGIC);
    if (d->phase == CONNECTING) {
        note_failure(d, &d->addrs.v[d->addr_next - 1], ETIMEDOUT);
        fail(d, d->error);
        return;
    }
    snprintf(d->text, sizeof(d->text), "%s %.*s took longer than %lld ms",
             d->phase == SHAKING ? "TLS handshake with" : "resolving", HOST_SHOWN, d->host,
             (long long)d->timeout_ms);
    fail(d, ERR_TIMEOUT);
}

static void begin_to_connect(struct dial *d)
{
    for (int i = 0; i < d->addrs.count; i++)
        addr_set_port(&d->addrs.v[i], d->port);
    connect_next(d);
}

static void on_resolved(void *ctx, const struct resolved *r, const char *why)
{
    struct dial *d = ctx;
    d->lookup = NULL;
    if (r != NULL) {
        d->addrs = *r;
        begin_to_connect(d);
        return;
    }
    snprintf(d->text, sizeof(d->text), "resolving %.*s: %s", HOST_SHOWN, d->host, why);
    fail(d, ERR_DNS);
}

/* Numbers, and the names that always mean this machine (RFC 6761 s.6.3). */
static void add_known(struct dial *d)
{
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    struct span host = span_of(d->host);
    struct resolved *r = &d->addrs;
    if (addr_parse_ip(host, &r->v[0]) == 0) {
        r->count = 1;
    } else if (span_ieq(host, SPAN("localhost"))) {
        for (size_t i = 0; i < ARRAY_LEN(loopback); i++)
            r->count += addr_parse_ip(span_of(loopback[i]), &r->v[r->count]) == 0;
    }
}

static void on_begin(struct loop_task *t)
{
    struct dial *d = CONTAINER_OF(t, struct dial, begin);
    add_known(d);
    d->phase = RESOLVING;
    if (d->addrs.count == 0)
        d->lookup = resolve_start(d->loop, d->host, &d->addrs, on_resolved, d);
    if (d->lookup == NULL)
        begin_to_connect(d);
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
    d->done = done;
    d->ctx = ctx;
    for (int i = 0; i < RESOLVE_ADDRS_MAX; i++)
        d->attempts[i].fd = -1;
    if (spec->tls != NULL) {
        tls_client_ref(spec->tls);
        d->tls = spec->tls;
    }
    timer_init(&d->timer, l, on_timer);
    timer_init(&d->next, l, on_next);
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
