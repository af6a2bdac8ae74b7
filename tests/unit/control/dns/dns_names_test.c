/* SPDX-License-Identifier: MIT */
#include "control/dns/dns_names.h"

#include "tests/unit/control/dns/dns_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void each_name_means_what_the_first_rule_says(void **state)
{
    static const struct {
        const char *name; /* before ".cdn.example" */
        enum dns_meaning_kind kind;
        uint32_t index;
    } rows[] = {
        {"", DNS_NAME_ZONE, 0},
        {"ns1", DNS_NAME_SERVER, 0},
        {"ns2", DNS_NAME_SERVER, 1},
        {"frankfurt", DNS_NAME_NODE, 1},
        {"upper-1", DNS_NAME_NODE, 3},
        {"a.b", DNS_NAME_NODE, 4},
        {"b", DNS_NAME_BRANCH, 0},
        {"dl.example.com", DNS_NAME_SITE, 0},
        {"example.com", DNS_NAME_BRANCH, 0},
        {"com", DNS_NAME_BRANCH, 0},
        {"x.dl.example.com", DNS_NAME_ABSENT, 0},
        {"play", DNS_NAME_SITE, 0},
        {"play.cdn.example", DNS_NAME_SITE, 0},
        {"games", DNS_NAME_SITE, 0},
        {"wild", DNS_NAME_SITE, 0},
        {"wild.example", DNS_NAME_BRANCH, 0},
        {"a.wild.example", DNS_NAME_SITE, 0},
        {"c.b.a.wild.example", DNS_NAME_SITE, 0},
        {"nothing", DNS_NAME_ABSENT, 0},
        {"x.frankfurt", DNS_NAME_ABSENT, 0},
    };
    struct dns_name names[ARRAY_LEN(rows)];
    struct span labels[ARRAY_LEN(rows)];
    const struct dns_meaning *found[ARRAY_LEN(rows)], *alone;
    struct dns_world w;
    (void)state;
    dns_world_begin(&w);
    dns_world_add(&w, "Upper-1", 0, 0, "192.0.2.9");
    dns_world_add(&w, "a.b", 0, 0, "192.0.2.10");
    dns_world_add(&w, "ns1", 0, 0, "192.0.2.11"); /* the server's name stands before */
    struct dns_names *n = dns_names_create(&w.zone, w.picture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        names[i] = (struct dns_name){.bytes = 1};
        if (rows[i].name[0] != '\0')
            assert_int_equal(dns_name_parse(&names[i], span_of(rows[i].name)), 0);
        labels[i] = span_make(names[i].v, names[i].bytes - 1);
    }
    dns_names_find(n, labels, ARRAY_LEN(rows), found);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct dns_meaning *m = found[i];
        assert_int_equal(m->kind, rows[i].kind);
        assert_int_equal(m->index, rows[i].index);
        assert_int_equal(m->id > 0, m->kind != DNS_NAME_ABSENT);
        if (m->kind == DNS_NAME_SITE)
            assert_true(m->key_hash != 0);
        dns_names_find(n, &labels[i], 1, &alone);
        assert_ptr_equal(alone, m);
    }
    assert_true(dns_names_fits(n, w.picture));
    w.picture->hosts++;
    assert_false(dns_names_fits(n, w.picture));
    dns_names_destroy(&n);
    dns_world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_name_means_what_the_first_rule_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
