/* SPDX-License-Identifier: MIT */
#include "lib/net/tls_ctx.h"

#include "lib/base/err.h"
#include "lib/net/tls_stream.h"
#include "tests/unit/lib/net/certs.h"
#include "tests/unit/lib/net/wire.h"
#include "tests/unit/lib/net/run_for.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* One end of a connection whose two ends are on the same loop. */
struct end {
    struct conn *conn;
    char *out; /* to be written */
    size_t out_bytes, out_at;
    char *in; /* what came */
    size_t in_room, in_bytes;
    ssize_t last_read, last_write;
    bool is_random, does_end, has_ended;
    int calls;
};

static struct certs *certs;
static struct loop *loop;
static struct end client, server;
static struct tls_server *tls_server;
static struct tls_client *tls_client;
static struct buf why;
static char small_in[2][256];

static size_t some(const struct end *e, size_t at_most)
{
    return e->is_random ? 1 + (size_t)random() % at_most : at_most;
}

static void read_on(struct end *e)
{
    while (e->in_bytes < e->in_room) {
        size_t room = e->in_room - e->in_bytes;
        e->last_read = conn_read(e->conn, e->in + e->in_bytes, some(e, room));
        if (e->last_read <= 0)
            return;
        e->in_bytes += (size_t)e->last_read;
        if (e->is_random && random() % 4 == 0)
            return; /* had enough for now: read on by itself, later */
    }
}

/* Pieces of any size, but after a refusal the same bytes first. */
static void write_on(struct end *e)
{
    while (e->out_at < e->out_bytes && conn_may_write(e->conn)) {
        struct iovec v[3];
        size_t at = e->out_at;
        for (int i = 0; i < 3; i++) {
            size_t n = e->is_random && i < 2 ? (size_t)random() % 9000 : e->out_bytes - at;
            n = n < e->out_bytes - at ? n : e->out_bytes - at;
            v[i] = (struct iovec){e->out + at, n};
            at += n;
        }
        e->last_write = conn_writev(e->conn, v, 3, false);
        if (e->last_write < 0)
            return;
        e->out_at += (size_t)e->last_write;
    }
    if (e->does_end && !e->has_ended && e->out_at == e->out_bytes)
        e->has_ended = conn_end_write(e->conn) == 0;
}

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    struct end *e = ctx;
    assert_ptr_equal(e->conn, c);
    e->calls++;
    if (ready & CONN_WRITABLE)
        write_on(e);
    if (ready & CONN_READABLE)
        read_on(e);
}

static const struct conn_events events = {.on_ready = on_ready};

static int make_certs(void **state)
{
    static const struct certs_spec specs[] = {
        {"ca", NULL, NULL, -1, 30},
        {"one", "DNS:one.example,IP:127.0.0.1", "ca", -1, 30},
        {"wild", "DNS:*.wild.example,DNS:Wild.Example", "ca", -1, 30},
        {"old", "DNS:old.example", "ca", -30, -1},
        {"alone", "DNS:alone.example", NULL, -1, 30},
    };
    (void)state;
    certs = certs_create();
    for (size_t i = 0; i < ARRAY_LEN(specs); i++)
        certs_make(certs, &specs[i]);
    return 0;
}

static int drop_certs(void **state)
{
    (void)state;
    certs_destroy(certs);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    loop = loop_create();
    if (loop == NULL)
        return -1;
    buf_init(&why, 4096);
    client = (struct end){.in = small_in[0], .in_room = sizeof(small_in[0])};
    server = (struct end){.in = small_in[1], .in_room = sizeof(small_in[1])};
    return 0;
}

static int end(void **state)
{
    (void)state;
    conn_close(&client.conn);
    conn_close(&server.conn);
    tls_server_unref(&tls_server);
    tls_client_unref(&tls_client);
    buf_finish(&why);
    loop_destroy(&loop);
    return 0;
}

