/* SPDX-License-Identifier: MIT */
#include "control/dns/dns_atlas.h"

#include "tests/unit/control/dns/dns_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define WANTED 2

static struct dns_world world;
static struct dns_atlas *atlas;
static uint64_t seed;

static const char csv[] = "10.0.0.0/9,Seoul,KR,AS,37.5,127,20\n"
                          "10.128.0.0/9,Seoul,KR,AS,37.5,127,21\n" /* another record, same edges */
                          "10.5.0.0/16,Frankfurt,DE,EU,50.1,8.7,5\n"
                          "10.5.128.0/17,,US,NA,,,\n"
                          "11.0.0.0/8,Ashburn,US,NA,39,-77.5,1000\n"
                          "192.168.7.0/24,Nowhere,,,0,0,20000\n"
                          "2001:db8::/32,Seoul,KR,AS,37.5,127,20\n"
                          "2001:db8:8000::/33,Frankfurt,DE,EU,50.1,8.7,20\n";

static int begin(void **state)
{
    (void)state;
    seed = 1;
    dns_world_begin(&world);
    dns_world_add(&world, "busan", 35.2, 129.1, "192.0.2.4 2001:db8::4");
    dns_world_add(&world, "seoul-2", 37.6, 126.9, "192.0.2.5");
    return 0;
}

static int end(void **state)
{
    (void)state;
    dns_atlas_unref(&atlas);
    dns_world_end(&world);
    return 0;
}

static void draw(void)
{
    struct dns_view v = dns_world_view(&world);
    dns_atlas_unref(&atlas);
    assert_int_equal(dns_atlas_create(&atlas, &v, WANTED), 0);
    assert_true(dns_atlas_fits(atlas, &v));
}

static uint64_t any(void)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return hash64(&seed, sizeof seed);
}

static uint8_t *bytes_of(struct addr *a)
{
    return a->any.sa_family == AF_INET6 ? a->v6.sin6_addr.s6_addr : (uint8_t *)&a->v4.sin_addr;
}

/* Some address that has the first `bits` bits of a. */
static struct addr within(struct addr a, unsigned bits)
{
    unsigned room = a.any.sa_family == AF_INET6 ? 128 : 32;
    for (unsigned i = bits; i < room; i++)
        if ((any() & 1) != 0)
            bytes_of(&a)[i / 8] ^= (uint8_t)(0x80 >> i % 8);
    return a;
}

static struct addr somewhere(void)
{
    static const char *const near[] = {
        "20.1.2.3",    "20.200.0.1", "2001:db8:9000::1", "10.5.1.1",    "10.5.200.1",
        "10.200.0.1",  "11.1.1.1",   "10.1.2.3",         "192.168.7.1", "8.8.8.8",
        "2001:db8::1", "2001:dc0::", "2001:db8:8000::1", "2002:a00::",  "::"};
    struct addr a;
    assert_int_equal(addr_parse_ip(span_of(near[any() % ARRAY_LEN(near)]), &a), 0);
    return within(a, (unsigned)(any() % 33));
}

static struct decide_verdict decided(const struct addr *client, enum node_family family,
                                     uint64_t key)
{
    struct place place;
    struct decide_verdict v;
    geo_set_find(world.geo, &client->any, true, &place);
    struct decide_question q = {.client = &client->any,
                                .place = &place,
                                .key_hash = key,
                                .family = family,
                                .has_one_standing = true,
                                .wanted = WANTED};
    decide(world.picture, &world.rules, &q, &v);
    return v;
}

static void check_same(const struct addr *a, const struct addr *b)
{
    for (uint64_t key = 1; key < 20; key++)
        for (int family = NODE_IPV4; family <= NODE_IPV6; family++) {
            uint64_t hash = hash64(&key, sizeof key);
            struct decide_verdict x = decided(a, (enum node_family)family, hash);
            struct decide_verdict y = decided(b, (enum node_family)family, hash);
            assert_int_equal(x.count, y.count);
            for (size_t i = 0; i < x.count; i++)
                assert_ptr_equal(x.v[i].node, y.v[i].node);
        }
}

static struct dns_region found(const struct addr *a)
{
    struct dns_region r;
    dns_atlas_find(atlas, &a, 1, &r);
    return r;
}

/* Side by side, whoever stands beside whom, clients are found as each is alone. */
static void check_many(void)
{
    struct addr clients[100];
    const struct addr *many[ARRAY_LEN(clients)];
    struct dns_region regions[ARRAY_LEN(clients)];
    for (size_t count = 1; count <= ARRAY_LEN(clients); count += count < 20 ? 1 : 40) {
        for (size_t i = 0; i < count; i++) {
            clients[i] = somewhere();
            many[i] = &clients[i];
        }
        dns_atlas_find(atlas, many, count, regions);
        for (size_t i = 0; i < count; i++) {
            struct dns_region alone = found(&clients[i]);
            assert_int_equal(regions[i].id, alone.id);
            assert_int_equal(regions[i].bits, alone.bits);
        }
    }
}

