/* SPDX-License-Identifier: MIT */
/* Our client against our server, plain and over TLS: thousands of exchanges whose sizes, framings,
 * pieces and pauses are drawn from a seed, every byte compared. */
#include "tests/unit/lib/web/wire.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/listener.h"
#include "lib/web/client.h"
#include "tests/unit/lib/net/certs.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define AT_ONCE    8
#define BODY_BYTES 200000
#define BUF_BYTES  7000

static struct {
    struct loop *loop;
    struct server *server;
    struct client *client;
    struct listener *listener;
    struct tls_server *tls_server;
    struct tls_client *tls_client;
    int port;
    uint64_t seed;
    int left, running, finished, reused;
    uint64_t server_bytes, client_bytes;
} r;

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

static uint8_t byte_at(uint32_t key, size_t at)
{
    return (uint8_t)((key + at) * 2654435761u >> 24);
}

/* A body of `len` bytes that depend on key, in pieces and with pauses drawn from it. */
struct drawn_body {
    struct body body;
    struct loop_task later;
    uint32_t key;
    uint64_t seed;
    size_t at, len, piece_n;
    bool has_paused;
    uint8_t piece[3000];
};

static void drawn_ready(struct loop_task *t)
{
    body_ready(&CONTAINER_OF(t, struct drawn_body, later)->body);
}

static int drawn_peek(struct body *b, struct body_piece *out)
{
    struct drawn_body *d = CONTAINER_OF(b, struct drawn_body, body);
    if (d->at == d->len)
        return 0;
    if (d->piece_n == 0 && !d->has_paused && draw(&d->seed, 4) == 0) {
        d->has_paused = true;
        loop_defer(r.loop, &d->later);
        return ERR_AGAIN;
    }
    d->has_paused = false;
    if (d->piece_n == 0) {
        d->piece_n = 1 + draw(&d->seed, sizeof d->piece);
        if (d->piece_n > d->len - d->at)
            d->piece_n = d->len - d->at;
        for (size_t i = 0; i < d->piece_n; i++)
            d->piece[i] = byte_at(d->key, d->at + i);
    }
    *out = (struct body_piece){.mem = d->piece, .fd = -1, .len = d->piece_n};
    return 1;
}

static void drawn_advance(struct body *b, size_t n)
{
    struct drawn_body *d = CONTAINER_OF(b, struct drawn_body, body);
    assert_true(n <= d->piece_n);
    memmove(d->piece, d->piece + n, d->piece_n - n);
    d->piece_n -= n;
    d->at += n;
}

static void drawn_close(struct body *b)
{
    struct drawn_body *d = CONTAINER_OF(b, struct drawn_body, body);
    loop_undefer(&d->later);
    mem_free(d);
}

static struct body *drawn_body(uint32_t key, size_t len)
{
    static const struct body_ops ops = {"drawn", drawn_peek, drawn_advance, drawn_close};
    struct drawn_body *d = mem_zalloc(sizeof *d);
    d->body.ops = &ops;
    d->key = key;
    d->seed = key;
    d->len = len;
    loop_task_init(&d->later, drawn_ready);
    return &d->body;
}

static struct body *drawn_file(uint32_t key, size_t len)
{
    static uint8_t bytes[BODY_BYTES];
    int fd = memfd_create("drawn", MFD_CLOEXEC);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(key, i);
    assert_int_equal(write(fd, bytes, len), len);
    return body_of_file(fd, 0, (int64_t)len);
}

/* The server: "/<key>/<answer's length>/<0 drawn, 1 drawn and chunked, 2 a
 * file>", and checks the body it gets against key. */

static void on_done(void *owner, struct exchange *x, int err)
{
    (void)owner;
    assert_int_equal(err, 0);
    r.server_bytes += x->body_bytes_out;
}

static const struct exchange_events server_events = {on_done};

static void answer(struct exchange *x, int err, struct span bytes)
{
    struct span rest = span_skip(x->request.path, 1);
    uint64_t key = 0, len = 0;
    assert_int_equal(err, 0);
    assert_true(span_u64(span_cut(rest, '/', &rest), &key));
    assert_true(span_u64(span_cut(rest, '/', &rest), &len));
    for (size_t i = 0; i < bytes.n; i++)
        if ((uint8_t)bytes.p[i] != byte_at((uint32_t)key + 1, i))
            fail_msg("request body differs at %zu of %zu", i, bytes.n);
    bool is_chunked = span_eq(rest, SPAN("1"));
    struct response_head head = {.status = 200, .content_length = (int64_t)len};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_ETAG,
               arena_printf(&x->mem, "\"%zu\"", bytes.n)); /* what was received */
    if (is_chunked)
        head.content_length = LENGTH_UNKNOWN;
    bool is_file = span_eq(rest, SPAN("2"));
    exchange_respond(x, &head,
                     is_file ? drawn_file((uint32_t)key, len) : drawn_body((uint32_t)key, len));
}

static void on_collected(void *owner, struct exchange *x, int err, struct span bytes)
{
    (void)owner;
    answer(x, err, bytes);
}

static void on_request(void *app, struct exchange *x)
{
    (void)app;
    x->events = &server_events;
    exchange_collect(x, BODY_BYTES, on_collected);
}

static void on_accept(void *ctx, int fd, const struct addr *peer)
{
    (void)ctx;
    server_accept(r.server, fd, peer, r.tls_server, NULL);
}

/* The client */

struct asker {
    struct call *call;
    uint32_t key;
    size_t sent, expected, got;
    bool is_head;
};

static void ask(struct asker *a);

