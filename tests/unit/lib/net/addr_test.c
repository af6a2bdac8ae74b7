/* SPDX-License-Identifier: MIT */
#include "lib/net/addr.h"

#include "lib/base/err.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void same_text(const char *in, int default_port, const char *wanted)
{
    struct addr a;
    char text[ADDR_TEXT_ROOM];
    assert_int_equal(addr_parse(span_of(in), default_port, &a), 0);
    assert_int_equal(addr_text(&a, text), strlen(wanted));
    assert_string_equal(text, wanted);
}

static void refused(const char *in, int default_port)
{
    struct addr a;
    assert_int_equal(addr_parse(span_of(in), default_port, &a), ERR_SYNTAX);
}

static void an_address_and_its_port_are_read_and_written_back(void **state)
{
    (void)state;
    same_text("127.0.0.1:80", -1, "127.0.0.1:80");
    same_text("0.0.0.0:0", -1, "0.0.0.0:0");
    same_text("[::1]:8443", -1, "[::1]:8443");
    same_text("[2001:DB8::1]:65535", -1, "[2001:db8::1]:65535");
    same_text("[2001:db8:1111:2222:3333:4444:5555:6666]:65535", -1,
              "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
}

static void a_missing_port_is_the_default_where_there_is_one(void **state)
{
    (void)state;
    same_text("10.0.0.1", 53, "10.0.0.1:53");
    same_text("::1", 53, "[::1]:53");
    same_text("[::1]", 53, "[::1]:53");
    refused("10.0.0.1", -1);
    refused("[::1]", -1);
    refused("::1", -1);
}

static void what_is_not_an_address_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        ":80",
        "localhost:80",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:8x",
        "1.2.3:80",
        "[127.0.0.1]:80",
        "[::1:80",
        "[::1]80",
        "[::1]:",
        " 1.2.3.4:5",
        "1.2.3.4:5 ",
        "[fe80::1%lo]:80",
        "1.2.3.4:000080",
    };
    struct addr a;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        refused(wrong[i], 80);
    assert_int_equal(addr_parse_ip(SPAN_NONE, &a), ERR_SYNTAX);
}

/* Whatever is written with digits and dots. */
static void dotted_decimal_is_read_as_inet_pton_reads_it(void **state)
{
    static const char alphabet[] = "0011223456789.....";
    uint64_t dice = 1;
    (void)state;
    for (int i = 0; i < 300000; i++) {
        char text[20] = "";
        struct in_addr wanted;
        struct addr a;
        dice = dice * 6364136223846793005U + 1442695040888963407U;
        size_t n = i % 2 == 0 ? (dice >> 33) % 18 : 7;
        for (size_t k = 0; k < n; k++) {
            dice = dice * 6364136223846793005U + 1442695040888963407U;
            text[k] = n == 7 && k % 2 == 1 ? '.' : alphabet[(dice >> 33) % (sizeof alphabet - 1)];
        }
        bool is_good = inet_pton(AF_INET, text, &wanted) == 1;
        assert_int_equal(addr_parse_ip(span_make(text, n), &a), is_good ? 0 : ERR_SYNTAX);
        if (is_good)
            assert_int_equal(a.v4.sin_addr.s_addr, wanted.s_addr);
    }
}

static void a_zero_byte_inside_ends_nothing(void **state)
{
    struct addr a;
    (void)state;
    assert_int_equal(addr_parse_ip(SPAN("127.0.0.1\0.5"), &a), ERR_SYNTAX);
}

static void a_mapped_address_is_its_ipv4_address(void **state)
{
    struct addr a, b;
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(99)};
    char text[ADDR_TEXT_ROOM];
    (void)state;
    same_text("[::ffff:192.0.2.7]:80", -1, "192.0.2.7:80");
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &sa.sin6_addr), 1);
    addr_from_sockaddr(&a, (struct sockaddr *)&sa);
    assert_int_equal(a.any.sa_family, AF_INET);
    assert_int_equal(addr_port(&a), 99);
    assert_int_equal(addr_parse_ip(SPAN("192.0.2.7"), &b), 0);
    assert_true(addr_ip_eq(&a, &b));
    assert_int_equal(addr_ip_text(&a, text), strlen("192.0.2.7"));
    assert_string_equal(text, "192.0.2.7");
}

static void addresses_differ_by_family_and_bytes_not_by_port(void **state)
{
    struct addr a, b, c, d;
    (void)state;
    assert_int_equal(addr_parse(SPAN("[::1]:1"), -1, &a), 0);
    assert_int_equal(addr_parse(SPAN("[::1]:2"), -1, &b), 0);
    assert_int_equal(addr_parse(SPAN("[::2]:1"), -1, &c), 0);
    assert_int_equal(addr_parse(SPAN("0.0.0.1:1"), -1, &d), 0);
    assert_true(addr_ip_eq(&a, &b));
    assert_false(addr_ip_eq(&a, &c));
    assert_false(addr_ip_eq(&a, &d));
}

static void an_address_of_no_family_is_printed_as_unknown(void **state)
{
    struct addr a;
    char text[ADDR_TEXT_ROOM];
    struct sockaddr sa = {.sa_family = AF_UNIX};
    (void)state;
    addr_from_sockaddr(&a, &sa);
    addr_ip_text(&a, text);
    assert_string_equal(text, "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_and_its_port_are_read_and_written_back),
        cmocka_unit_test(a_missing_port_is_the_default_where_there_is_one),
        cmocka_unit_test(what_is_not_an_address_is_refused),
        cmocka_unit_test(dotted_decimal_is_read_as_inet_pton_reads_it),
        cmocka_unit_test(a_zero_byte_inside_ends_nothing),
        cmocka_unit_test(a_mapped_address_is_its_ipv4_address),
        cmocka_unit_test(addresses_differ_by_family_and_bytes_not_by_port),
        cmocka_unit_test(an_address_of_no_family_is_printed_as_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