static void serve(const char *const *names, size_t count)
{
    static const char *const alpn[] = {"h2", "http/1.1", NULL};
    struct tls_identity *all[4];
    struct tls_server_spec spec = {.identities = all, .count = count, .alpn = alpn};
    assert_true(count <= ARRAY_LEN(all));
    for (size_t i = 0; i < count; i++)
        all[i] = certs_identity(certs, names[i]);
    tls_server_unref(&tls_server);
    tls_server = tls_server_create(&spec);
    for (size_t i = 0; i < count; i++)
        tls_identity_unref(&all[i]);
}

static void serve_one(const char *name)
{
    serve(&name, 1);
}

static void trust(const struct tls_client_spec *spec)
{
    assert_int_equal(tls_client_create(&tls_client, spec, &why), 0);
}

static void trust_ca(void)
{
    trust(&(struct tls_client_spec){.ca_file = certs_path(certs, "ca.crt")});
}

static struct addr some_addr(void)
{
    struct addr a;
    assert_int_equal(addr_parse(SPAN("127.0.0.1:1"), -1, &a), 0);
    return a;
}

static void start_client(int fd, const char *name)
{
    struct addr a = some_addr();
    client.conn = conn_create_tls_client(loop, fd, &a, tls_client, name);
    conn_set_events(client.conn, &events, &client);
}

static void start_server(int fd)
{
    struct addr a = some_addr();
    server.conn = conn_create_tls_server(loop, fd, &a, tls_server);
    conn_set_events(server.conn, &events, &server);
}

static void connect_as(const char *name)
{
    int fds[2];
    wire_connect(fds);
    start_client(fds[0], name);
    start_server(fds[1]);
}

static void say(struct end *e, char *text)
{
    e->out = text;
    e->out_bytes = strlen(text);
    e->out_at = 0;
    write_on(e);
}

static void accepted_as(const char *name)
{
    connect_as(name);
    assert_false(conn_is_ready(client.conn));
    RUN_UNTIL(loop, conn_is_ready(client.conn) && conn_is_ready(server.conn));
    assert_int_equal(conn_handshake_error(client.conn), 0);
}

static void refused_as(const char *name, const char *text)
{
    char c;
    connect_as(name);
    RUN_UNTIL(loop, conn_handshake_error(client.conn) != 0);
    assert_int_equal(conn_handshake_error(client.conn), ERR_CERTIFICATE);
    assert_non_null(strstr(conn_tls_error(client.conn), text));
    assert_false(conn_is_ready(client.conn));
    assert_int_equal(conn_read(client.conn, &c, 1), ERR_CERTIFICATE);
    conn_close(&client.conn);
    run_for(loop, 30);
    assert_true(conn_read(server.conn, &c, 1) < 0);
    conn_close(&server.conn);
}

static void a_request_and_its_answer_go_through(void **state)
{
    char request[] = "hello", answer[] = "good day";
    (void)state;
    serve_one("one");
    trust_ca();
    client.out = request;
    client.out_bytes = 5;
    accepted_as("one.example");
    RUN_UNTIL(loop, server.in_bytes == 5);
    assert_memory_equal(server.in, "hello", 5);
    say(&server, answer);
    RUN_UNTIL(loop, client.in_bytes == 8);
    assert_memory_equal(client.in, "good day", 8);
    assert_int_equal(client.last_read, ERR_AGAIN);
    assert_int_equal(conn_bytes_in(client.conn), 8);
    assert_int_equal(conn_bytes_out(client.conn), 5);
    assert_true(conn_is_tls(client.conn));
    assert_int_equal(conn_handshake_error(server.conn), 0);
}

static void names_choose_the_certificate(void **state)
{
    static const char *const all[] = {"one", "wild"};
    static const char *const good[] = {"one.example", "wild.example", "a.wild.example",
                                       "B.WILD.example", "127.0.0.1"};
    (void)state;
    serve(all, 2);
    trust_ca();
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        accepted_as(good[i]);
        struct span sni = conn_sni(server.conn);
        assert_true(strcmp(good[i], "127.0.0.1") == 0 ? sni.n == 0
                                                      : span_eq(sni, span_of(good[i])));
        conn_close(&client.conn);
        conn_close(&server.conn);
    }
    /* One label only; an unknown name gets the first certificate, which does not bear it. */
    refused_as("a.b.wild.example", "hostname mismatch");
    refused_as("two.example", "hostname mismatch");
    refused_as("127.0.0.2", "IP address mismatch");
}

