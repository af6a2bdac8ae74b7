/* SPDX-License-Identifier: MIT
 * Messages as they leave, read again by libknot. */
#include "control/dns/dns_reply.h"

#include "control/dns/dns_knot.h"
#include "tests/unit/control/dns/dns_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct dns_world world;
static struct arena mem;
static uint8_t out[2048];
static size_t out_bytes;
static knot_pkt_t *packet;

static int begin(void **state)
{
    (void)state;
    arena_init(&mem, 1 << 20);
    dns_world_begin(&world);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&mem);
    dns_world_end(&world);
    return 0;
}

static size_t counted(knot_section_t section)
{
    return knot_pkt_section(packet, section)->count;
}

static void read_back(const struct dns_query *q)
{
    knot_mm_t mm = dns_knot_memory(&mem);
    packet = knot_pkt_new(out, (uint16_t)out_bytes, &mm);
    assert_int_equal(knot_pkt_parse(packet, 0), KNOT_EOK);
    assert_int_equal(knot_wire_get_id(out), 0xabcd);
    assert_true(knot_wire_get_qr(out) && knot_wire_get_rd(out) && !knot_wire_get_ra(out));
    if (q->name_bytes > 0)
        assert_memory_equal(out + 12, q->wire.p + 12, q->name_bytes + 4);
    assert_int_equal(knot_pkt_has_edns(packet), q->has_edns);
}

static void send_body(const struct dns_query *q, const struct dns_body *body, bool is_udp)
{
    struct dns_reply r = {.body = body, .scope_bits = 17, .room = DNS_TCP_BYTES, .is_udp = is_udp};
    out_bytes = dns_reply_write(q, &r, out);
    if (is_udp)
        assert_true(out_bytes <= 2 * q->wire.n);
    read_back(q);
}

static void the_order_of_addresses_is_kept_and_so_is_the_case_of_the_name(void **state)
{
    static const uint8_t list[][4] = {{192, 0, 2, 9}, {192, 0, 2, 1}, {192, 0, 2, 5}};
    struct dns_query q = dns_world_query("Dl.GAMES.cdn.eXample", DNS_TYPE_A, "10.1.2.0", 24, &mem);
    struct dns_addresses a = {list[0], 3, 4, 30};
    struct dns_body body;
    (void)state;
    dns_body_addresses(&body, &q, &a, &mem);
    assert_int_equal(body.bytes, 3 * 16);
    send_body(&q, &body, true);
    assert_true(knot_wire_get_aa(out));
    assert_int_equal(counted(KNOT_ANSWER), 3);
    for (uint16_t i = 0; i < 3; i++) {
        const knot_rrset_t *rr = knot_pkt_rr(knot_pkt_section(packet, KNOT_ANSWER), i);
        assert_memory_equal(rr->rrs.rdata->data, list[i], 4);
        assert_int_equal(rr->ttl, 30);
    }
}

static void a_client_subnet_comes_back_with_its_scope(void **state)
{
    static const struct {
        const char *ip;
        unsigned bits;
        struct span option;
    } rows[] = {
        {"10.1.2.0", 24, {"\0\10\0\7\0\1\30\21\12\1\2", 11}},
        {"0.0.0.0", 0, {"\0\10\0\4\0\1\0\0", 8}},
        {"2001:db8::", 33, {"\0\10\0\11\0\2\41\21\40\1\15\270\0", 13}},
    };
    struct dns_body body;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_query q =
            dns_world_query("a.cdn.example", DNS_TYPE_A, rows[i].ip, rows[i].bits, &mem);
        dns_body_empty(&body, DNS_REFUSED);
        send_body(&q, &body, true);
        assert_int_equal(knot_wire_get_rcode(out), DNS_REFUSED);
        assert_false(knot_wire_get_aa(out));
        size_t n = rows[i].option.n;
        assert_memory_equal(out + out_bytes - n, rows[i].option.p, n);
        assert_int_equal(out_bytes, 12 + q.name_bytes + 4 + 11 + n);
    }
}

static void what_is_not_there_has_the_soa(void **state)
{
    struct dns_query q = dns_world_query("nothing.cdn.example", DNS_TYPE_A, "10.1.2.0", 24, &mem);
    struct dns_body body;
    (void)state;
    dns_body_negative(&body, &q, &world.zone, DNS_NXDOMAIN, &mem);
    assert_int_equal(body.bytes, 40);
    send_body(&q, &body, true);
    assert_int_equal(knot_wire_get_rcode(out), DNS_NXDOMAIN);
    assert_int_equal(counted(KNOT_AUTHORITY), 1);
    const knot_rrset_t *soa = knot_pkt_rr(knot_pkt_section(packet, KNOT_AUTHORITY), 0);
    assert_int_equal(soa->type, KNOT_RRTYPE_SOA);
    assert_int_equal(soa->ttl, 20);
    assert_int_equal(knot_soa_minimum(soa->rrs.rdata), 20);
    assert_int_equal(knot_soa_serial(soa->rrs.rdata), 7);
}

static void name_servers_come_with_addresses_where_there_is_room(void **state)
{
    struct dns_query q = dns_world_query("cdn.example", DNS_TYPE_NS, "10.1.2.0", 24, &mem);
    struct dns_body body;
    (void)state;
    dns_body_ns(&body, &q, &world.zone, &mem);
    send_body(&q, &body, false);
    assert_int_equal(counted(KNOT_ANSWER), 2);
    assert_int_equal(counted(KNOT_ADDITIONAL), 2 + 1); /* and OPT */
    send_body(&q, &body, true);
    assert_int_equal(counted(KNOT_ANSWER), 2);
    assert_int_equal(counted(KNOT_ADDITIONAL), 1);
    assert_false(dns_reply_is_cut(out));
}

