/* SPDX-License-Identifier: MIT */
#include "lib/net/tls_tickets.h"

#include "lib/base/err.h"
#include "tests/unit/lib/net/certs.h"
#include "tests/unit/lib/net/tls_pipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct certs *certs;
static SSL_CTX *client;
static SSL_SESSION *session; /* the newest that a server gave */
static struct buf why;

static int on_session(SSL *ssl, SSL_SESSION *s)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = s;
    return 1;
}

static int begin(void **state)
{
    (void)state;
    certs = certs_create();
    certs_make(certs, &(struct certs_spec){"a", "DNS:a.example", NULL, -1, 30});
    certs_make(certs, &(struct certs_spec){"b", "DNS:a.example", NULL, -1, 30});
    buf_init(&why, 1000);
    client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, on_session);
    return 0;
}

static int end(void **state)
{
    (void)state;
    SSL_SESSION_free(session);
    session = NULL;
    SSL_CTX_free(client);
    buf_finish(&why);
    certs_destroy(certs);
    return 0;
}

static struct tls_server *server_of(const char *file, struct tls_tickets *t)
{
    struct tls_identity *i = certs_identity(certs, file);
    struct tls_server_spec spec = {.identities = &i, .count = 1, .tickets = t};
    struct tls_server *s = tls_server_create(&spec);
    tls_identity_unref(&i);
    return s;
}

/* Connects with the newest session, where there is one; whether the server took it. */
static bool resumes(const char *file, struct tls_tickets *t)
{
    struct tls_server *s = server_of(file, t);
    SSL *c = SSL_new(client);
    if (session != NULL)
        SSL_set_session(c, session);
    c = tls_pipe(s, c, "a.example");
    assert_non_null(c);
    bool is_resumed = SSL_session_reused(c) == 1;
    if (SSL_version(c) == TLS1_2_VERSION) /* OpenSSL does not call back for a ticket replaced */
        on_session(c, SSL_get1_session(c));
    SSL_free(c);
    tls_server_unref(&s);
    return is_resumed;
}

static void forget(void)
{
    SSL_SESSION_free(session);
    session = NULL;
}

static void a_session_outlives_its_certificate(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct tls_tickets *t = tls_tickets_create();
        SSL_CTX_set_max_proto_version(client, versions[i]);
        forget();
        assert_false(resumes("a", t));
        assert_non_null(session);
        assert_true(resumes("a", t));
        assert_true(resumes("b", t)); /* another set, the same keys */
        assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
        tls_tickets_unref(&t);
    }
}

static void random_keys_turn_and_the_last_ones_still_open(void **state)
{
    struct tls_tickets *t = tls_tickets_create();
    msec_t now = clock_mono_ms();
    (void)state;
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    assert_false(resumes("a", t));
    SSL_SESSION *first = SSL_SESSION_dup(session);
    tls_tickets_turn(t, now); /* not yet */
    for (int turn = 1; turn <= 3; turn++) {
        now += TLS_TICKET_TURN_MS + 1000;
        tls_tickets_turn(t, now);
        on_session(NULL, SSL_SESSION_dup(first)); /* OpenSSL spoils one that was replaced */
        assert_int_equal(resumes("a", t), turn <= 2);
    }
    SSL_SESSION_free(first);
    tls_tickets_unref(&t);
}

static void write_keys(const char *keys, size_t count)
{
    char text[2 * TLS_TICKET_KEY_BYTES + 1] = "";
    for (size_t i = 0; i < count; i++)
        memset(text + i * TLS_TICKET_KEY_BYTES, keys[i], TLS_TICKET_KEY_BYTES);
    certs_write(certs, "keys", text);
}

static void nodes_with_the_same_file_resume_each_other(void **state)
{
    struct tls_tickets *here = tls_tickets_create(), *there = tls_tickets_create();
    const char *file = certs_path(certs, "keys");
    (void)state;
    assert_false(resumes("a", here));
    assert_false(resumes("a", there));
    forget();
    write_keys("x", 1);
    assert_int_equal(tls_tickets_load(here, file, &why), 0);
    assert_int_equal(tls_tickets_load(there, file, &why), 0);
    assert_false(resumes("a", here));
    assert_true(resumes("a", there));
    write_keys("yx", 2); /* the other node is not so far yet */
    assert_int_equal(tls_tickets_load(here, file, &why), 0);
    assert_true(resumes("a", here)); /* and seals with y now */
    assert_false(resumes("a", there));
    assert_int_equal(tls_tickets_load(here, "", &why), 0); /* random again */
    assert_false(resumes("a", here));
    tls_tickets_unref(&here);
    tls_tickets_unref(&there);
}

static void a_bad_file_changes_nothing(void **state)
{
    struct tls_tickets *t = tls_tickets_create();
    (void)state;
    assert_false(resumes("a", t));
    certs_write(certs, "short", "no key");
    assert_int_equal(tls_tickets_load(t, certs_path(certs, "none"), &why), ERR_CERTIFICATE);
    assert_int_equal(tls_tickets_load(t, certs_path(certs, "short"), &why), ERR_CERTIFICATE);
    buf_add_char(&why, '\0');
    assert_non_null(strstr(why.p, "none: No such file or directory\n"));
    assert_non_null(strstr(why.p, "short: not 1 to 16 ticket keys of 80 bytes each\n"));
    assert_true(resumes("a", t));
    tls_tickets_unref(&t);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_session_outlives_its_certificate),
        T(random_keys_turn_and_the_last_ones_still_open),
        T(nodes_with_the_same_file_resume_each_other),
        T(a_bad_file_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
