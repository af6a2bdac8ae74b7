/* SPDX-License-Identifier: MIT */
#include "control/route/decide.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "tests/unit/control/route/route_world.h"

#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* For most tests: two edges in Seoul, one each in Frankfurt and Virginia, one nowhere. */
static struct picture *world;
static struct place in_seoul; /* made by begin() */
static const struct place in_germany = {.is_found = true, .country = "DE"};
static const struct place nowhere;

/* What the next question is asked with; each test begins with the same. */
static struct decide_rules rules;
static struct decide_question question;

static struct place place_at(double lat, double lon, uint32_t radius_km, const char *country)
{
    struct place p = {.is_found = true,
                      .has_point = true,
                      .lat = lat,
                      .lon = lon,
                      .at = geo_point(lat, lon),
                      .radius_km = radius_km};
    memcpy(p.country, country, strlen(country));
    return p;
}

static int begin(void **state)
{
    (void)state;
    in_seoul = place_at(37.5, 127, 20, "KR");
    world = picture_create(16);
    route_world_add(world, "seoul-1", 37.5665, 126.978, "KR");
    route_world_add(world, "seoul-2", 37.5, 127.0, "KR");
    route_world_add(world, "frankfurt", 50.1109, 8.6821, "DE");
    route_world_add(world, "virginia", 39.0438, -77.4874, "US");
    route_world_add(world, "placeless", NAN, NAN, "");
    rules = (struct decide_rules){.near_km = 50, .vague_km = 500};
    question = (struct decide_question){.wanted = 5};
    return 0;
}

static int end(void **state)
{
    (void)state;
    picture_unref(&world);
    return 0;
}

static struct picture_node *node(const char *id)
{
    for (size_t i = 0; i < world->node_count; i++)
        if (span_eq(world->nodes[i].spec.id, span_of(id)))
            return &world->nodes[i];
    fail_msg("no node %s", id);
    return NULL;
}

static struct decide_verdict ask(const struct place *place, const char *ip, uint64_t key,
                                 const struct override_table *overrides)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct decide_verdict v;
    assert_int_equal(inet_pton(AF_INET, ip, &client.sin_addr), 1);
    picture_seal(world);
    rules.overrides = overrides;
    question.client = (const struct sockaddr *)&client;
    question.place = place;
    question.key_hash = key;
    decide(world, &rules, &question, &v);
    question.client = NULL;
    return v;
}

static bool is_at(const struct decide_verdict *v, size_t rank, const char *id)
{
    return rank < v->count && span_eq(v->v[rank].node->spec.id, span_of(id));
}

static void the_nearest_comes_first_and_all_others_follow(void **state)
{
    (void)state;
    struct decide_verdict v = ask(&in_seoul, "192.0.2.1", 1, NULL);
    assert_int_equal(v.count, 5);
    assert_int_equal(v.rule, DECIDE_CITY);
    assert_true(is_at(&v, 0, "seoul-1") || is_at(&v, 0, "seoul-2"));
    assert_true(is_at(&v, 2, "frankfurt"));
    assert_true(is_at(&v, 3, "virginia"));
    assert_true(is_at(&v, 4, "placeless"));
    assert_int_equal(v.v[4].rule, DECIDE_DEFAULT);
    double km = decide_km(&in_seoul, v.v[2].node);
    assert_true(km > 8400 && km < 8700 && decide_km(&in_seoul, v.v[4].node) < 0);
}

static void without_a_point_the_country_decides_and_without_one_any(void **state)
{
    (void)state;
    struct decide_verdict v = ask(&in_germany, "192.0.2.1", 1, NULL);
    assert_int_equal(v.rule, DECIDE_COUNTRY);
    assert_true(is_at(&v, 0, "frankfurt"));
    assert_int_equal(v.v[1].rule, DECIDE_DEFAULT);
    assert_int_equal(v.count, 5);
    assert_int_equal(ask(&nowhere, "192.0.2.1", 1, NULL).rule, DECIDE_DEFAULT);
}

static void edges_of_one_place_share_content_by_its_key(void **state)
{
    (void)state;
    int first[2] = {0, 0};
    for (uint64_t key = 0; key < 2000; key++) {
        uint64_t hash = hash64(&key, sizeof key);
        struct decide_verdict v = ask(&in_seoul, "192.0.2.1", hash, NULL);
        struct decide_verdict again = ask(&in_seoul, "198.51.100.9", hash, NULL);
        assert_ptr_equal(v.v[0].node, again.v[0].node);
        first[is_at(&v, 0, "seoul-2")]++;
    }
    assert_true(first[0] > 850 && first[1] > 850);
}

