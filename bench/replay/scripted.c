/* SPDX-License-Identifier: MIT */

/* The origin's thread: lib/web serves, edition.c makes the bytes. */
#include "bench/replay/scripted.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/http/conditional.h"
#include "lib/net/listener.h"
#include "lib/web/server.h"
#include "lib/web/server_counters.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define PIECE_BYTES 65536
#define IDLE_MS     (600 * 1000)
#define MODIFIED    SPAN("Sat, 01 Nov 2025 00:00:00 GMT")
#define FOR_EVER    SPAN("public, max-age=31536000")
#define EACH_TIME   SPAN("no-cache")

struct scripted {
    struct loop *loop;
    struct listener *listener;
    struct server *server;
    struct catalog *catalog;
    pthread_t thread;
    struct mail stop;
    struct scripted_counts counts;
};

/* A range of an edition, made piece by piece as it is sent. */
struct made_body {
    struct body body; /* first */
    struct edition edition;
    uint64_t at, end;
    uint64_t made_at; /* of piece */
    size_t made_bytes;
    size_t room;
    char piece[];
};

static int peek(struct body *body, struct body_piece *out)
{
    struct made_body *b = (struct made_body *)body;
    if (b->at == b->end)
        return 0;
    if (b->at >= b->made_at + b->made_bytes) {
        b->made_at = b->at;
        b->made_bytes = b->end - b->at < b->room ? b->end - b->at : b->room;
        edition_fill(&b->edition, b->at, b->piece, b->made_bytes);
    }
    size_t skip = b->at - b->made_at;
    *out = (struct body_piece){
        .mem = (const uint8_t *)b->piece + skip, .fd = -1, .len = b->made_bytes - skip};
    return 1;
}

static void advance(struct body *body, size_t n)
{
    struct made_body *b = (struct made_body *)body;
    b->at += n;
}

static void close_body(struct body *body)
{
    mem_free(body);
}

static struct body *made_body(const struct edition *e, const struct byte_range *range)
{
    static const struct body_ops ops = {"made", peek, advance, close_body};
    uint64_t bytes = (uint64_t)(range->last - range->first + 1);
    size_t room = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;
    struct made_body *b = mem_alloc(sizeof(*b) + room);
    *b = (struct made_body){.body.ops = &ops,
                            .edition = *e,
                            .at = (uint64_t)range->first,
                            .end = (uint64_t)range->last + 1,
                            .room = room};
    return &b->body;
}

static void on_done(void *owner, struct exchange *x, int err)
{
    struct scripted_counts *n = &((struct scripted *)owner)->counts;
    atomic_fetch_add(&n->bytes, x->head_bytes_out + x->body_bytes_out);
    atomic_fetch_add(&n->body_bytes, x->body_bytes_out);
    atomic_fetch_add(&n->not_modified, x->status == 304);
    atomic_fetch_add(&n->cut, err != 0);
    atomic_fetch_sub(&n->active, 1); /* last: who sees nothing active sees all the sums */
}

/* Which edition a path asks for, and how long a cache may keep it. */
static bool find(struct scripted *s, struct span path, struct edition *e, struct span *keep)
{
    uint64_t site;
    struct span name, number = span_cut(span_skip(path, 1), '/', &name);
    *keep = FOR_EVER;
    if (!span_u64(number, &site))
        return false;
    if (edition_read(name, e) == 0)
        return e->size > 0;
    char whole[EDITION_ROOM];
    size_t n = (size_t)snprintf(whole, sizeof(whole), "%.*s-0-0", SPAN_FMT(name));
    *keep = EACH_TIME;
    return n < sizeof(whole) && edition_read(span_make(whole, n), e) == 0 &&
           catalog_current(s->catalog, e->object, e);
}

static void respond_range(struct exchange *x, struct response_head *head, const struct edition *e,
                          const struct byte_range *range)
{
    bool has_body = x->request.method == METHOD_GET;
    head->content_length = range->last - range->first + 1;
    exchange_respond(x, head, has_body ? made_body(e, range) : NULL);
}

