/* SPDX-License-Identifier: MIT */
#include "control/dns/dns_query.h"

#include "lib/base/err.h"
#include "tests/unit/control/dns/dns_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct arena mem;
static uint8_t wire[600];

static int begin(void **state)
{
    (void)state;
    arena_init(&mem, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&mem);
    return 0;
}

static void a_question_is_read_and_its_name_is_in_lower_case(void **state)
{
    (void)state;
    struct dns_query q = dns_world_query("DL.eXample", 28, "192.0.2.0", 24, &mem);
    assert_int_equal(q.name_bytes, 12);
    assert_memory_equal(q.name, "\2dl\7example", 12);
    assert_int_equal(q.type, DNS_TYPE_AAAA);
    assert_int_equal(q.class, 1);
    assert_true(q.has_edns && q.has_subnet);
    assert_int_equal(q.payload_bytes, 1232);
    assert_int_equal(q.subnet.source_bits, 24);
    assert_int_equal(q.subnet.address.v4.sin_addr.s_addr, htonl(0xc0000200));
}

/* What one byte of a good question makes of it. */
static void what_is_wrong_is_dropped_or_told(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        int rcode;
    } rows[] = {
        {2, 0x81, ERR_SYNTAX},   /* an answer */
        {2, 0x21, DNS_NOTIMP},   /* NOTIFY */
        {2, 0x29, DNS_NOTIMP},   /* UPDATE */
        {5, 0, DNS_FORMERR},     /* no question */
        {5, 2, DNS_FORMERR},     /* two */
        {7, 1, DNS_FORMERR},     /* an answer that is not there */
        {11, 0, DNS_FORMERR},    /* bytes that belong to nothing */
        {11, 2, DNS_FORMERR},    /* a record that is not there */
        {12, 0x40, DNS_FORMERR}, /* a label of a kind there is not */
        {12, 0xc0, DNS_FORMERR}, /* a question's name that is compressed */
        {12, 63, DNS_FORMERR},   /* a label beyond the end */
        {31, 1, DNS_BADVERS},    /* EDNS version 1 */
        {3, 0xff, DNS_NOERROR},  /* flags nobody asked for */
    };
    (void)state;
    size_t n = dns_world_ask(wire, "dl.test", DNS_TYPE_A, SPAN_NONE);
    assert_int_equal(n, 12 + 9 + 4 + 11);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_query q;
        uint8_t kept = wire[rows[i].at];
        wire[rows[i].at] = rows[i].value;
        assert_int_equal(dns_query_read(&q, span_make(wire, n), &mem), rows[i].rcode);
        wire[rows[i].at] = kept;
    }
    for (size_t cut = 0; cut < n; cut++) {
        struct dns_query q;
        int expected = cut < DNS_HEADER_BYTES ? ERR_SYNTAX : DNS_FORMERR;
        assert_int_equal(dns_query_read(&q, span_make(wire, cut), &mem), expected);
        assert_int_equal(q.name_bytes, 0);
    }
}

static void a_client_subnet_is_read_strictly(void **state)
{
    static const struct {
        struct span option;
        int rcode;
        bool is_taken;
    } rows[] = {
        {{"\0\1\30\0\300\0\2", 7}, DNS_NOERROR, true},
        {{"\0\1\0\0", 4}, DNS_NOERROR, true},
        {{"\0\2\40\0\40\1\r\270", 8}, DNS_NOERROR, true},
        {{"\0\1\24\0\300\0\20", 7}, DNS_NOERROR, true},
        {{"\0\1\24\0\300\0\30", 7}, DNS_FORMERR, false},    /* a bit beyond 20 */
        {{"\0\1\30\1\300\0\2", 7}, DNS_FORMERR, false},     /* a scope in a question */
        {{"\0\1\30\0\300\0", 6}, DNS_FORMERR, false},       /* too short */
        {{"\0\1\30\0\300\0\2\0", 8}, DNS_FORMERR, false},   /* too long */
        {{"\0\1\41\0\300\0\2\1\1", 9}, DNS_FORMERR, false}, /* 33 bits of 32 */
        {{"\0\3\30\0\300\0\2", 7}, DNS_NOERROR, false},     /* no family we know: ignored */
        {{"\0\1", 2}, DNS_FORMERR, false},
        {{"", 0}, DNS_FORMERR, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_query q;
        size_t n = dns_world_ask(wire, "a.test", DNS_TYPE_A, rows[i].option);
        assert_int_equal(dns_query_read(&q, span_make(wire, n), &mem), rows[i].rcode);
        assert_int_equal(q.has_subnet, rows[i].is_taken);
    }
}

static void a_cookie_is_read_by_its_length(void **state)
{
    static const struct {
        size_t bytes;
        int rcode;
    } rows[] = {{0, DNS_FORMERR},  {7, DNS_FORMERR},  {8, DNS_NOERROR},  {9, DNS_FORMERR},
                {15, DNS_FORMERR}, {16, DNS_NOERROR}, {40, DNS_NOERROR}, {41, DNS_FORMERR}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const char bytes[41] = "abcdefgh12345678";
        struct dns_query q;
        size_t n = dns_world_ask(wire, "a.test", DNS_TYPE_A, span_make(bytes, rows[i].bytes));
        wire[n - rows[i].bytes - 3] = 10; /* not a subnet, but a cookie */
        assert_int_equal(dns_query_read(&q, span_make(wire, n), &mem), rows[i].rcode);
        assert_int_equal(q.has_cookie, rows[i].rcode == DNS_NOERROR);
        if (q.has_cookie)
            assert_int_equal(q.cookie.server_bytes, rows[i].bytes - 8);
    }
}

/* Any byte of a question changed to anything, cut anywhere: where the quick way knows the form, it
 * reads what libknot reads. */
static void both_ways_say_the_same(void **state)
{
    static const struct span subnets[] = {{NULL, 0}, {"\0\1\30\0\300\0\2", 7}};
    (void)state;
    size_t plain = 0;
    for (size_t s = 0; s < ARRAY_LEN(subnets); s++) {
        size_t n = dns_world_ask(wire, "dL.Test", DNS_TYPE_A, subnets[s]);
        for (uint32_t i = 0; i < n * 256; i++) {
            struct dns_query quick = {0}, slow = {0};
            uint8_t *at = &wire[i / 256], kept = *at;
            int rcode = 0;
            *at = (uint8_t)i;
            bool is_one = (wire[2] & 0x80) == 0 && wire[4] == 0 && wire[5] == 1;
            if (is_one && dns_query_read_plain(&quick, span_make(wire, n), &rcode)) {
                plain++;
                assert_int_equal(dns_query_read_any(&slow, span_make(wire, n), &mem), rcode);
                memset(quick.name + quick.name_bytes, 0, sizeof quick.name - quick.name_bytes);
                assert_memory_equal(&quick, &slow, sizeof quick);
            }
            *at = kept;
            arena_reset(&mem);
        }
    }
    assert_true(plain > 2000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_question_is_read_and_its_name_is_in_lower_case),
        T(what_is_wrong_is_dropped_or_told),
        T(a_client_subnet_is_read_strictly),
        T(a_cookie_is_read_by_its_length),
        T(both_ways_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