static void a_weight_is_a_share(void **state)
{
    (void)state;
    int heavy = 0;
    node("seoul-2")->spec.weight = 3;
    for (uint64_t key = 0; key < 4000; key++) {
        struct decide_verdict v = ask(&in_seoul, "192.0.2.1", hash64(&key, sizeof key), NULL);
        heavy += is_at(&v, 0, "seoul-2");
    }
    assert_true(heavy > 2800 && heavy < 3200);
}

static void a_vague_place_spreads_its_users(void **state)
{
    (void)state;
    struct place vague = in_seoul;
    vague.radius_km = 1000;
    route_world_add(world, "busan", 35.1796, 129.0756, "KR"); /* some 320 km from the others */
    int at_busan = 0;
    for (uint64_t key = 0; key < 300; key++) {
        uint64_t hash = hash64(&key, sizeof key);
        struct decide_verdict v = ask(&vague, "192.0.2.1", hash, NULL);
        struct decide_verdict exact = ask(&in_seoul, "192.0.2.1", hash, NULL);
        at_busan += is_at(&v, 0, "busan");
        assert_true(is_at(&exact, 2, "busan"));
    }
    assert_true(at_busan > 60 && at_busan < 140);
}

static void what_cannot_serve_comes_last_by_how_bad_it_is(void **state)
{
    (void)state;
    node("seoul-1")->health = HEALTH_DOWN;
    node("seoul-2")->mode = NODE_DRAIN;
    node("frankfurt")->mode = NODE_DOWN;
    node("placeless")->mode = NODE_FORCED;
    node("placeless")->health = HEALTH_DOWN;
    struct decide_verdict v = ask(&in_seoul, "192.0.2.1", 1, NULL);
    static const char *const order[] = {"virginia", "placeless", "seoul-2", "seoul-1"};
    static const enum standing classes[] = {STANDING_ABLE, STANDING_ABLE, STANDING_DRAIN,
                                            STANDING_DOUBTFUL};
    assert_int_equal(v.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(is_at(&v, i, order[i]));
        assert_int_equal(v.v[i].standing, classes[i]);
    }
}

static void a_node_without_the_right_url_is_no_answer(void **state)
{
    (void)state;
    question.scheme = DECIDE_HTTPS;
    assert_int_equal(ask(&in_seoul, "192.0.2.1", 1, NULL).count, 0);
    node("virginia")->spec.https_url = SPAN("https://h");
    assert_int_equal(ask(&in_seoul, "192.0.2.1", 1, NULL).count, 1);
    node("frankfurt")->spec.http_url = SPAN_NONE;
    question.scheme = DECIDE_ANY;
    assert_int_equal(ask(&in_seoul, "192.0.2.1", 1, NULL).count, 4);
}

static void at_the_antipode_nothing_loops(void **state)
{
    (void)state;
    struct place far = place_at(-37.5, -53, 0, "");
    struct decide_verdict v = ask(&far, "192.0.2.1", 1, NULL);
    assert_int_equal(v.count, 5);
    assert_true(is_at(&v, 0, "virginia"));
}

static struct override_table *table_of(const struct override *v, size_t count)
{
    struct override_table *t;
    struct buf why;
    size_t faulty;
    buf_init(&why, 512);
    assert_int_equal(override_table_create(&t, v, count, &faulty, &why), 0);
    buf_finish(&why);
    return t;
}

static void the_longest_network_that_can_serve_decides(void **state)
{
    (void)state;
    const struct span wide[] = {SPAN("virginia"), SPAN("unknown"), SPAN("frankfurt")};
    const struct span narrow[] = {SPAN("placeless")};
    const struct override rows[] = {
        {.network = SPAN("10.0.0.0/8"), .edges = wide, .edge_count = 3},
        {.network = SPAN("10.1.2.0/24"), .edges = narrow, .edge_count = 1},
        {.network = SPAN("::/0"), .edges = wide, .edge_count = 1},
    };
    struct override_table *t = table_of(rows, ARRAY_LEN(rows));
    struct decide_verdict v = ask(&in_seoul, "10.1.2.3", 1, t);
    assert_int_equal(v.rule, DECIDE_OVERRIDE);
    assert_true(is_at(&v, 0, "placeless") && is_at(&v, 1, "virginia") && is_at(&v, 2, "frankfurt"));
    assert_true(span_eq(v.override->network, SPAN("10.1.2.0/24")));
    node("placeless")->health = HEALTH_DOWN;
    v = ask(&in_seoul, "10.1.2.3", 1, t);
    assert_true(is_at(&v, 0, "virginia") && is_at(&v, 4, "placeless"));
    assert_true(span_eq(v.override->network, SPAN("10.0.0.0/8")));
    v = ask(&in_seoul, "11.0.0.1", 1, t);
    assert_true(span_eq(v.override->network, SPAN("::/0")));
    override_table_destroy(&t);
}

