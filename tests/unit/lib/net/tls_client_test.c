/* SPDX-License-Identifier: MIT */
#include "lib/net/tls_ctx.h"

#include "lib/base/err.h"
#include "lib/net/tls_tickets.h"
#include "tests/unit/lib/net/certs.h"
#include "tests/unit/lib/net/tls_pipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct certs *certs;
static struct tls_tickets *tickets;
static struct tls_server *server;
static struct tls_client *client;

static struct tls_server *server_of(const char *file, struct tls_tickets *t)
{
    struct tls_identity *i = certs_identity(certs, file);
    struct tls_server *s =
        tls_server_create(&(struct tls_server_spec){.identities = &i, .count = 1, .tickets = t});
    tls_identity_unref(&i);
    return s;
}

static int begin(void **state)
{
    struct buf why;
    (void)state;
    certs = certs_create();
    certs_make(certs, &(struct certs_spec){"ca", NULL, NULL, -1, 30});
    certs_make(certs, &(struct certs_spec){"a", "DNS:a.example,DNS:b.example", "ca", -1, 30});
    certs_make(certs, &(struct certs_spec){"new", "DNS:a.example", "ca", -1, 30});
    buf_init(&why, 1000);
    struct tls_client_spec spec = {.ca_file = certs_path(certs, "ca.crt")};
    assert_int_equal(tls_client_create(&client, &spec, &why), 0);
    tickets = tls_tickets_create();
    server = server_of("a", tickets);
    buf_finish(&why);
    return 0;
}

static int end(void **state)
{
    (void)state;
    tls_server_unref(&server);
    tls_client_unref(&client);
    tls_tickets_unref(&tickets);
    certs_destroy(certs);
    return 0;
}

static bool resumes(const char *name)
{
    SSL *c = tls_pipe(server, tls_client_ssl(client, name), name);
    assert_non_null(c);
    bool is_resumed = SSL_session_reused(c) == 1;
    SSL_free(c);
    return is_resumed;
}

static void a_session_is_resumed_under_its_name_only(void **state)
{
    (void)state;
    assert_false(resumes("a.example"));
    assert_true(resumes("a.example"));
    assert_false(resumes("b.example")); /* verified by its own name first */
    assert_true(resumes("b.example"));
    assert_true(resumes("a.example"));
}

static void a_server_that_swapped_its_certificate_resumes(void **state)
{
    (void)state;
    assert_false(resumes("a.example"));
    tls_server_unref(&server);
    server = server_of("new", tickets);
    assert_true(resumes("a.example"));
}

static void a_session_that_the_server_does_not_know_costs_a_handshake_only(void **state)
{
    (void)state;
    assert_false(resumes("a.example"));
    tls_server_unref(&server);
    server = server_of("a", NULL);
    assert_false(resumes("a.example"));
    assert_false(resumes("a.example"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_session_is_resumed_under_its_name_only),
        T(a_server_that_swapped_its_certificate_resumes),
        T(a_session_that_the_server_does_not_know_costs_a_handshake_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
