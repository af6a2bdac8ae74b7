/* SPDX-License-Identifier: MIT
 * What the socket does to records on their way. The peer is OpenSSL, played by hand. */
#include "lib/net/tls_write.h"

#include "lib/base/err.h"
#include "tests/unit/lib/net/certs.h"
#include "tests/unit/lib/net/run_for.h"
#include "tests/unit/lib/net/wire.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BYTES          120000
#define SEALED_ADD_MAX 29 /* of TLS 1.2: head, nonce, tag */

/* A suite of TLS 1.3, or NULL: TLS 1.2. */
static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                     "TLS_CHACHA20_POLY1305_SHA256", NULL};

static struct certs *certs;
static struct loop *loop;
static struct tls_server *tls_server;
static SSL_CTX *peer_context;
static struct conn *conn; /* the server's */
static SSL *peer;
static unsigned told; /* of conn, since it was last looked at */
static char out[BYTES], in[BYTES];
static size_t out_at, in_at;

/* ---- in the place of the C library's: a socket that takes what the test wants ---- */

static struct {
    bool is_on;
    int refusal;      /* errno of the next call; 0: none */
    size_t most;      /* bytes of a call; 0: any number, at random */
    unsigned refused; /* of so many calls one is refused with EAGAIN; 0: none */
    unsigned calls;
    size_t bytes; /* taken */
} wire;

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    if (wire.is_on) {
        int refusal = wire.refusal;
        wire.calls++;
        if (refusal == 0 && wire.refused > 0 && (unsigned)random() % wire.refused == 0)
            refusal = EAGAIN;
        if (refusal != 0) {
            errno = refusal;
            return -1;
        }
        size_t most = wire.most > 0 ? wire.most : 1 + (size_t)random() % (random() % 2 ? 90 : n);
        n = n < most ? n : most;
    }
    ssize_t taken = syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
    wire.bytes += taken > 0 ? (size_t)taken : 0;
    return taken;
}

/* There is room again: no event follows where there always was. */
static void make_room(void)
{
    if (!conn->can_send)
        event_active(&conn->event, EV_WRITE, 0);
}

/* ---- both ends ---- */

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    (void)ctx;
    (void)c;
    told |= ready;
}

static const struct conn_events events = {.on_ready = on_ready};

static int begin(void **state)
{
    (void)state;
    static const struct certs_spec ca = {"ca", NULL, NULL, -1, 30};
    static const struct certs_spec one = {"one", "DNS:one.example", "ca", -1, 30};
    certs = certs_create();
    certs_make(certs, &ca);
    certs_make(certs, &one);
    loop = loop_create();
    tls_server = certs_server(certs, "one", NULL);
    peer_context = SSL_CTX_new(TLS_client_method());
    for (size_t i = 0; i < BYTES; i++)
        out[i] = (char)random();
    return loop != NULL && peer_context != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    SSL_CTX_free(peer_context);
    tls_server_unref(&tls_server);
    loop_destroy(&loop);
    certs_destroy(certs);
    return 0;
}

static void open_both(const char *suite)
{
    int fds[2];
    struct addr a;
    wire_connect(fds);
    assert_int_equal(addr_parse(SPAN("127.0.0.1:1"), -1, &a), 0);
    conn = conn_create_tls_server(loop, fds[1], &a, tls_server);
    conn_set_events(conn, &events, NULL);
    peer = SSL_new(peer_context);
    SSL_set_fd(peer, fds[0]);
    if (suite != NULL)
        assert_int_equal(SSL_set_ciphersuites(peer, suite), 1);
    else
        assert_int_equal(SSL_set_max_proto_version(peer, TLS1_2_VERSION), 1);
    RUN_UNTIL(loop, SSL_connect(peer) == 1 && conn_is_ready(conn));
    out_at = in_at = 0;
    told = 0;
}

static void close_both(void)
{
    int fd = SSL_get_fd(peer);
    memset(&wire, 0, sizeof(wire));
    conn_close(&conn);
    SSL_free(peer);
    close(fd);
}