static void what_cannot_be_verified_is_refused_with_the_reason(void **state)
{
    static const char *const all[] = {"old", "alone"};
    (void)state;
    serve(all, 2);
    trust_ca();
    refused_as("old.example", "certificate has expired");
    refused_as("alone.example", "self-signed certificate");
}

static void an_unverified_client_takes_what_comes(void **state)
{
    (void)state;
    serve_one("alone");
    trust(&(struct tls_client_spec){.is_unverified = true});
    accepted_as("whatever.example");
}

static void faults_of_files_are_said_with_the_file(void **state)
{
    (void)state;
    certs_write(certs, "text.crt", "this is no certificate\n");
    struct tls_client_spec spec = {.ca_file = certs_path(certs, "text.crt")};
    assert_int_equal(tls_client_create(&tls_client, &spec, &why), ERR_CERTIFICATE);
    assert_null(tls_client);
    spec = (struct tls_client_spec){.key_file = certs_path(certs, "one.key")};
    assert_int_equal(tls_client_create(&tls_client, &spec, &why), ERR_CERTIFICATE);
    buf_add_char(&why, '\0');
    assert_non_null(strstr(why.p, "text.crt: no certificate in PEM\n"));
    assert_non_null(strstr(why.p, "needs both"));
}

static void an_end_with_close_notify_is_an_end(void **state)
{
    (void)state;
    serve_one("one");
    trust_ca();
    accepted_as("one.example");
    client.last_read = ERR_AGAIN;
    conn_close(&server.conn);
    RUN_UNTIL(loop, client.last_read == 0);
}

static void an_end_without_close_notify_is_a_broken_stream(void **state)
{
    char c;
    (void)state;
    serve_one("one");
    trust_ca();
    accepted_as("one.example");
    shutdown(conn_fd(server.conn), SHUT_WR);
    RUN_UNTIL(loop, client.last_read == ERR_CLOSED);
    assert_int_equal(conn_read(client.conn, &c, 1), ERR_CLOSED);
    assert_string_equal(conn_tls_error(client.conn), "connection ended without close_notify");
}

static void a_reset_is_a_broken_stream(void **state)
{
    (void)state;
    serve_one("one");
    trust_ca();
    accepted_as("one.example");
    conn_close_reset(&server.conn);
    RUN_UNTIL(loop, client.last_read == ERR_CLOSED);
}

static void half_closed_the_other_half_goes_on(void **state)
{
    char text[] = "still here";
    (void)state;
    serve_one("one");
    trust_ca();
    accepted_as("one.example");
    server.last_read = ERR_AGAIN;
    assert_int_equal(conn_end_write(client.conn), 0);
    RUN_UNTIL(loop, server.last_read == 0);
    say(&server, text);
    RUN_UNTIL(loop, client.in_bytes == 10);
    assert_memory_equal(client.in, "still here", 10);
}

static void a_peer_that_speaks_no_tls_is_an_error_of_tls(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    int fds[2];
    char c;
    (void)state;
    serve_one("one");
    trust_ca();
    wire_connect(fds);
    start_server(fds[1]);
    assert_int_equal(send(fds[0], http, sizeof(http) - 1, 0), sizeof(http) - 1);
    RUN_UNTIL(loop, conn_handshake_error(server.conn) != 0);
    assert_int_equal(conn_handshake_error(server.conn), ERR_TLS);
    assert_string_equal(conn_tls_error(server.conn), "http request");
    assert_int_equal(conn_read(server.conn, &c, 1), ERR_TLS);
    assert_int_equal(server.calls, 1);
    close(fds[0]);

    wire_connect(fds);
    start_client(fds[0], "one.example");
    shutdown(fds[1], SHUT_WR);
    RUN_UNTIL(loop, conn_handshake_error(client.conn) != 0);
    assert_int_equal(conn_handshake_error(client.conn), ERR_TLS);
    assert_non_null(strstr(conn_tls_error(client.conn), "during the handshake"));
    close(fds[1]);
}

