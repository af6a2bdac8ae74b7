/* SPDX-License-Identifier: MIT
 * Any number of edges in one process, as the control plane sees them: a connection each, a
 * heartbeat a second with a load and a ledger, the answer held until there is news, purges and
 * configurations acknowledged at once by the next one. One thread, libevent; messages are those of
 * lib/proto. What each edge learns is a line on standard output:
 *
 *   ready N            N edges were answered for the first time (once, when it is all of them)
 *   purge SEQ EDGE NS  the edge was told of this purge, at this moment of CLOCK_MONOTONIC
 *   config VERSION EDGE NS
 *
 *   edges PORT COUNT TOKEN-FILE      edges are called edge-0 .. edge-(COUNT-1) */
#include "lib/base/clock.h"
#include "lib/proto/heartbeat.h"

#include <err.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX     (1 << 20)
#define DECODE_BYTES (8 << 20)
#define AGAIN_MS     1000 /* after a connection that failed */
#define FLUSH_MS     20
#define SITE         "media"

struct edge {
    unsigned index;
    char name[24];
    struct bufferevent *link;
    struct event *timer;
    msec_t began;
    bool was_answered, has_news;
    char purge_log[HEARTBEAT_NAME_BYTES + 1];
    uint64_t purge_seq, config_version, beats;
};

static struct event_base *base;
static struct sockaddr_in address;
static char token[256];
static unsigned count, answered;

static void rest(struct edge *e, msec_t wait_ms)
{
    struct timeval tv = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    evtimer_add(e->timer, &tv);
}

/* A load that is plausible, so that the ledger and the pictures have work to do. */
static void write_beat(struct edge *e, struct buf *out)
{
    struct heartbeat_site_usage usage = {.site = SPAN(SITE)};
    usage.usage.requests = e->beats * 1000;
    usage.usage.hits = e->beats * 990;
    usage.usage.out_bytes[LEDGER_MEMORY] = e->beats * 99000000;
    usage.usage.out_bytes[LEDGER_ORIGIN] = e->beats * 1000000;
    usage.usage.upstream_bytes = e->beats * 1000000;
    struct heartbeat h = {.node = span_of(e->name),
                          .boot = SPAN("simulated"),
                          .program = SPAN("bench/edges"),
                          .wait_ms = e->was_answered ? HEARTBEAT_PERIOD_MS : 0,
                          .purge_log = span_of(e->purge_log),
                          .purge_seq = e->purge_seq,
                          .config_version = e->config_version,
                          .usage = &usage,
                          .usage_count = 1};
    h.load = (struct heartbeat_load){.connections = 100 + e->index,
                                     .requests_per_s = 1000,
                                     .out_bytes_per_s = 1e8,
                                     .cpu = 0.2,
                                     .requests = e->beats * 1000};
    heartbeat_write(&h, out);
}