/* Offers what is left, in pieces; false: not now, or never again. */
static bool write_some(void)
{
    size_t left = BYTES - out_at, first = left / 3;
    struct iovec v[] = {{out + out_at, first}, {out + out_at + first, left - first}};
    ssize_t n = conn_writev(conn, v, 2, false);
    if (n > 0)
        out_at += (size_t)n;
    return n > 0;
}

static void write_on(void)
{
    while (out_at < BYTES && conn_may_write(conn) && write_some()) {
    }
}

/* What has come, right so far. */
static void read_on(void)
{
    int n;
    while (in_at < BYTES && (n = SSL_read(peer, in + in_at, (int)(BYTES - in_at))) > 0)
        in_at += (size_t)n;
    assert_memory_equal(in, out, in_at);
}

static bool has_all_come(void)
{
    make_room();
    write_on();
    read_on();
    return in_at == BYTES;
}

/* ---- */

static void however_little_the_socket_takes_every_byte_comes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        open_both(suites[i]);
        wire.is_on = true;
        wire.refused = 3;
        RUN_UNTIL(loop, has_all_come());
        close_both();
    }
}

/* Each end of a record, and each byte of a head, is once where a call ended. */
static void wherever_a_call_ends_every_byte_comes(void **state)
{
    static const size_t ends[] = {1, 4, 5, 6, 4117, 4118, 4119, 16405, 16406, 16407, 65624};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        open_both(suites[i % ARRAY_LEN(suites)]);
        out_at = in_at = ends[i] < 10 ? BYTES - 300 : 0;
        memcpy(in, out, in_at);
        wire.is_on = true;
        wire.most = ends[i];
        RUN_UNTIL(loop, has_all_come());
        close_both();
    }
}

/* And nothing is sent after it: what follows would have lost its place. */
static void a_send_that_fails_is_the_last(void **state)
{
    static const int faults[] = {EPIPE, ECONNRESET, ENOBUFS, ENOMEM};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults) * ARRAY_LEN(suites); i++) {
        open_both(suites[i / ARRAY_LEN(faults)]);
        wire.is_on = true;
        wire.most = 100;
        write_on();
        wire.refusal = faults[i % ARRAY_LEN(faults)];
        RUN_UNTIL(loop, (make_room(), write_on(), tls_of(conn)->phase == TLS_BROKEN));
        unsigned calls = wire.calls;
        wire.refusal = 0;
        for (int turn = 0; turn < 3; turn++) {
            assert_false(write_some());
            assert_true(conn_end_write(conn) < 0 && conn_end_write(conn) != ERR_AGAIN);
            make_room();
            run_for(loop, 1);
        }
        assert_int_equal(wire.calls, calls);
        close_both();
    }
}

/* Also of records that wait for more room, of which the holder's ledger knows nothing yet: who
 * reads little by little must not look dead. */
static void all_that_the_socket_takes_counts_as_progress(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        open_both(suites[i]);
        uint64_t at_first = conn_bytes_taken(conn);
        wire.bytes = 0;
        out_at = BYTES - 60000;
        wire.is_on = true;
        wire.most = 1000;
        while (out_at < BYTES) {
            make_room();
            run_for(loop, 1);
            write_on();
            uint64_t taken = conn_bytes_taken(conn) - at_first, records = 1 + taken / 4096;
            assert_true(taken <= wire.bytes && wire.bytes <= taken + records * SEALED_ADD_MAX);
        }
        close_both();
    }
}

static void the_end_waits_for_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        char byte;
        open_both(suites[i]);
        RUN_UNTIL(loop, has_all_come());
        wire.is_on = true;
        wire.refusal = EAGAIN;
        for (int turn = 0; turn < 3; turn++) {
            assert_int_equal(conn_end_write(conn), ERR_AGAIN);
            assert_false(conn_may_write(conn));
            told = 0;
            RUN_UNTIL(loop, (make_room(), told & CONN_WRITABLE));
        }
        wire.is_on = false;
        RUN_UNTIL(loop, (make_room(), conn_may_write(conn) && conn_end_write(conn) == 0));
        RUN_UNTIL(loop,
                  SSL_read(peer, &byte, 1) == 0 && SSL_get_shutdown(peer) == SSL_RECEIVED_SHUTDOWN);
        close_both();
    }
}