/* Every address inside a scope gets the same answer, and no wider network would do. */
static void check_scopes(void)
{
    for (int i = 0; i < 3000; i++) {
        struct addr a = somewhere();
        struct dns_region r = found(&a);
        assert_true(r.bits <= (a.any.sa_family == AF_INET6 ? 128U : 32U));
        check_same(&a, &dns_atlas_resident(atlas, r.id)->client);
        struct addr other = within(a, r.bits);
        check_same(&a, &other);
        struct dns_region again = found(&other);
        assert_int_equal(again.id, r.id);
        assert_int_equal(again.bits, r.bits);
        if (r.bits == 0)
            continue;
        struct addr beyond = a;
        bytes_of(&beyond)[(r.bits - 1) / 8] ^= (uint8_t)(0x80 >> (r.bits - 1) % 8);
        again = found(&beyond);
        assert_true(again.id != r.id || again.bits > r.bits);
    }
    check_many();
}

static unsigned scope_of(const char *ip)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(span_of(ip), &a), 0);
    return found(&a).bits;
}

static void who_knows_no_places_answers_all_alike(void **state)
{
    (void)state;
    draw();
    assert_int_equal(dns_atlas_regions(atlas), 1);
    assert_int_equal(scope_of("192.0.2.1"), 0);
    assert_int_equal(scope_of("2001:db8::1"), 0);
    check_scopes();
}

static void a_scope_is_as_wide_as_its_answer(void **state)
{
    (void)state;
    dns_world_load(&world, GEO_CITY, csv);
    draw();
    assert_int_equal(scope_of("10.200.0.1"), 9); /* 10.0.0.0/9 has a hole */
    assert_int_equal(scope_of("10.5.1.1"), 17);
    assert_int_equal(scope_of("10.4.1.1"), 16);
    assert_int_equal(scope_of("2001:db8::1"), 33);
    check_scopes();
}

static void overrides_cut_regions_and_join_them(void **state)
{
    static const struct span frankfurt[] = {{"frankfurt", 9}}, virginia[] = {{"virginia", 8}};
    static const struct override rows[] = {
        {.network = {"10.0.0.0/8", 10}, .edges = frankfurt, .edge_count = 1},
        {.network = {"10.1.2.3", 8}, .edges = virginia, .edge_count = 1},
        {.network = {"2001:db8::/30", 13}, .edges = frankfurt, .edge_count = 1},
        {.network = {"::/1", 4}, .edges = virginia, .edge_count = 1},
    };
    (void)state;
    dns_world_load(&world, GEO_CITY, csv);
    dns_world_override(&world, rows, ARRAY_LEN(rows));
    draw();
    assert_int_equal(scope_of("10.1.2.3"), 32);
    assert_int_equal(scope_of("10.1.2.2"), 32);
    assert_int_equal(scope_of("10.2.0.0"), 15);
    assert_int_equal(scope_of("10.200.0.1"), 9);
    check_scopes();
}

/* Three trees with different cuts: a country where the city is not known, and an operator. */
static void other_databases_cut_regions_too(void **state)
{
    static const struct span virginia[] = {{"virginia", 8}};
    static const struct asn_rule asns[] = {{64500, virginia, 1}};
    (void)state;
    dns_world_load(&world, GEO_CITY, csv);
    dns_world_load(&world, GEO_COUNTRY,
                   "10.0.0.0/8,,US,NA\n20.0.0.0/7,,DE,EU\n20.1.0.0/16,,KR,AS\n"
                   "2001:db8::/32,,DE,EU\n");
    dns_world_load(&world, GEO_ASN,
                   "10.5.0.0/18,64500,A\n20.0.0.0/9,64501,B\n20.200.0.0/16,64500,A\n"
                   "2001:db8:8000::/34,64500,A\n");
    world.picture->nodes[1].spec.country = span_of("DE");
    dns_world_changed(&world);
    draw();
    assert_int_equal(scope_of("20.1.1.1"), 16);
    check_scopes();
    world.rules.asns = asns;
    world.rules.asn_count = ARRAY_LEN(asns);
    draw();
    assert_int_equal(scope_of("20.200.1.1"), 16);
    assert_int_equal(scope_of("10.5.1.1"), 18);
    check_scopes();
}

static void an_atlas_of_other_edges_does_not_fit(void **state)
{
    (void)state;
    draw();
    struct dns_view v = dns_world_view(&world);
    v.config_version++;
    assert_false(dns_atlas_fits(atlas, &v));
    dns_world_add(&world, "late", 1, 1, "192.0.2.99");
    v = dns_world_view(&world);
    assert_false(dns_atlas_fits(atlas, &v));
    assert_false(dns_atlas_fits(NULL, &v));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(who_knows_no_places_answers_all_alike), T(a_scope_is_as_wide_as_its_answer),
        T(overrides_cut_regions_and_join_them),   T(other_databases_cut_regions_too),
        T(an_atlas_of_other_edges_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