static void read_on(void *ctx, struct call *c)
{
    struct asker *a = ctx;
    static uint8_t buf[BUF_BYTES];
    ssize_t n;
    while ((n = call_read(c, buf, 1 + draw(&r.seed, sizeof buf))) > 0) {
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != byte_at(a->key, a->got + (size_t)i))
                fail_msg("answer differs at %zu", a->got + (size_t)i);
        a->got += (size_t)n;
    }
    if (n == ERR_AGAIN)
        return;
    assert_int_equal(n, 0);
    assert_int_equal(a->got, a->is_head ? 0 : a->expected);
    r.client_bytes += a->got;
    r.reused += call_was_reused(c);
    call_end(&a->call);
    r.finished++;
    ask(a);
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    struct asker *a = ctx;
    char tag[32];
    snprintf(tag, sizeof tag, "\"%zu\"", a->sent);
    assert_int_equal(head->status, 200);
    assert_true(span_eq(fields_value(&head->fields, FIELD_ETAG), span_of(tag)));
    read_on(ctx, c);
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)ctx;
    (void)c;
    fail_msg("%s: %s", err_name(err), text);
}

static const struct call_events client_events = {NULL, on_head, read_on, on_failed};

static size_t draw_size(void)
{
    static const uint32_t bounds[] = {1, 10, 1000, 20000, BODY_BYTES};
    return draw(&r.seed, bounds[draw(&r.seed, ARRAY_LEN(bounds))]);
}

static void ask(struct asker *a)
{
    static const enum method methods[] = {METHOD_GET, METHOD_GET, METHOD_PUT, METHOD_POST,
                                          METHOD_HEAD};
    if (r.left == 0) {
        r.running--;
        if (r.running == 0)
            loop_stop(r.loop);
        return;
    }
    r.left--;
    struct arena mem;
    arena_init(&mem, 10000);
    struct request_head head = {.method = methods[draw(&r.seed, ARRAY_LEN(methods))]};
    bool has_body = head.method == METHOD_PUT || head.method == METHOD_POST;
    *a = (struct asker){.key = draw(&r.seed, 1 << 30), .expected = draw_size()};
    a->is_head = head.method == METHOD_HEAD;
    a->sent = has_body ? draw_size() : 0;
    head.host = SPAN("localhost");
    head.port = r.port;
    head.path = arena_printf(&mem, "/%u/%zu/%u", a->key, a->expected, draw(&r.seed, 3));
    head.content_length = draw(&r.seed, 2) ? (int64_t)a->sent : LENGTH_UNKNOWN;
    fields_init(&head.fields, &mem);
    struct client_target target = {.scheme = r.tls_client != NULL ? SCHEME_HTTPS : SCHEME_HTTP,
                                   .host = "127.0.0.1",
                                   .port = r.port,
                                   .tls = r.tls_client,
                                   .tls_name = "localhost"};
    struct call_spec spec = {.target = &target,
                             .request = &head,
                             .body = has_body ? drawn_body(a->key + 1, a->sent) : NULL,
                             .connect_ms = 60000,
                             .first_byte_ms = 60000,
                             .stall_ms = 60000};
    a->call = call_start(r.client, &spec, &client_events, a);
    arena_finish(&mem);
}

static void on_drained(void *ctx)
{
    (void)ctx;
    loop_stop(r.loop);
}

static void exchange_many(int count)
{
    struct asker askers[AT_ONCE];
    struct addr addr;
    int fd;
    r.loop = loop_create();
    r.server = server_create(r.loop, &server_config_default, on_request, NULL);
    r.client = client_create(r.loop, &client_config_default);
    assert_int_equal(addr_parse(SPAN("127.0.0.1:0"), -1, &addr), 0);
    assert_int_equal(listener_bind(&addr, true, &fd), 0);
    r.port = addr_port(&addr);
    r.listener = listener_start(r.loop, fd, on_accept, NULL);
    r.left = count;
    r.running = AT_ONCE;
    for (int i = 0; i < AT_ONCE; i++)
        ask(&askers[i]);
    loop_run(r.loop);
    assert_int_equal(r.finished, count);
    assert_int_equal(r.reused, count - AT_ONCE);
    assert_int_equal(r.client_bytes, r.server_bytes);
    const struct server_counters *c = server_counters_of(r.server);
    assert_int_equal(counter_get(&c->requests), count);
    assert_int_equal(counter_get(&c->connections), AT_ONCE);
    listener_stop(&r.listener);
    server_drain(r.server, on_drained, NULL);
    loop_run(r.loop);
    assert_int_equal(counter_get(&c->connections_closed), AT_ONCE);
    client_destroy(&r.client);
    server_destroy(&r.server);
    loop_destroy(&r.loop);
}

static void ten_thousand_exchanges_agree_byte_for_byte(void **state)
{
    (void)state;
    memset(&r, 0, sizeof r);
    r.seed = 1;
    exchange_many(10000);
}

static void two_thousand_agree_over_tls(void **state)
{
    (void)state;
    memset(&r, 0, sizeof r);
    r.seed = 2;
    struct certs *certs = certs_create();
    certs_make(certs, &(struct certs_spec){.file = "ca", .days_to = 2});
    certs_make(certs, &(struct certs_spec){
                          .file = "s", .names = "DNS:localhost", .issuer = "ca", .days_to = 2});
    struct buf why;
    buf_init(&why, 1000);
    struct tls_client_spec spec = {.ca_file = certs_path(certs, "ca.crt")};
    static const char *const alpn[] = {"http/1.1", NULL};
    r.tls_server = certs_server(certs, "s", alpn);
    assert_int_equal(tls_client_create(&r.tls_client, &spec, &why), 0);
    exchange_many(2000);
    tls_server_unref(&r.tls_server);
    tls_client_unref(&r.tls_client);
    buf_finish(&why);
    certs_destroy(certs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_exchanges_agree_byte_for_byte),
        cmocka_unit_test(two_thousand_agree_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
