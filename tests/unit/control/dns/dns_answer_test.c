/* SPDX-License-Identifier: MIT */
#include "control/dns/dns_answer.h"

#include "tests/unit/control/dns/dns_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct dns_world world;
static struct arena mem;
static struct loop *loop;
static struct timer timer;
static struct dns_surveyor *surveyor;
static struct dns_answerer *answerer;
static struct dns_counters counters;

static void on_timer(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static int begin(void **state)
{
    (void)state;
    arena_init(&mem, 8 << 20);
    dns_world_begin(&world);
    dns_world_load(&world, GEO_CITY,
                   "10.0.0.0/9,Seoul,KR,AS,37.5,127,20\n"
                   "10.128.0.0/9,Frankfurt,DE,EU,50.1,8.7,5\n");
    loop = loop_create();
    if (loop == NULL)
        return -1;
    timer_init(&timer, loop, on_timer);
    counters = (struct dns_counters){0};
    surveyor = dns_surveyor_create(loop, 2);
    answerer = dns_answerer_create(
        &(struct dns_answerer_spec){&world.zone, surveyor, dns_world_view, &world, &counters});
    return 0;
}

static int end(void **state)
{
    (void)state;
    dns_answerer_destroy(&answerer);
    dns_surveyor_destroy(&surveyor);
    timer_finish(&timer);
    loop_destroy(&loop);
    dns_world_end(&world);
    arena_finish(&mem);
    return 0;
}

static void survey(void)
{
    struct dns_survey mine = {0};
    dns_surveyor_look(surveyor, dns_world_view, &world);
    for (int i = 0; i < 500 && dns_surveyor_now(surveyor, &mine) == NULL; i++) {
        timer_set(&timer, 10);
        loop_run(loop);
    }
    assert_non_null(mine.held);
    dns_survey_finish(&mine);
}

static struct dns_answer answer(const struct dns_query *q, const struct addr *sender)
{
    static struct dns_asked asked;
    asked = (struct dns_asked){.query = q, .sender = sender};
    dns_answer_look(answerer, &asked, 1);
    return dns_answer_find(answerer, &asked, &mem);
}

static struct dns_answer ask(const char *name, uint16_t type, const char *client, unsigned bits)
{
    static struct dns_query q;
    struct addr sender;
    assert_int_equal(addr_parse_ip(SPAN("10.200.0.1"), &sender), 0); /* Frankfurt's */
    q = dns_world_query(name, type, client, bits, &mem);
    return answer(&q, &sender);
}

static bool leads_to(const struct dns_answer *a, size_t rank, const uint8_t ip[4])
{
    return a->body->answers > rank && memcmp(a->body->wire + 16 * rank + 12, ip, 4) == 0;
}

/* Of the first record, whose name is a pointer. */
static unsigned ttl_of(struct dns_answer a)
{
    assert_true(a.body->answers > 0);
    return (unsigned)a.body->wire[8] << 8 | a.body->wire[9];
}

static const uint8_t seoul[4] = {192, 0, 2, 1}, seoul_b[4] = {192, 0, 2, 11};
static const uint8_t frankfurt[4] = {192, 0, 2, 2};

static void a_site_leads_to_the_nearest_edges_of_the_client_not_the_resolver(void **state)
{
    (void)state;
    survey();
    struct dns_answer a = ask("dl.example.com.cdn.example", DNS_TYPE_A, "10.1.0.0", 16);
    assert_int_equal(a.body->answers, 3); /* two edges, the first with two addresses */
    assert_true(leads_to(&a, 0, seoul) && leads_to(&a, 1, seoul_b) && leads_to(&a, 2, frankfurt));
    assert_int_equal(a.scope_bits, 9);
    a = ask("a.wild.example.cdn.example", DNS_TYPE_A, "0.0.0.0", 0); /* wants no part of this */
    assert_true(leads_to(&a, 0, frankfurt));
    a = ask("play.cdn.example", DNS_TYPE_AAAA, "10.1.0.0", 16);
    assert_int_equal(a.body->answers, 2);
    assert_int_equal(a.body->each_bytes, 28);
}

static void an_answer_is_remembered_until_what_it_came_from_changes(void **state)
{
    (void)state;
    survey();
    for (int i = 0; i < 100; i++) {
        struct dns_answer a = ask("games.cdn.example", DNS_TYPE_A, "10.1.0.0", 16);
        assert_true(leads_to(&a, 0, seoul));
    }
    assert_int_equal(atomic_load(&counters.decisions), 1);
    world.picture->nodes[0].health = HEALTH_DOWN;
    world.picture->version++; /* and the same routing: as if nothing that counts had changed */
    struct dns_answer a = ask("games.cdn.example", DNS_TYPE_A, "10.1.0.0", 16);
    assert_true(leads_to(&a, 0, seoul));
    dns_world_changed(&world);
    a = ask("games.cdn.example", DNS_TYPE_A, "10.1.0.0", 16);
    assert_true(leads_to(&a, 0, frankfurt));
    assert_int_equal(a.scope_bits, 32); /* no atlas for these edges yet */
    assert_int_equal(atomic_load(&counters.unmapped), 1);
}

static void only_edges_of_the_best_standing_are_in_an_answer(void **state)
{
    (void)state;
    for (size_t i = 1; i < world.picture->node_count; i++)
        world.picture->nodes[i].health = HEALTH_DOWN;
    dns_world_changed(&world);
    struct dns_answer a = ask("games.cdn.example", DNS_TYPE_A, "10.200.0.0", 16);
    assert_int_equal(a.body->answers, 2);
    assert_true(leads_to(&a, 0, seoul) && leads_to(&a, 1, seoul_b));
    world.picture->nodes[0].health = HEALTH_DOWN; /* all bad: the least bad, for a short time */
    dns_world_changed(&world);
    a = ask("games.cdn.example", DNS_TYPE_A, "10.200.0.0", 16);
    assert_true(leads_to(&a, 0, frankfurt));
    assert_int_equal(a.body->wire[9], 5);
}

static void https_is_told_where_all_edges_have_it_at_one_port(void **state)
{
    static const struct {
        const char *seoul, *frankfurt;
        bool is_told;
    } rows[] = {
        {"", "", false},
        {"https://a", "", false},
        {"https://a", "https://b", true},
        {"https://a:8443/x", "https://[2001:db8::1]:8443", true},
        {"https://a:8443", "https://b", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        world.picture->nodes[0].spec.https_url = span_of(rows[i].seoul);
        world.picture->nodes[1].spec.https_url = span_of(rows[i].frankfurt);
        world.picture->nodes[2].mode = NODE_DOWN;
        dns_world_changed(&world);
        struct dns_answer a = ask("games.cdn.example", DNS_TYPE_HTTPS, "10.1.0.0", 16);
        assert_int_equal(a.body->answers, rows[i].is_told);
    }
    world.picture->nodes[1].spec.https_url = SPAN("https://b:8443");
    dns_world_changed(&world);
    assert_int_equal(ttl_of(ask("games.cdn.example", DNS_TYPE_HTTPS, "10.1.0.0", 16)), 30);
    world.picture->nodes[0].health = world.picture->nodes[1].health = HEALTH_DOWN;
    dns_world_changed(&world); /* the least bad: for as short a time as their addresses */
    assert_int_equal(ttl_of(ask("games.cdn.example", DNS_TYPE_HTTPS, "10.1.0.0", 16)), 5);
}

static void each_question_has_its_kind_of_answer(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
        enum dns_rcode rcode;
        uint16_t answers, authorities;
    } rows[] = {
        {"cdn.example", DNS_TYPE_SOA, DNS_NOERROR, 1, 0},
        {"cdn.example", DNS_TYPE_NS, DNS_NOERROR, 2, 0},
        {"cdn.example", DNS_TYPE_A, DNS_NOERROR, 0, 1},
        {"cdn.example", DNS_TYPE_ANY, DNS_NOERROR, 1, 0},
        {"ns1.cdn.example", DNS_TYPE_A, DNS_NOERROR, 1, 0},
        {"ns1.cdn.example", DNS_TYPE_AAAA, DNS_NOERROR, 1, 0},
        {"ns2.cdn.example", DNS_TYPE_A, DNS_NOERROR, 0, 1},
        {"virginia.cdn.example", DNS_TYPE_A, DNS_NOERROR, 1, 0},
        {"virginia.cdn.example", DNS_TYPE_AAAA, DNS_NOERROR, 0, 1},
        {"virginia.cdn.example", DNS_TYPE_HTTPS, DNS_NOERROR, 0, 1},
        {"games.cdn.example", 16, DNS_NOERROR, 0, 1},
        {"example.com.cdn.example", DNS_TYPE_A, DNS_NOERROR, 0, 1},
        {"nothing.cdn.example", DNS_TYPE_A, DNS_NXDOMAIN, 0, 1},
        {"other.example", DNS_TYPE_A, DNS_REFUSED, 0, 0},
        {"cdn.example", 252, DNS_REFUSED, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_answer a = ask(rows[i].name, rows[i].type, "10.1.0.0", 16);
        assert_int_equal(a.body->rcode, rows[i].rcode);
        assert_int_equal(a.body->answers, rows[i].answers);
        assert_int_equal(a.body->authorities, rows[i].authorities);
        assert_int_equal(a.scope_bits, 0);
    }
}

static void any_type_is_answered_with_one_that_is_there(void **state)
{
    (void)state;
    dns_world_add(&world, "six", 1, 2, "2001:db8::6");
    dns_world_changed(&world);
    struct dns_answer a = ask("six.cdn.example", DNS_TYPE_ANY, "10.1.0.0", 16);
    assert_int_equal(a.body->answers, 1);
    assert_int_equal(a.body->each_bytes, 28);
    a = ask("seoul.cdn.example", DNS_TYPE_ANY, "10.1.0.0", 16);
    assert_int_equal(a.body->answers, 2);
    assert_int_equal(a.body->each_bytes, 16);
    a = ask("nobody.cdn.example", DNS_TYPE_ANY, "10.1.0.0", 16);
    assert_int_equal(a.body->rcode, DNS_NXDOMAIN);
}

static void a_server_tells_its_own_name_in_chaos_only(void **state)
{
    static const char *const names[] = {"id.server", "Hostname.bind", "version.bind", "server"};
    static const char record[] = "\300\14\0\20\0\3\0\0\0\0\0\12\11seoul-ns1";
    struct addr sender;
    (void)state;
    assert_int_equal(addr_parse_ip(SPAN("10.200.0.1"), &sender), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dns_query q = dns_world_query(names[i], DNS_TYPE_TXT, "10.1.0.0", 16, &mem);
        assert_int_equal(answer(&q, &sender).body->rcode, DNS_REFUSED);
        q.class = DNS_CLASS_CH;
        struct dns_answer a = answer(&q, &sender);
        assert_int_equal(a.body->rcode, i < 2 ? DNS_NOERROR : DNS_REFUSED);
        assert_int_equal(a.body->bytes, i < 2 ? sizeof record - 1 : 0);
        assert_memory_equal(a.body->wire, record, a.body->bytes);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_site_leads_to_the_nearest_edges_of_the_client_not_the_resolver),
        T(an_answer_is_remembered_until_what_it_came_from_changes),
        T(only_edges_of_the_best_standing_are_in_an_answer),
        T(https_is_told_where_all_edges_have_it_at_one_port),
        T(each_question_has_its_kind_of_answer),
        T(any_type_is_answered_with_one_that_is_there),
        T(a_server_tells_its_own_name_in_chaos_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
