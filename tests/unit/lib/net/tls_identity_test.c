/* SPDX-License-Identifier: MIT */
#include "lib/net/tls_identity.h"

#include "lib/base/err.h"
#include "tests/unit/lib/net/certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct certs *certs;
static struct buf why;

static int begin(void **state)
{
    (void)state;
    certs = certs_create();
    certs_make(certs, &(struct certs_spec){"ca", NULL, NULL, -1, 30});
    certs_make(certs, &(struct certs_spec){"a", "DNS:a.example", "ca", -1, 30});
    certs_make(certs, &(struct certs_spec){"b", "DNS:b.example", "ca", -1, 30});
    certs_make_ocsp(certs, &(struct certs_spec){"a", NULL, "ca", -1, 3});
    certs_write(certs, "text", "this is no certificate\n");
    buf_init(&why, 1000);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_finish(&why);
    certs_destroy(certs);
    return 0;
}

static int load(const char *chain, const char *key, const char *ocsp)
{
    struct tls_identity *i;
    struct tls_pair files = {certs_path(certs, chain), certs_path(certs, key),
                             ocsp != NULL ? certs_path(certs, ocsp) : NULL};
    int e = tls_identity_load(&i, &files, &why);
    assert_int_equal(i != NULL, e == 0);
    tls_identity_unref(&i);
    return e;
}

static void said(const char *what)
{
    buf_add_char(&why, '\0');
    if (strstr(why.p, what) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", what, why.p);
    buf_clear(&why);
}

static void every_fault_names_its_file(void **state)
{
    static const struct {
        const char *chain, *key, *ocsp, *text;
    } cases[] = {
        {"missing", "a.key", NULL, "missing: No such file or directory\n"},
        {"text", "a.key", NULL, "text: no certificate in PEM\n"},
        {"a.crt", "text", NULL, "text: no private key in PEM\n"},
        {"a.crt", "b.key", NULL, "b.key: does not belong to the certificate\n"},
        {"a.crt", "a.key", "text", "text: "},
        {"b.crt", "b.key", "a.ocsp", "a.ocsp: does not say that the certificate is good\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(load(cases[i].chain, cases[i].key, cases[i].ocsp), ERR_CERTIFICATE);
        said(cases[i].text);
    }
}

static void what_fits_is_loaded_and_a_staple_may_come_later(void **state)
{
    (void)state;
    assert_int_equal(load("a.crt", "a.key", NULL), 0);
    assert_int_equal(load("a.crt", "a.key", "later.ocsp"), 0);
    assert_int_equal(load("a.crt", "a.key", "a.ocsp"), 0);
    struct tls_identity *i = certs_identity(certs, "a");
    assert_true(tls_identity_has_staple(i));
    sec_t left = tls_identity_not_after(i) - clock_wall_ms() / MSEC_PER_SEC;
    assert_in_range(left, 30 * 86400 - 60, 30 * 86400);
    tls_identity_unref(&i);
    assert_int_equal(why.n, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(every_fault_names_its_file),
        T(what_fits_is_loaded_and_a_staple_may_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
