/* SPDX-License-Identifier: MIT */
#include "control/dns/dns_zone.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static int read_zone(struct dns_zone *z, const char *address, const char *zone, const char *contact,
                     const char *server)
{
    struct dns_options o = {
        .address = address, .zone = zone, .contact = contact, .identity = "", .answers = 1};
    struct buf why;
    o.servers = (struct option_texts){&server, server != NULL ? 1 : 0};
    buf_init(&why, 512);
    int err = dns_zone_read(z, &o, &why);
    assert_int_equal(why.n > 0, err != 0);
    buf_finish(&why);
    return err;
}

static void without_servers_ns1_is_where_one_listens(void **state)
{
    struct dns_zone z;
    (void)state;
    assert_int_equal(read_zone(&z, "192.0.2.53:53", "CDN.example.", "", NULL), 0);
    assert_memory_equal(z.name.v, "\3cdn\7example", 13);
    assert_int_equal(z.server_count, 1);
    assert_memory_equal(z.servers[0].name.v, "\3ns1\3cdn\7example", 17);
    assert_int_equal(z.servers[0].addresses.v4_count, 1);
    assert_memory_equal(z.contact.v, z.name.v, z.name.bytes);
    assert_int_equal(read_zone(&z, "0.0.0.0:53", "cdn.example", "", NULL), 0);
    assert_true(node_addresses_is_empty(&z.servers[0].addresses));
}

static void a_server_has_a_name_and_addresses(void **state)
{
    struct dns_zone z;
    (void)state;
    assert_int_equal(
        read_zone(&z, "[::]:53", "cdn.example", "a.b", "x.other  192.0.2.1 2001:db8::1"), 0);
    assert_memory_equal(z.servers[0].name.v, "\1x\5other", 9);
    assert_int_equal(z.servers[0].addresses.v4_count, 1);
    assert_int_equal(z.servers[0].addresses.v6_count, 1);
    assert_memory_equal(z.contact.v, "\1a\1b", 5);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *address, *zone, *contact, *server;
    } rows[] = {
        {"192.0.2.1", "cdn.example", "", NULL},
        {"192.0.2.1:53", "", "", NULL},
        {"192.0.2.1:53", ".", "", NULL},
        {"192.0.2.1:53", "a..b", "", NULL},
        {"192.0.2.1:53", "cdn.example", "a..b", NULL},
        {"192.0.2.1:53", "cdn.example", "", "ns1 nowhere"},
        {"192.0.2.1:53", "cdn.example", "", ""},
        {"192.0.2.1:53", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
         "", NULL},
    };
    struct dns_zone z;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(
            read_zone(&z, rows[i].address, rows[i].zone, rows[i].contact, rows[i].server),
            ERR_CONFIG);
}

static void a_name_is_in_a_zone_by_whole_labels(void **state)
{
    static const struct {
        const char *name;
        ptrdiff_t below;
    } rows[] = {{"cdn.example", 0},        {"a.cdn.example", 2},   {"a.b.cdn.example", 4},
                {"acdn.example", -1},      {"example", -1},        {"cdn.example.org", -1},
                {"a\\003cdn.example", -1}, {"cdn.example.cdn", -1}};
    struct dns_name zone, name;
    (void)state;
    assert_int_equal(dns_name_parse(&zone, SPAN("cdn.example")), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(dns_name_parse(&name, span_of(rows[i].name)), 0);
        assert_int_equal(dns_name_below(name.v, name.bytes, &zone), rows[i].below);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_servers_ns1_is_where_one_listens),
        cmocka_unit_test(a_server_has_a_name_and_addresses),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_name_is_in_a_zone_by_whole_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