static void a_wrong_network_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *networks[2];
        int err;
        size_t faulty;
    } rows[] = {
        {{"10.0.0.0/8", "10.0.0.0/33"}, ERR_SYNTAX, 1},
        {{"10.0.0.1/8", "::/0"}, ERR_SYNTAX, 0},
        {{"10.0.0.0/8", "10.0.0/8"}, ERR_SYNTAX, 1},
        {{"2001:db8::/129", "::/0"}, ERR_SYNTAX, 0},
        {{"10.0.0.0/", "::/0"}, ERR_SYNTAX, 0},
        {{"", "::/0"}, ERR_SYNTAX, 0},
        {{"10.0.0.0/8", "::ffff:10.0.0.0/104"}, ERR_EXISTS, 1},
        {{"10.0.0.1", "10.0.0.2/32"}, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct override v[2] = {{.network = span_of(rows[i].networks[0])},
                                {.network = span_of(rows[i].networks[1])}};
        struct override_table *t;
        struct buf why;
        size_t faulty = 0;
        buf_init(&why, 512);
        assert_int_equal(override_table_create(&t, v, 2, &faulty, &why), rows[i].err);
        if (rows[i].err == ERR_SYNTAX)
            assert_int_equal(faulty, rows[i].faulty);
        assert_int_equal(why.n > 0, rows[i].err != 0);
        override_table_destroy(&t);
        buf_finish(&why);
    }
}

static void an_edge_that_goes_takes_only_its_own_keys_along(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 500; key++) {
        uint64_t hash = hash64(&key, sizeof key);
        struct decide_verdict before = ask(&nowhere, "192.0.2.1", hash, NULL);
        node("virginia")->health = HEALTH_DOWN;
        struct decide_verdict after = ask(&nowhere, "192.0.2.1", hash, NULL);
        node("virginia")->health = HEALTH_UP;
        size_t expected = is_at(&before, 0, "virginia") ? 1 : 0;
        assert_ptr_equal(after.v[0].node, before.v[expected].node);
    }
}

/* The shape says exactly which clients are answered alike, whatever the key. */
static void the_same_shape_means_the_same_edges_for_each_key(void **state)
{
    (void)state;
    struct place places[40];
    struct hash128 shapes[ARRAY_LEN(places)];
    uint8_t taken[16];
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct decide_question q = {.client = (const struct sockaddr *)&client, .wanted = 2};
    size_t same = 0, different = 0;
    route_world_add(world, "busan", 35.1796, 129.0756, "KR");
    node("virginia")->health = HEALTH_DOWN;
    picture_seal(world);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        places[i] = place_at(30 + (double)i, 127, i % 3 == 0 ? 400 : 5, "KR");
        places[i].has_point = i % 4 != 0;
        q.place = &places[i];
        shapes[i] = decide_shape(world, &rules, &q, taken);
    }
    for (size_t a = 0; a < ARRAY_LEN(places); a++)
        for (size_t b = 0; b < a; b++) {
            bool is_same = memcmp(&shapes[a], &shapes[b], sizeof shapes[a]) == 0, was_same = true;
            for (uint64_t key = 0; key < 64; key++) {
                uint64_t hash = hash64(&key, sizeof key);
                struct decide_verdict x = ask(&places[a], "192.0.2.1", hash, NULL);
                struct decide_verdict y = ask(&places[b], "192.0.2.1", hash, NULL);
                was_same &= x.v[0].node == y.v[0].node && x.v[1].node == y.v[1].node;
            }
            assert_int_equal(is_same, was_same);
            same += is_same;
            different += !is_same;
        }
    assert_true(same > 50 && different > 50);
}

static void a_question_for_a_family_or_one_standing_is_answered_by_those_alone(void **state)
{
    (void)state;
    question.family = NODE_IPV6;
    node("frankfurt")->spec.addresses.v6_count = 1;
    node("virginia")->spec.addresses.v6_count = 1;
    node("virginia")->health = HEALTH_DOWN;
    struct decide_verdict v = ask(&in_seoul, "192.0.2.1", 1, NULL);
    assert_int_equal(v.count, 2);
    assert_true(is_at(&v, 0, "frankfurt") && is_at(&v, 1, "virginia"));
    question.has_one_standing = true;
    assert_int_equal(ask(&in_seoul, "192.0.2.1", 1, NULL).count, 1);
    question.family = NODE_IPV4;
    assert_int_equal(ask(&in_seoul, "192.0.2.1", 1, NULL).count, 0);
}