static void an_https_record_is_for_the_name_itself(void **state)
{
    struct dns_query q = dns_world_query("a.cdn.example", DNS_TYPE_HTTPS, "10.1.2.0", 24, &mem);
    struct dns_body body;
    (void)state;
    dns_body_https(&body, &q, 443, 30, &mem);
    assert_int_equal(body.bytes, 12 + 19);
    dns_body_https(&body, &q, 8443, 30, &mem);
    assert_int_equal(body.bytes, 12 + 25);
    assert_memory_equal(body.wire + 12, "\0\1\0\0\1\0\14\2h2\10http/1.1\0\3\0\2\40\373", 25);
    send_body(&q, &body, true);
    assert_int_equal(counted(KNOT_ANSWER), 1);
}

/* Sixteen addresses and a short question: some of them; eight names: none, and TC. */
static void nothing_by_udp_is_more_than_twice_its_question(void **state)
{
    static const uint8_t many[DNS_BODY_RECORDS * 16];
    (void)state;
    for (size_t each = 4; each <= 16; each += 12) {
        struct dns_query q = dns_world_query("a.cdn.example", DNS_TYPE_A, "10.1.2.0", 24, &mem);
        struct dns_addresses a = {many, DNS_BODY_RECORDS, each, 30};
        struct dns_body body;
        dns_body_addresses(&body, &q, &a, &mem);
        send_body(&q, &body, false);
        assert_int_equal(counted(KNOT_ANSWER), DNS_BODY_RECORDS);
        send_body(&q, &body, true);
        size_t left = (2 * q.wire.n - q.wire.n) / (each + 12);
        assert_int_equal(counted(KNOT_ANSWER), left);
        assert_true(left >= 1);
        assert_false(dns_reply_is_cut(out));
        body.each_bytes = 0;
        send_body(&q, &body, true);
        assert_true(dns_reply_is_cut(out));
        assert_int_equal(counted(KNOT_ANSWER), 0);
    }
}

static void one_over_its_rate_is_told_to_come_by_tcp(void **state)
{
    struct dns_query q = dns_world_query("a.cdn.example", DNS_TYPE_A, "10.1.2.0", 24, &mem);
    (void)state;
    out_bytes = dns_reply_cut(&q, out);
    assert_int_equal(out_bytes, q.wire.n);
    read_back(&q);
    assert_true(dns_reply_is_cut(out));
}

static void a_server_is_named_where_that_is_asked_and_there_is_room(void **state)
{
    struct dns_query q = dns_world_query("a.cdn.example", DNS_TYPE_A, "10.1.2.0", 24, &mem);
    struct dns_body body;
    struct dns_reply r = {.body = &body, .is_udp = true, .identity = SPAN("seoul-ns1")};
    (void)state;
    dns_body_empty(&body, DNS_REFUSED);
    assert_int_equal(dns_reply_write(&q, &r, out), q.wire.n);
    q.has_nsid = true;
    out_bytes = dns_reply_write(&q, &r, out);
    assert_int_equal(out_bytes, q.wire.n + 13);
    assert_memory_equal(out + q.wire.n, "\0\3\0\11seoul-ns1", 13);
    read_back(&q);
    body.bytes = body.needed_bytes = (uint16_t)(q.wire.n - 12);
    assert_int_equal(dns_reply_write(&q, &r, out), 2 * q.wire.n - 12);
    assert_false(dns_reply_is_cut(out));
}

static void for_any_class_nobody_is_an_authority(void **state)
{
    struct dns_query q = dns_world_query("a.cdn.example", DNS_TYPE_A, "10.1.2.0", 24, &mem);
    struct dns_body body;
    (void)state;
    dns_body_negative(&body, &q, &world.zone, DNS_NXDOMAIN, &mem);
    send_body(&q, &body, false);
    assert_true(knot_wire_get_aa(out));
    q.class = DNS_CLASS_ANY;
    send_body(&q, &body, false);
    assert_false(knot_wire_get_aa(out));
}

static void a_question_that_was_not_read_is_answered_by_a_head(void **state)
{
    static const uint8_t notify[12] = {0xab, 0xcd, 0x21, 0x10, 0, 1};
    struct dns_query q;
    struct dns_body body;
    (void)state;
    assert_int_equal(dns_query_read(&q, span_make(notify, 12), &mem), DNS_NOTIMP);
    dns_body_empty(&body, DNS_NOTIMP);
    send_body(&q, &body, true);
    assert_int_equal(out_bytes, 12);
    assert_int_equal(knot_wire_get_opcode(out), KNOT_OPCODE_NOTIFY);
    assert_int_equal(knot_wire_get_rcode(out), DNS_NOTIMP);
    dns_body_empty(&body, DNS_BADVERS);
    q = dns_world_query("a.cdn.example", DNS_TYPE_A, "10.1.2.0", 24, &mem);
    send_body(&q, &body, true);
    assert_int_equal(knot_pkt_ext_rcode(packet), DNS_BADVERS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(the_order_of_addresses_is_kept_and_so_is_the_case_of_the_name),
        T(a_client_subnet_comes_back_with_its_scope),
        T(what_is_not_there_has_the_soa),
        T(name_servers_come_with_addresses_where_there_is_room),
        T(an_https_record_is_for_the_name_itself),
        T(nothing_by_udp_is_more_than_twice_its_question),
        T(one_over_its_rate_is_told_to_come_by_tcp),
        T(a_question_that_was_not_read_is_answered_by_a_head),
        T(a_server_is_named_where_that_is_asked_and_there_is_room),
        T(for_any_class_nobody_is_an_authority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