static void a_name_too_long_for_a_certificate_is_refused_without_harm(void **state)
{
    char name[400];
    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    serve_one("one");
    trust_ca();
    connect_as(name);
    RUN_UNTIL(loop, conn_handshake_error(client.conn) != 0);
    assert_int_equal(conn_handshake_error(client.conn), ERR_TLS);
}

static void nothing_waits_for_who_does_not_read(void **state)
{
    static char block[3000000];
    (void)state;
    serve_one("one");
    trust_ca();
    accepted_as("one.example");
    client.in_room = 0; /* reads nothing */
    server.out = block;
    server.out_bytes = sizeof(block);
    write_on(&server);
    RUN_UNTIL(loop, !conn_may_write(server.conn));
    assert_int_equal(conn_end_write(server.conn), ERR_AGAIN);
    int calls, rounds = 0;
    do { /* the kernel may find some more room at first */
        calls = server.calls;
        run_for(loop, 60);
    } while (server.calls > calls && ++rounds < 10);
    assert_int_equal(server.calls, calls);
    conn_close(&server.conn);
}

/* How a client would have it; 0 and NULL: as it comes. */
struct manner {
    int version;
    const char *suite;
    bool has_new_keys; /* wants them once in the middle */
};

/* Both send at once, in pieces of any size, reading when they like. */
static void stream_both_ways(const struct manner *m)
{
    enum { BYTES = 1500000 };
    static char out[2][BYTES], in[2][BYTES];
    struct end *ends[] = {&client, &server};
    bool is_asked = !m->has_new_keys;
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < BYTES; k++)
            out[i][k] = (char)random();
        *ends[i] = (struct end){.out = out[i], .out_bytes = BYTES, .in = in[i], .in_room = BYTES};
        ends[i]->is_random = true;
    }
    serve_one("one");
    trust_ca();
    connect_as("one.example");
    SSL *ssl = tls_of(client.conn)->ssl;
    assert_int_equal(SSL_set_max_proto_version(ssl, m->version), 1);
    assert_int_equal(m->suite == NULL || SSL_set_ciphersuites(ssl, m->suite), 1);
    for (msec_t limit = clock_mono_ms() + 100000; clock_mono_ms() < limit;) {
        run_for(loop, 1);
        for (int i = 0; i < 2; i++)
            if (conn_is_ready(ends[i]->conn) && conn_may_read(ends[i]->conn))
                read_on(ends[i]);
        if (!is_asked && server.in_bytes > BYTES / 3) {
            assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
            is_asked = SSL_do_handshake(ssl) == 1;
        }
        if (client.in_bytes == BYTES && server.in_bytes == BYTES)
            break;
    }
    assert_memory_equal(client.in, server.out, BYTES);
    assert_memory_equal(server.in, client.out, BYTES);
}

static void ask_and_answer(void)
{
    static char question[] = "more?", answer[] = "no";
    client.in_bytes = server.in_bytes = 0;
    say(&client, question);
    RUN_UNTIL(loop, (read_on(&server), server.in_bytes == strlen(question)));
    say(&server, answer);
    RUN_UNTIL(loop, (read_on(&client), client.in_bytes == strlen(answer)));
}

/* By each cipher; with new keys for each end in the middle (RFC 8446 s.4.6.3); by TLS 1.2. */
static void two_streams_at_once_return_every_byte(void **state)
{
    static const struct manner manners[] = {
        {.suite = "TLS_AES_128_GCM_SHA256"},
        {.suite = "TLS_CHACHA20_POLY1305_SHA256"},
        {.suite = "TLS_AES_256_GCM_SHA384", .has_new_keys = true},
        {.version = TLS1_2_VERSION},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
        stream_both_ways(&manners[i]);
        ask_and_answer();
        assert_int_equal(tls_of(server.conn)->seal != NULL, i < 2); /* ours, to the end */
        conn_close(&client.conn);
        conn_close(&server.conn);
        tls_client_unref(&tls_client);
    }
}

