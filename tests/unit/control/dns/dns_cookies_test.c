/* SPDX-License-Identifier: MIT */
#include "control/dns/dns_cookies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* RFC 9018 appendix A.1. */
static const struct dns_cookies known = {{0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f, 0x48,
                                          0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf}};
#define MADE_S 1559731985U

static struct dns_query asked(const uint8_t *server, uint8_t server_bytes)
{
    struct dns_query q = {.has_edns = true,
                          .has_cookie = true,
                          .cookie = {.client = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57},
                                     .server_bytes = server_bytes}};
    memcpy(q.cookie.server, server, server_bytes);
    return q;
}

static struct addr sender(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(span_make(text, strlen(text)), &a), 0);
    return a;
}

static void a_cookie_is_what_other_servers_make(void **state)
{
    static const uint8_t wanted[] = {0x01, 0,    0,    0,    0x5c, 0xf7, 0x9f, 0x11,
                                     0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80};
    (void)state;
    uint8_t got[DNS_COOKIE_BYTES];
    struct dns_query q = asked(wanted, 0);
    struct addr from = sender("198.51.100.100");
    dns_cookies_make(&known, &q, &from, MADE_S, got);
    assert_memory_equal(got, wanted, sizeof got);
}

static void a_cookie_proves_its_sender_for_an_hour(void **state)
{
    (void)state;
    uint8_t ours[DNS_COOKIE_BYTES];
    struct addr from = sender("2001:db8::5"), other = sender("2001:db8::6");
    struct dns_query q = asked(ours, 0);
    assert_false(dns_cookies_prove(&known, &q, &from, MADE_S));
    dns_cookies_make(&known, &q, &from, MADE_S, ours);
    q = asked(ours, sizeof ours);
    assert_true(dns_cookies_prove(&known, &q, &from, MADE_S));
    assert_true(dns_cookies_prove(&known, &q, &from, MADE_S + 3600));
    assert_false(dns_cookies_prove(&known, &q, &from, MADE_S + 3700));
    assert_true(dns_cookies_prove(&known, &q, &from, MADE_S - 290));
    assert_false(dns_cookies_prove(&known, &q, &from, MADE_S - 400));
    assert_false(dns_cookies_prove(&known, &q, &other, MADE_S));
    struct dns_cookies stranger;
    dns_cookies_init(&stranger);
    assert_false(dns_cookies_prove(&stranger, &q, &from, MADE_S));
    q.cookie.client[0] ^= 1;
    assert_false(dns_cookies_prove(&known, &q, &from, MADE_S));
    q = asked(ours, 8);
    assert_false(dns_cookies_prove(&known, &q, &from, MADE_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_what_other_servers_make),
        cmocka_unit_test(a_cookie_proves_its_sender_for_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