/* RFC 8446 s.5.5: sealed with a new key in time, by whom it may be. */
static void no_key_seals_without_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        open_both(suites[i]);
        bool is_ours = tls_of(conn)->seal != NULL;
        assert_int_equal(is_ours, suites[i] != NULL);
        RUN_UNTIL(loop, has_all_come());
        for (int round = 0; round < 2; round++) {
            tls_of(conn)->records = TLS_KEY_RECORDS;
            out_at = in_at = 0;
            RUN_UNTIL(loop, has_all_come());
            assert_null(tls_of(conn)->seal);
            assert_int_equal(tls_of(conn)->records < 1000, is_ours);
        }
        close_both();
    }
}

/* All in one: so many new keys of the peer's. It wants ours changed too. */
static void change_keys(int count)
{
    int room = 1 << 20, fd = SSL_get_fd(peer), unread = 0;
    BIO *all = BIO_new(BIO_s_mem());
    char *p;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    assert_int_equal(setsockopt(conn_fd(conn), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    SSL_set0_wbio(peer, all);
    for (int i = 0; i < count; i++) {
        assert_int_equal(SSL_key_update(peer, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(peer), 1);
    }
    long n = BIO_get_mem_data(all, &p);
    assert_int_equal(send(fd, p, (size_t)n, 0), n);
    SSL_set0_wbio(peer, BIO_new_socket(fd, BIO_NOCLOSE));
    RUN_UNTIL(loop, conn->can_recv && ioctl(conn_fd(conn), FIONREAD, &unread) == 0 && unread == n);
}

static void keys_without_end_and_without_data_are_cut(void **state)
{
    char byte;
    (void)state;
    open_both(suites[0]);
    change_keys(4000);
    assert_int_equal(conn_read(conn, &byte, 1), ERR_TLS);
    assert_string_equal(conn_tls_error(conn), "too much that is no data");
    close_both();
    open_both(suites[0]);
    change_keys(100); /* a few are fine */
    assert_int_equal(SSL_write(peer, "a", 1), 1);
    byte = 0;
    RUN_UNTIL(loop, byte == 'a' || (conn_may_read(conn) && conn_read(conn, &byte, 1) == 1));
    RUN_UNTIL(loop, has_all_come());
    close_both();
}

/* OpenSSL seals after the first, and must have no half of a record when the next ones come. */
static void new_keys_are_wanted_while_a_record_waits(void **state)
{
    char byte;
    (void)state;
    for (size_t i = 0; suites[i] != NULL; i++) {
        open_both(suites[i]);
        change_keys(1);
        assert_int_equal(conn_read(conn, &byte, 1), ERR_AGAIN);
        wire.most = 100;
        while (out_at < BYTES - 1000) {
            wire.is_on = true;
            make_room();
            run_for(loop, 1);
            (void)write_some();
            wire.refusal = EAGAIN;
            (void)write_some();
            wire.refusal = 0;
            wire.is_on = false;
            change_keys(2);
            assert_int_equal(conn_read(conn, &byte, 1), ERR_AGAIN);
            read_on();
        }
        assert_null(tls_of(conn)->seal);
        RUN_UNTIL(loop, has_all_come());
        close_both();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_little_the_socket_takes_every_byte_comes),
        cmocka_unit_test(wherever_a_call_ends_every_byte_comes),
        cmocka_unit_test(a_send_that_fails_is_the_last),
        cmocka_unit_test(all_that_the_socket_takes_counts_as_progress),
        cmocka_unit_test(the_end_waits_for_room),
        cmocka_unit_test(no_key_seals_without_end),
        cmocka_unit_test(keys_without_end_and_without_data_are_cut),
        cmocka_unit_test(new_keys_are_wanted_while_a_record_waits),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
