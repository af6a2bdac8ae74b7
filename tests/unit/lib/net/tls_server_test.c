/* SPDX-License-Identifier: MIT */
#include "lib/net/tls_ctx.h"

#include "lib/base/err.h"
#include "tests/unit/lib/net/certs.h"
#include "tests/unit/lib/net/tls_pipe.h"

#include <openssl/ocsp.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* The macro casts const away, which clang does not take. */
static void accept_only(SSL_CTX *client, const char *sigalgs)
{
    char list[128];
    snprintf(list, sizeof list, "%s", sigalgs);
    SSL_CTX_set1_sigalgs_list(client, list);
}

static struct certs *certs;
static struct tls_server *server;
static SSL_CTX *client;

static int make_certs(void **state)
{
    (void)state;
    certs = certs_create();
    certs_make(certs, &(struct certs_spec){"ca", NULL, NULL, -1, 30});
    certs_make(certs, &(struct certs_spec){"ec", "DNS:both.example,DNS:ec.example", "ca", -1, 30});
    certs_make_rsa(certs,
                   &(struct certs_spec){"rsa", "DNS:both.example,DNS:rsa.example", "ca", -1, 30});
    certs_make(certs, &(struct certs_spec){"late", "DNS:late.example", "ca", -1, 30});
    certs_make_ocsp(certs, &(struct certs_spec){"ec", NULL, "ca", -1, 3});
    certs_make_ocsp(certs, &(struct certs_spec){"late", NULL, "ca", -3, -1});
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
    static const char *const files[] = {"ec", "rsa", "late"};
    struct tls_identity *all[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        all[i] = certs_identity(certs, files[i]);
    server = tls_server_create(&(struct tls_server_spec){.identities = all, .count = 3});
    for (int i = 0; i < 3; i++)
        tls_identity_unref(&all[i]);
    client = SSL_CTX_new(TLS_client_method());
    return 0;
}

static int end(void **state)
{
    (void)state;
    tls_server_unref(&server);
    SSL_CTX_free(client);
    return 0;
}

static SSL *shaken(const char *name)
{
    return tls_pipe(server, SSL_new(client), name);
}

static void presents(const char *name, const char *key)
{
    SSL *c = shaken(name);
    assert_non_null(c);
    assert_string_equal(tls_pipe_key(c), key);
    SSL_free(c);
}

static void the_client_chooses_the_kind_of_certificate(int version)
{
    SSL_CTX_set_max_proto_version(client, version);
    presents("both.example", "EC");
    presents("ec.example", "EC");
    presents("rsa.example", "RSA");
    presents("nobody.example", "EC"); /* the first */
    accept_only(client, "RSA-PSS+SHA256:RSA+SHA256");
    presents("both.example", "RSA");
    presents("nobody.example", "RSA"); /* its companion */
    assert_null(shaken("ec.example"));
}

static void by_tls_1_3_the_client_chooses(void **state)
{
    (void)state;
    the_client_chooses_the_kind_of_certificate(TLS1_3_VERSION);
}

static void by_tls_1_2_the_client_chooses(void **state)
{
    (void)state;
    the_client_chooses_the_kind_of_certificate(TLS1_2_VERSION);
}

static void only_a_current_word_about_the_chosen_certificate_is_stapled(void **state)
{
    static const struct {
        const char *name, *sigalgs;
        bool has_staple;
    } cases[] = {{"both.example", "ECDSA+SHA256", true},
                 {"both.example", "RSA-PSS+SHA256", false},
                 {"late.example", "ECDSA+SHA256", false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned char *der = NULL;
        accept_only(client, cases[i].sigalgs);
        SSL *c = shaken(cases[i].name);
        assert_non_null(c);
        long n = SSL_get_tlsext_status_ocsp_resp(c, &der);
        assert_int_equal(n > 0, cases[i].has_staple);
        SSL_free(c);
    }
}

static void without_ticket_keys_there_is_no_ticket(void **state)
{
    (void)state;
    SSL *c = shaken("ec.example");
    assert_false(SSL_SESSION_is_resumable(SSL_get0_session(c)));
    SSL_free(c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(by_tls_1_3_the_client_chooses),
        T(by_tls_1_2_the_client_chooses),
        T(only_a_current_word_about_the_chosen_certificate_is_stapled),
        T(without_ticket_keys_there_is_no_ticket),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