static void an_old_set_lives_as_long_as_its_connections(void **state)
{
    char text[] = "on the old certificate";
    (void)state;
    serve_one("one");
    trust_ca();
    connect_as("one.example");
    tls_server_unref(&tls_server);
    RUN_UNTIL(loop, conn_is_ready(client.conn) && conn_is_ready(server.conn));
    say(&server, text);
    RUN_UNTIL(loop, client.in_bytes == strlen(text));
}

/* Lengths of the records that a stream of bytes is made of (RFC 8446 s.5.1). */
static size_t record_lengths(const unsigned char *p, size_t n, size_t *out, size_t max)
{
    size_t count = 0;
    for (size_t at = 0; at + 5 <= n && count < max; count++) {
        out[count] = (size_t)p[at + 3] << 8 | p[at + 4];
        at += 5 + out[count];
    }
    return count;
}

/* Until so many bytes have come, and then for a little while whether there are more. */
static ssize_t read_some(int fd, unsigned char *dst, size_t room, size_t wanted)
{
    size_t n = 0;
    for (int i = 0, more = 0; i < 60000 && more < 20; i++, more += n >= wanted) {
        write_on(&server);
        run_for(loop, 1);
        ssize_t got = recv(fd, dst + n, room - n, MSG_DONTWAIT);
        if (got > 0)
            n += (size_t)got;
    }
    return (ssize_t)n;
}

static void a_burst_begins_with_small_records(void **state)
{
    enum { BYTES = 262144, RECORDS = 100, ALL = 16 + (BYTES - 65536) / 16384, RECORD_ADDS = 22 };
    static char block[BYTES];
    static unsigned char wire[BYTES + 65536];
    size_t lengths[RECORDS];
    (void)state;
    serve_one("one");
    trust_ca();
    accepted_as("one.example");
    conn_set_events(client.conn, NULL, NULL); /* the test reads what comes, sealed as it is */
    for (int round = 0; round < 2; round++) {
        server.out = block;
        server.out_bytes = BYTES;
        server.out_at = 0;
        ssize_t n = read_some(conn_fd(client.conn), wire, sizeof(wire), BYTES + ALL * RECORD_ADDS);
        size_t count = record_lengths(wire, (size_t)n, lengths, RECORDS);
        assert_int_equal(count, ALL);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(lengths[i], (i < 16 ? 4096 : 16384) + 17);
        run_for(loop, 1100); /* silence */
    }
}

/* In the place of the C library's: a kernel without TLS, whatever this one has. */
static int ulp_refused;

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    if (level == IPPROTO_TCP && name == TCP_ULP) {
        ulp_refused++;
        errno = ENOENT;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, n);
}

static void without_kernel_tls_all_goes_on_in_silence(void **state)
{
    char text[] = "sealed here";
    (void)state;
    serve_one("one");
    trust_ca();
    accepted_as("one.example");
    assert_int_equal(ulp_refused, 1); /* the kernel was asked, and not at each handshake */
    assert_false(conn_has_sendfile(server.conn));
    assert_int_equal(conn_sendfile(server.conn, 0, 0, 1, false), ERR_UNSUPPORTED);
    say(&server, text);
    RUN_UNTIL(loop, client.in_bytes == 11);
    assert_memory_equal(client.in, "sealed here", 11);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_request_and_its_answer_go_through),
        T(names_choose_the_certificate),
        T(what_cannot_be_verified_is_refused_with_the_reason),
        T(an_unverified_client_takes_what_comes),
        T(faults_of_files_are_said_with_the_file),
        T(an_end_with_close_notify_is_an_end),
        T(an_end_without_close_notify_is_a_broken_stream),
        T(a_reset_is_a_broken_stream),
        T(half_closed_the_other_half_goes_on),
        T(a_peer_that_speaks_no_tls_is_an_error_of_tls),
        T(a_name_too_long_for_a_certificate_is_refused_without_harm),
        T(nothing_waits_for_who_does_not_read),
        T(two_streams_at_once_return_every_byte),
        T(an_old_set_lives_as_long_as_its_connections),
        T(a_burst_begins_with_small_records),
        T(without_kernel_tls_all_goes_on_in_silence),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
