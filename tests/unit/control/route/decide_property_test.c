/* SPDX-License-Identifier: MIT
 * What holds in every world, whatever its edges and users. */
#include "control/route/decide.h"

#include "lib/base/hrw.h"
#include "tests/unit/control/route/route_world.h"

#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct picture *world;
static struct decide_rules rules;
static struct decide_question question;

static int begin(void **state)
{
    (void)state;
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

static struct decide_verdict ask(const struct place *place, uint64_t key)
{
    static const struct sockaddr_in client = {.sin_family = AF_INET};
    struct decide_verdict v;
    picture_seal(world);
    question.client = (const struct sockaddr *)&client;
    question.place = place;
    question.key_hash = key;
    decide(world, &rules, &question, &v);
    return v;
}

static uint64_t dice = 1;

static uint64_t roll(uint64_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (dice >> 33) % below;
}

static const char *const countries[] = {"KR", "DE", "US", "CN", "FR", ""};

static void make_world(char ids[16][16])
{
    end(NULL);
    world = picture_create(16);
    world->price_limits = 1U << 2;
    for (int i = 0; i < 16; i++) {
        snprintf(ids[i], 16, "n%d", i);
        bool has_point = roll(5) > 0;
        struct picture_node *n =
            route_world_add(world, ids[i], has_point ? (double)roll(14) * 10 - 70 : NAN,
                            has_point ? (double)roll(20) * 18 - 180 : NAN, countries[roll(6)]);
        n->mode = (enum node_mode)(roll(3) == 0 ? roll(NODE_MODE_COUNT) : NODE_AUTO);
        n->health = (enum health_state)(roll(3) == 0 ? roll(HEALTH_STATE_COUNT) : HEALTH_UP);
        n->is_full = roll(6) == 0;
        n->spare = (double)(1 + roll(16)) / 16;
        n->spec.price_class = (uint8_t)(1 + roll(3));
        n->spec.region = roll(4) == 0 ? SPAN("cn") : roll(4) == 0 ? SPAN("eu") : SPAN_NONE;
    }
    picture_seal(world);
}

static struct place some_place(void)
{
    static const char *const continents[] = {"AS", "EU", "NA", "AS", "EU", ""};
    struct place p = {.is_found = true,
                      .has_point = roll(3) > 0,
                      .lat = (double)roll(140) - 70,
                      .lon = (double)roll(360) - 180,
                      .radius_km = (uint32_t)roll(3) * 400};
    p.at = geo_point(p.lat, p.lon);
    uint64_t c = roll(6);
    memcpy(p.country, countries[c], strlen(countries[c]));
    memcpy(p.continent, continents[c], strlen(continents[c]));
    return p;
}

static struct region_table two_regions(void)
{
    struct region_table t = {.count = 2};
    t.v[0] = (struct region){.name = SPAN("cn"), .hash = hash64("cn", 2), .country_count = 1};
    t.v[0].countries[0] = picture_code(SPAN("CN"));
    t.v[1] = (struct region){.name = SPAN("eu"),
                             .hash = hash64("eu", 2),
                             .continent = picture_code(SPAN("EU")),
                             .takes_guests = true};
    return t;
}

/* Which edges of the world the user may have at all. */
static size_t reachable(const struct region_table *t, const struct place *p)
{
    const struct region *home =
        region_of(t, picture_code(span_of(p->country)), picture_code(span_of(p->continent)));
    size_t count = 0;
    for (size_t i = 0; i < world->node_count; i++) {
        const struct picture_edge *e = &world->edges[world->nodes[i].edge];
        count += world->nodes[i].mode != NODE_DOWN && region_lets(t, home, e->region);
    }
    return count;
}

static void check_verdict(const struct decide_verdict *v, const struct region_table *t,
                          const struct place *p)
{
    size_t all = reachable(t, p);
    assert_int_equal(v->count, all < question.wanted ? all : question.wanted);
    for (size_t i = 0; i < v->count; i++) {
        assert_true(region_lets(t, v->region, v->v[i].edge->region));
        assert_true(v->v[i].node->mode != NODE_DOWN);
        if (i > 0) /* never a worse standing before a better one */
            assert_true(v->v[i - 1].standing <= v->v[i].standing);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(v->v[i].node, v->v[k].node);
    }
}

static void as_many_as_there_are_and_never_over_a_boundary(void **state)
{
    (void)state;
    char ids[16][16];
    struct region_table regions = two_regions();
    rules.regions = &regions;
    for (int i = 0; i < 300; i++) {
        make_world(ids);
        for (int k = 0; k < 20; k++) {
            struct place p = some_place();
            question.wanted = 3 + roll(14);
            question.price_class = (uint8_t)roll(4);
            struct decide_verdict v = ask(&p, roll(1000));
            check_verdict(&v, &regions, &p);
            struct decide_verdict again = ask(&p, question.key_hash);
            assert_ptr_equal(v.count > 0 ? v.v[0].node : NULL,
                             again.count > 0 ? again.v[0].node : NULL);
        }
    }
}

/* Whoever `gone` did not serve stays where he was. */
static void check_moves(const struct place *p, struct picture_node *gone, uint64_t key)
{
    enum node_mode mode = gone->mode;
    struct decide_verdict before = ask(p, hash64(&key, sizeof key));
    gone->mode = NODE_DOWN;
    struct decide_verdict after = ask(p, hash64(&key, sizeof key));
    gone->mode = mode;
    for (size_t a = 0, b = 0; b < after.count; a++)
        if (before.v[a].node != gone)
            assert_ptr_equal(before.v[a].node, after.v[b++].node);
}

static void an_edge_that_goes_moves_nobody_else(void **state)
{
    (void)state;
    char ids[16][16];
    question.wanted = 16;
    for (int i = 0; i < 300; i++) {
        make_world(ids);
        struct place p = some_place();
        p.has_point =
            false; /* bands are measured from the nearest, which may be the one that goes */
        for (uint64_t key = 0; key < 20; key++)
            check_moves(&p, &world->nodes[roll(16)], key);
    }
}

/* ---- by distance, as a look at each edge finds it ---- */

#define CROWD    60
#define NEAR_MAX 3000

static double cosine_to(const struct place *p, const struct picture_node *n)
{
    struct geo_point to = geo_point(n->spec.lat, n->spec.lon);
    return p->at.x * to.x + p->at.y * to.y + p->at.z * to.z;
}

static bool is_able(const struct picture_node *n)
{
    return n->health == HEALTH_UP && n->mode == NODE_AUTO;
}

/* Of the edges from `least` up to `below`, which are not as good as `worse_than`, the best. */
static const struct picture_node *best_between(const struct place *p, double least, double below,
                                               const struct picture_node *worse_than)
{
    const struct picture_node *best = NULL;
    double most = worse_than == NULL ? INFINITY : 0, best_score = 0;
    if (worse_than != NULL)
        most = hrw_score(question.key_hash, worse_than->hash, 1);
    for (size_t i = 0; i < world->node_count; i++) {
        const struct picture_node *n = &world->nodes[i];
        double cosine = cosine_to(p, n), score = hrw_score(question.key_hash, n->hash, 1);
        if (!is_able(n) || cosine < least || cosine >= below || score >= most)
            continue;
        if (score > best_score) {
            best_score = score;
            best = n;
        }
    }
    return best;
}

static double nearest_cosine(const struct place *p, double below)
{
    double nearest = -2;
    for (size_t i = 0; i < world->node_count; i++) {
        double cosine = cosine_to(p, &world->nodes[i]);
        if (is_able(&world->nodes[i]) && cosine < below && cosine > nearest)
            nearest = cosine;
    }
    return nearest;
}

static double end_of_band(double nearest)
{
    double turn = rules.near_km / GEO_EARTH_KM;
    if (nearest <= -cos(turn))
        return -2;
    double sine = nearest < 1 ? sqrt((1 - nearest) * (1 + nearest)) : 0;
    return fmin(nearest, nearest * cos(turn) - sine * sin(turn));
}

static void check_distances(const struct place *p)
{
    struct decide_verdict v = ask(p, roll(1000000));
    double below = 2, least = 2;
    const struct picture_node *last = NULL;
    for (size_t i = 0; i < v.count; i++) {
        const struct picture_node *next = best_between(p, least, below, last);
        if (next == NULL) {
            below = least;
            least = end_of_band(nearest_cosine(p, below));
            next = best_between(p, least, below, NULL);
        }
        assert_ptr_equal(v.v[i].node, next);
        last = next;
    }
}

/* Few points, so that several edges have one; bands from one place to half of the earth. */
static void bands_are_those_that_a_look_at_each_edge_finds(void **state)
{
    static char ids[CROWD][16];
    (void)state;
    for (int i = 0; i < 400; i++) {
        size_t count = 1 + roll(CROWD);
        end(NULL);
        world = picture_create(count);
        for (size_t k = 0; k < count; k++) {
            snprintf(ids[k], sizeof ids[k], "n%zu", k);
            struct picture_node *n = route_world_add(world, ids[k], (double)roll(40) * 4 - 80,
                                                     (double)roll(40) * 9 - 180, "");
            n->health = roll(4) == 0 ? HEALTH_DOWN : HEALTH_UP;
        }
        picture_seal(world);
        rules.near_km = (double)(1 + roll(NEAR_MAX));
        question.has_one_standing = true;
        for (int k = 0; k < 20; k++) {
            struct place p = {.is_found = true, .has_point = true};
            p.lat = (double)roll(1700) / 10 - 85;
            p.lon = (double)roll(3600) / 10 - 180;
            p.at = geo_point(p.lat, p.lon);
            question.wanted = 1 + roll(DECIDE_MAX);
            if (nearest_cosine(&p, 2) > -2)
                check_distances(&p);
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(as_many_as_there_are_and_never_over_a_boundary),
        T(an_edge_that_goes_moves_nobody_else),
        T(bands_are_those_that_a_look_at_each_edge_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