/* What one change of the world does to a user in Seoul (or elsewhere). */
static void each_step_has_its_say(void **state)
{
    static const struct place australia = {.is_found = true, .country = "AU", .continent = "OC"};
    struct place vague_us = place_at(37.751, -97.822, 1000, "US");
    struct place vague_mongolia = place_at(46, 105, 1000, "MN");
    memcpy(vague_us.continent, "NA", 2);
    memcpy(vague_mongolia.continent, "AS", 2);
    const struct {
        const struct place *from;
        const char *changed; /* a node */
        bool is_full, is_cut;
        uint8_t price_class, site_pays;
        const char *first;
        enum decide_rule rule;
    } rows[] = {
        {&in_seoul, "seoul-1", true, false, 1, 0, "seoul-2", DECIDE_CITY},
        {&in_seoul, "seoul-1", false, true, 1, 0, "seoul-2", DECIDE_CITY},
        {&in_seoul, "seoul-2", false, false, 2, 0, "seoul-1", DECIDE_CITY}, /* the cheaper */
        {&in_seoul, "seoul-1", false, false, 2, 0, "seoul-2", DECIDE_CITY},
        {&in_germany, "frankfurt", false, false, 3, 2, "placeless", DECIDE_DEFAULT},
        {&in_germany, "frankfurt", false, false, 3, 3, "frankfurt", DECIDE_COUNTRY},
        {&in_germany, "frankfurt", true, false, 1, 0, "placeless", DECIDE_DEFAULT},
        {&australia, "placeless", false, false, 1, 0, "placeless", DECIDE_CONTINENT},
        {&vague_us, "placeless", false, false, 1, 0, "virginia", DECIDE_COUNTRY},
        {&vague_mongolia, "seoul-1", true, false, 1, 0, "seoul-2", DECIDE_CITY},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        end(NULL);
        begin(NULL);
        node("virginia")->mode = rows[i].from == &vague_us ? NODE_AUTO : NODE_DRAIN;
        node("placeless")->spec.country = SPAN("NZ");
        struct picture_node *n = node(rows[i].changed);
        n->is_full = rows[i].is_full;
        n->spec.addresses.v4_count = 1;
        n->is_cut[NODE_IPV4] = rows[i].is_cut;
        n->spec.price_class = rows[i].price_class;
        question.price_class = rows[i].site_pays;
        if (rows[i].from == &in_germany) { /* only it and the placeless one are in question */
            node("seoul-1")->mode = node("seoul-2")->mode = NODE_DRAIN;
        }
        struct decide_verdict v = ask(rows[i].from, "192.0.2.1", i, NULL);
        if (!is_at(&v, 0, rows[i].first) || v.rule != rows[i].rule)
            fail_msg("row %zu: %.*s by %.*s", i, SPAN_FMT(v.v[0].node->spec.id),
                     SPAN_FMT(decide_rule_name(v.rule)));
        assert_int_equal(v.count, 5); /* whoever is not the first is still among them */
    }
}

static void what_is_free_is_the_share(void **state)
{
    (void)state;
    node("seoul-1")->spec.capacity_mbps = 20000;
    node("seoul-2")->spec.capacity_mbps = 10000;
    node("seoul-1")->spare = 0.25; /* 5 Gb/s free against 10 */
    int first = 0;
    for (uint64_t key = 0; key < 3000; key++) {
        struct decide_verdict v = ask(&in_seoul, "192.0.2.1", hash64(&key, sizeof key), NULL);
        first += is_at(&v, 0, "seoul-1");
    }
    assert_true(first > 900 && first < 1100);
}