static void respond_edition(struct exchange *x, const struct edition *e, struct span keep)
{
    char tag[EDITION_ROOM + 2] = "\"", content_range[CONTENT_RANGE_ROOM];
    size_t n = edition_write(e, tag + 1);
    tag[n + 1] = '"';
    struct validators v = {.etag = span_make(tag, n + 2), .last_modified = -1, .date = -1};
    struct response_head head = {.status = 200};
    struct range_spec specs[RANGES_MAX];
    struct byte_range range = {0, (int64_t)e->size - 1};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_ETAG, v.etag);
    fields_add(&head.fields, FIELD_LAST_MODIFIED, MODIFIED);
    fields_add(&head.fields, FIELD_CACHE_CONTROL, keep);
    fields_add(&head.fields, FIELD_ACCEPT_RANGES, SPAN("bytes"));
    fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("application/octet-stream"));
    enum conditional verdict = conditional_of(&x->request, &v, 200, 0);
    if (verdict != CONDITIONAL_NORMAL) {
        head.status = verdict == CONDITIONAL_NOT_MODIFIED ? 304 : 412;
        head.content_length = verdict == CONDITIONAL_NOT_MODIFIED ? LENGTH_UNKNOWN : 0;
        exchange_respond(x, &head, NULL);
        return;
    }
    int asked = conditional_ranges(&x->request, &v, 0, specs);
    if (asked == 1 && range_resolve(specs, 1, (int64_t)e->size, &range) != 1) {
        exchange_reply(x, 416, SPAN_NONE, SPAN("there is nothing\n"));
        return;
    }
    if (asked == 1) { /* several ranges at once get the whole */
        struct content_range cr = {range.first, range.last, (int64_t)e->size};
        size_t length = content_range_write(content_range, &cr);
        fields_add(&head.fields, FIELD_CONTENT_RANGE, span_make(content_range, length));
        head.status = 206;
    }
    respond_range(x, &head, e, &range);
}

static void on_request(void *app, struct exchange *x)
{
    static const struct exchange_events events = {on_done};
    struct scripted *s = app;
    struct edition e;
    struct span keep;
    x->events = &events;
    x->owner = s;
    atomic_fetch_add(&s->counts.active, 1);
    atomic_fetch_add(&s->counts.requests, 1);
    bool is_read = x->request.method == METHOD_GET || x->request.method == METHOD_HEAD;
    if (!is_read || !find(s, x->request.path, &e, &keep))
        exchange_reply(x, is_read ? 404 : 405, SPAN_NONE, SPAN("no\n"));
    else
        respond_edition(x, &e, keep);
}

static void on_accept(void *ctx, int fd, const struct addr *peer)
{
    struct scripted *s = ctx;
    server_accept(s->server, fd, peer, NULL, NULL);
}

static void on_stop(struct mail *m)
{
    struct scripted *s = CONTAINER_OF(m, struct scripted, stop);
    loop_stop(s->loop);
}

static void *run(void *ctx)
{
    struct scripted *s = ctx;
    loop_run(s->loop);
    listener_stop(&s->listener);
    server_destroy(&s->server);
    return NULL;
}

struct scripted *scripted_start(int port, struct catalog *catalog)
{
    struct server_config config = server_config_default;
    struct addr here = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd;
    addr_set_port(&here, port);
    int r = listener_bind(&here, true, &fd);
    if (r != 0) {
        errno = -r;
        return NULL;
    }
    struct scripted *s = mem_zalloc(sizeof(*s));
    s->catalog = catalog;
    s->loop = loop_create();
    CHECK(s->loop != NULL);
    config.idle_ms = IDLE_MS;
    config.server_name = "";
    s->server = server_create(s->loop, &config, on_request, s);
    s->listener = listener_start(s->loop, fd, on_accept, s);
    CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
    return s;
}

void scripted_stop(struct scripted **ps)
{
    struct scripted *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    mailbox_post(loop_mailbox(s->loop), &s->stop, on_stop);
    pthread_join(s->thread, NULL);
    loop_destroy(&s->loop);
    mem_free(s);
}

uint64_t scripted_bytes(const struct scripted *s)
{
    return atomic_load(&s->counts.bytes) -
           counter_get(&server_counters_of(s->server)->untaken_bytes);
}

const struct scripted_counts *scripted_counts_of(const struct scripted *s)
{
    return &s->counts;
}