static void beat(struct edge *e)
{
    struct buf body;
    buf_init(&body, BODY_MAX);
    write_beat(e, &body);
    e->began = clock_mono_ms();
    e->beats++;
    e->has_news = false;
    struct evbuffer *out = bufferevent_get_output(e->link);
    evbuffer_add_printf(out,
                        "POST /v1/nodes/%s/heartbeat HTTP/1.1\r\nHost: control\r\n"
                        "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        e->name, token, body.n);
    evbuffer_add(out, body.p, body.n);
    buf_finish(&body);
}

static void take_purges(struct edge *e, const struct heartbeat_answer *a, nsec_t now)
{
    bool has_gap = heartbeat_has_gap(span_of(e->purge_log), e->purge_seq, a);
    if (has_gap) {
        snprintf(e->purge_log, sizeof e->purge_log, "%.*s", SPAN_FMT(a->purge_log));
        e->purge_seq = a->purge_head;
    }
    for (size_t i = 0; !has_gap && i < a->purge_count; i++) {
        e->purge_seq = a->purges[i].seq;
        printf("purge %" PRIu64 " %u %" PRId64 "\n", e->purge_seq, e->index, now);
    }
    e->has_news = has_gap || a->purge_count > 0;
}

static void take(struct edge *e, struct span body)
{
    struct heartbeat_answer a;
    struct arena mem;
    struct buf why;
    nsec_t now = clock_mono_ns();
    arena_init(&mem, DECODE_BYTES);
    buf_init(&why, 1024);
    if (heartbeat_answer_read(body, &a, &mem, &why) != 0)
        errx(1, "%s: an answer was not understood: %.*s", e->name, SPAN_FMT(buf_span(&why)));
    take_purges(e, &a, now);
    if (a.config.p != NULL && a.config_version != e->config_version) {
        e->config_version = a.config_version;
        e->has_news = true;
        printf("config %" PRIu64 " %u %" PRId64 "\n", e->config_version, e->index, now);
    }
    if (!e->was_answered && ++answered == count)
        printf("ready %u\n", count);
    e->was_answered = true;
    buf_finish(&why);
    arena_finish(&mem);
}

/* The next one goes out at once where there was news, else a second after the last. */
static void go_on(struct edge *e)
{
    msec_t next = e->began + HEARTBEAT_PERIOD_MS - clock_mono_ms();
    if (e->has_news || next <= 0)
        beat(e);
    else
        rest(e, next);
}

/* false: not whole yet. */
static bool read_answer(struct edge *e, struct evbuffer *in)
{
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos < 0)
        return false;
    size_t head_bytes = (size_t)end.pos + 4, all = evbuffer_get_length(in);
    const char *p = (const char *)evbuffer_pullup(in, -1);
    char head[2048];
    snprintf(head, sizeof head, "%.*s", (int)head_bytes, p);
    const char *length = strcasestr(head, "\r\nContent-Length:");
    if (strncmp(head, "HTTP/1.1 200", 12) != 0 || length == NULL)
        errx(1, "%s: %.*s", e->name, (int)strcspn(head, "\r"), head);
    size_t body_bytes = strtoul(length + 17, NULL, 10);
    if (all < head_bytes + body_bytes)
        return false;
    take(e, span_make(p + head_bytes, body_bytes));
    evbuffer_drain(in, head_bytes + body_bytes);
    return true;
}

static void on_read(struct bufferevent *link, void *ctx)
{
    struct edge *e = ctx;
    if (read_answer(e, bufferevent_get_input(link)))
        go_on(e);
}

static void dial(struct edge *e);

/* As an edge does: it goes on with what it has, and tries again. */
static void on_event(struct bufferevent *link, short what, void *ctx)
{
    struct edge *e = ctx;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        int on = 1;
        setsockopt(bufferevent_getfd(link), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        beat(e);
        return;
    }
    bufferevent_free(link);
    e->link = NULL;
    rest(e, AGAIN_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct edge *e = ctx;
    (void)fd;
    (void)what;
    if (e->link == NULL)
        dial(e);
    else
        beat(e);
}

static void dial(struct edge *e)
{
    e->link = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(e->link, on_read, NULL, on_event, e);
    bufferevent_enable(e->link, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(e->link, (struct sockaddr *)&address, sizeof address) != 0)
        errx(1, "%s cannot connect", e->name);
}

static void on_flush(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    (void)ctx;
    if (fflush(stdout) != 0)
        exit(0); /* nobody listens any more */
}

static void read_token(const char *file)
{
    FILE *f = fopen(file, "r");
    if (f == NULL || fgets(token, sizeof token, f) == NULL)
        err(1, "%s", file);
    token[strcspn(token, "\r\n")] = '\0';
    fclose(f);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        errx(2, "usage: edges PORT COUNT TOKEN-FILE");
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    count = (unsigned)strtoul(argv[2], NULL, 10);
    read_token(argv[3]);
    base = event_base_new();
    struct edge *edges = calloc(count, sizeof *edges);
    if (base == NULL || edges == NULL)
        err(1, "no memory");
    for (unsigned i = 0; i < count; i++) {
        edges[i].index = i;
        snprintf(edges[i].name, sizeof edges[i].name, "edge-%u", i);
        edges[i].timer = evtimer_new(base, on_timer, &edges[i]);
        rest(&edges[i], (msec_t)i * HEARTBEAT_PERIOD_MS / count); /* spread, as in life */
    }
    struct event *flush = event_new(base, -1, EV_PERSIST, on_flush, NULL);
    struct timeval often = {.tv_usec = FLUSH_MS * 1000};
    evtimer_add(flush, &often);
    return event_base_dispatch(base) == 0 ? 0 : 1;
}