static void a_rule_for_an_operator_comes_after_one_for_a_network(void **state)
{
    (void)state;
    const struct span virginia[] = {SPAN("virginia")}, frankfurt[] = {SPAN("frankfurt")};
    const struct asn_rule asns[] = {{64500, virginia, 1}, {64511, frankfurt, 1}};
    const struct override cidr[] = {
        {.network = SPAN("10.1.0.0/16"), .edges = frankfurt, .edge_count = 1}};
    struct override_table *overrides = table_of(cidr, 1);
    struct place place = in_seoul;
    place.asn = 64500;
    rules.asns = asns;
    rules.asn_count = 2;
    struct decide_verdict v = ask(&place, "10.1.2.3", 1, overrides);
    assert_true(is_at(&v, 0, "frankfurt") && is_at(&v, 1, "virginia"));
    assert_int_equal(v.rule, DECIDE_OVERRIDE);
    assert_int_equal(v.v[1].rule, DECIDE_ASN);
    v = ask(&place, "10.2.2.3", 1, overrides);
    assert_true(is_at(&v, 0, "virginia"));
    assert_int_equal(v.rule, DECIDE_ASN);
    node("virginia")->health = HEALTH_DOWN;
    v = ask(&place, "10.2.2.3", 1, overrides);
    assert_int_equal(v.rule, DECIDE_CITY);
    override_table_destroy(&overrides);
}

static void note(struct heat *heat, uint64_t key, uint64_t area)
{
    struct heat_spot s = heat_find(heat, key, area);
    heat_note(heat, &s, 1);
}

static void a_hot_content_is_spread_by_users_and_no_further_than_it_must(void **state)
{
    (void)state;
    static const size_t cold_shares[] = {1, 100000}; /* the hot key among none, among many */
    for (size_t i = 0; i < ARRAY_LEN(cold_shares); i++) {
        struct heat *heat = heat_create();
        question.heat = heat;
        uint64_t hot = 12345, area = ask(&in_seoul, "192.0.2.1", hot, NULL).area;
        for (uint64_t k = 0; k < 1000; k++)
            note(heat, hot, area);
        for (uint64_t k = 0; k < cold_shares[i]; k++)
            note(heat, hash64(&k, sizeof k), area);
        int first = 0;
        for (int k = 0; k < 200; k++) {
            char ip[32];
            snprintf(ip, sizeof ip, "10.0.%d.7", k);
            struct decide_verdict v = ask(&in_seoul, ip, hot, NULL), again;
            again = ask(&in_seoul, ip, hot, NULL);
            assert_ptr_equal(v.v[0].node, again.v[0].node);
            first += is_at(&v, 0, "seoul-1");
            assert_int_equal(v.groups[0].spread, i == 0 ? 2 : v.groups[0].spread);
        }
        assert_true(first > 60 && first < 140);
        struct decide_verdict cold = ask(&in_seoul, "10.0.0.1", hash64(&area, 8), NULL);
        assert_int_equal(cold.groups[0].spread, 1);
        heat_destroy(&heat);
    }
}

static void a_verdict_tells_its_steps(void **state)
{
    (void)state;
    node("seoul-2")->mode = NODE_DRAIN;
    struct decide_verdict v = ask(&in_seoul, "192.0.2.1", 1, NULL);
    assert_int_equal(v.group_count, 5);
    assert_int_equal(v.groups[0].rule, DECIDE_CITY);
    assert_int_equal(v.groups[0].members, 1);
    double near_km = decide_band_km(v.groups[0].to_cos);
    assert_true(decide_band_km(v.groups[0].from_cos) < 1 && near_km > 40 && near_km < 100);
    assert_true(decide_band_km(v.groups[1].from_cos) == near_km);
    assert_true(decide_band_km(v.groups[1].to_cos) > 8400);
    assert_int_equal(v.groups[3].rule, DECIDE_DEFAULT);
    assert_int_equal(v.groups[4].standing, STANDING_DRAIN);
    for (size_t i = 0; i < v.count; i++)
        assert_int_equal(v.v[i].group, i);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(the_nearest_comes_first_and_all_others_follow),
        T(without_a_point_the_country_decides_and_without_one_any),
        T(edges_of_one_place_share_content_by_its_key),
        T(a_weight_is_a_share),
        T(a_vague_place_spreads_its_users),
        T(what_cannot_serve_comes_last_by_how_bad_it_is),
        T(a_node_without_the_right_url_is_no_answer),
        T(at_the_antipode_nothing_loops),
        T(the_longest_network_that_can_serve_decides),
        T(a_wrong_network_is_told),
        T(an_edge_that_goes_takes_only_its_own_keys_along),
        T(the_same_shape_means_the_same_edges_for_each_key),
        T(a_question_for_a_family_or_one_standing_is_answered_by_those_alone),
        T(each_step_has_its_say),
        T(what_is_free_is_the_share),
        T(a_rule_for_an_operator_comes_after_one_for_a_network),
        T(a_hot_content_is_spread_by_users_and_no_further_than_it_must),
        T(a_verdict_tells_its_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
