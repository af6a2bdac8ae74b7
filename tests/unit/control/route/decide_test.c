/* SPDX-License-Identifier: MIT */
#include "control/route/decide.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"

#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* For most tests: two edges in Seoul, one each in Frankfurt and Virginia, one nowhere. */
static struct picture *world;
static const struct place in_seoul = {
    .is_found = true, .has_point = true, .lat = 37.5, .lon = 127, .radius_km = 20, .country = "KR"};
static const struct place in_germany = {.is_found = true, .country = "DE"};
static const struct place nowhere;

static struct picture_node *add(struct picture *p, const char *id, double lat, double lon,
                                const char *country)
{
    struct picture_node *n = &p->nodes[p->node_count++];
    *n = (struct picture_node){.spec = {.id = span_of(id),
                                        .http_url = SPAN("http://h"),
                                        .country = span_of(country),
                                        .lat = lat,
                                        .lon = lon,
                                        .has_point = !isnan(lat),
                                        .weight = 1},
                               .health = HEALTH_UP,
                               .hash = hash64(id, strlen(id))};
    if (n->spec.has_point)
        picture_point(lat, lon, &n->x, &n->y, &n->z);
    map_put(p->node_by_id, n->spec.id, n);
    return n;
}

static int begin(void **state)
{
    (void)state;
    world = picture_create(16);
    add(world, "seoul-1", 37.5665, 126.978, "KR");
    add(world, "seoul-2", 37.5, 127.0, "KR");
    add(world, "frankfurt", 50.1109, 8.6821, "DE");
    add(world, "virginia", 39.0438, -77.4874, "US");
    add(world, "placeless", NAN, NAN, "");
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
    struct decide_rules rules = {.overrides = overrides, .near_km = 50};
    struct decide_question q = {
        .client = (const struct sockaddr *)&client, .place = place, .key_hash = key, .wanted = 5};
    decide(world, &rules, &q, &v);
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
    assert_true(v.v[2].km > 8400 && v.v[2].km < 8700 && v.v[4].km < 0);
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
    add(world, "busan", 35.1796, 129.0756, "KR"); /* some 320 km from the others */
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
    static const enum decide_class classes[] = {DECIDE_ABLE, DECIDE_ABLE, DECIDE_DRAIN,
                                                DECIDE_DOUBTFUL};
    assert_int_equal(v.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(is_at(&v, i, order[i]));
        assert_int_equal(v.v[i].class, classes[i]);
    }
}

static void a_node_without_the_right_url_is_no_answer(void **state)
{
    (void)state;
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct decide_verdict v;
    struct decide_rules rules = {.near_km = 50};
    struct decide_question q = {.client = (const struct sockaddr *)&client,
                                .place = &in_seoul,
                                .scheme = DECIDE_HTTPS,
                                .wanted = 3};
    decide(world, &rules, &q, &v);
    assert_int_equal(v.count, 0);
    node("virginia")->spec.https_url = SPAN("https://h");
    decide(world, &rules, &q, &v);
    assert_int_equal(v.count, 1);
    node("frankfurt")->spec.http_url = SPAN_NONE;
    q.scheme = DECIDE_ANY;
    q.wanted = DECIDE_MAX;
    decide(world, &rules, &q, &v);
    assert_int_equal(v.count, 4);
}

static void at_the_antipode_nothing_loops(void **state)
{
    (void)state;
    struct place far = {.is_found = true, .has_point = true, .lat = -37.5, .lon = -53};
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
    struct decide_rules rules = {.near_km = 50};
    uint8_t taken[16];
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct decide_question q = {.client = (const struct sockaddr *)&client, .wanted = 2};
    size_t same = 0, different = 0;
    add(world, "busan", 35.1796, 129.0756, "KR");
    node("virginia")->health = HEALTH_DOWN;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        places[i] = (struct place){.has_point = i % 4 != 0,
                                   .lat = 30 + (double)i,
                                   .lon = 127,
                                   .radius_km = i % 3 == 0 ? 400 : 5,
                                   .country = "KR"};
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

static void a_question_for_a_family_or_one_class_is_answered_by_those_alone(void **state)
{
    (void)state;
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct decide_verdict v;
    struct decide_rules rules = {.near_km = 50};
    struct decide_question q = {.client = (const struct sockaddr *)&client,
                                .place = &in_seoul,
                                .family = DECIDE_IPV6,
                                .wanted = 5};
    node("frankfurt")->spec.addresses.v6_count = 1;
    node("virginia")->spec.addresses.v6_count = 1;
    node("virginia")->health = HEALTH_DOWN;
    decide(world, &rules, &q, &v);
    assert_int_equal(v.count, 2);
    assert_true(is_at(&v, 0, "frankfurt") && is_at(&v, 1, "virginia"));
    q.has_one_class = true;
    decide(world, &rules, &q, &v);
    assert_int_equal(v.count, 1);
    q.family = DECIDE_IPV4;
    decide(world, &rules, &q, &v);
    assert_int_equal(v.count, 0);
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
        T(a_question_for_a_family_or_one_class_is_answered_by_those_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
