/* SPDX-License-Identifier: MIT */
#include "control/dns/dns_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct dns_limit *limit;

static struct addr at(const char *ip)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(span_of(ip), &a), 0);
    return a;
}

static enum dns_limit_verdict take(const struct addr *a, msec_t now)
{
    return dns_limit_take(limit, dns_limit_who(limit, a), now);
}

static int passed(const char *ip, int asked, msec_t now)
{
    struct addr a = at(ip);
    int n = 0;
    for (int i = 0; i < asked; i++)
        n += take(&a, now) == DNS_LIMIT_PASS;
    return n;
}

static void a_network_has_a_burst_and_then_its_rate(void **state)
{
    (void)state;
    limit = dns_limit_create(100, 2);
    assert_int_equal(passed("192.0.2.1", 300, 5000), 100);
    assert_int_equal(passed("192.0.2.200", 10, 5000), 0);   /* the same /24 */
    assert_int_equal(passed("192.0.3.1", 10, 5000), 10);    /* another */
    assert_int_equal(passed("192.0.2.1", 300, 5500), 50);   /* half a second's worth */
    assert_int_equal(passed("192.0.2.1", 300, 60000), 100); /* never more than the burst */
    assert_int_equal(passed("2001:db8:0:1::1", 200, 5000), 100);
    assert_int_equal(passed("2001:db8:0:ff::1", 10, 5000), 0); /* the same /56 */
    assert_int_equal(passed("2001:db8:0:100::1", 10, 5000), 10);
    dns_limit_destroy(&limit);
    assert_null(limit);
}

static void each_nth_beyond_the_rate_is_told_to_come_by_tcp(void **state)
{
    (void)state;
    struct addr a = at("192.0.2.1");
    for (int64_t slip = 0; slip <= 3; slip++) {
        int cut = 0, dropped = 0;
        limit = dns_limit_create(1, slip);
        assert_int_equal(take(&a, 0), DNS_LIMIT_PASS);
        for (int i = 0; i < 60; i++) {
            enum dns_limit_verdict v = take(&a, 0);
            cut += v == DNS_LIMIT_CUT;
            dropped += v == DNS_LIMIT_DROP;
        }
        assert_int_equal(cut, slip > 0 ? 60 / slip : 0);
        assert_int_equal(dropped, 60 - cut);
        dns_limit_destroy(&limit);
    }
}

static void no_rate_is_no_limit(void **state)
{
    (void)state;
    limit = dns_limit_create(0, 2);
    assert_int_equal(passed("192.0.2.1", 5000, 0), 5000);
    dns_limit_destroy(&limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_a_burst_and_then_its_rate),
        cmocka_unit_test(each_nth_beyond_the_rate_is_told_to_come_by_tcp),
        cmocka_unit_test(no_rate_is_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
