/* SPDX-License-Identifier: MIT
 * Places found by latitude are those that a look at all of them finds. */
#include "control/route/near.h"

#include "tests/unit/control/route/route_world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MOST     100
#define ID_BYTES 24

static uint64_t dice = 1;

static double roll(double from, double to)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return from + (to - from) * (double)(dice >> 33) / (double)(1U << 31);
}

static double some_latitude(void)
{
    double d = roll(0, 10);
    return d < 1 ? 90 : d < 2 ? -90 : d < 4 ? floor(roll(-9, 9)) * 10 : roll(-90, 90);
}

static struct picture *world_of(size_t nodes, char ids[MOST][ID_BYTES])
{
    struct picture *p = picture_create(nodes);
    for (size_t i = 0; i < nodes; i++) {
        snprintf(ids[i], sizeof ids[i], "e%zu", i);
        route_world_add(p, ids[i], some_latitude(), roll(-180, 180), "");
    }
    picture_seal(p);
    return p;
}

/* How many places are as near as `least`, by the blocks that are said to be reached. */
static size_t by_latitude(const struct picture *p, const struct near_point *at, double least)
{
    size_t found = 0, from = near_home(p, at);
    double c[PICTURE_BLOCK];
    while (from > 0 && near_reaches(p, at, from - 1, least))
        from--;
    for (size_t b = from; b < near_blocks(p) && near_reaches(p, at, b, least); b++)
        found += (size_t)__builtin_popcount(near_cosines(p, at, b, least, c));
    return found;
}

static size_t among_all(const struct picture *p, const struct near_point *at, double least)
{
    size_t found = 0;
    double c[PICTURE_BLOCK];
    for (size_t b = 0; b < near_blocks(p); b++) {
        (void)near_cosines(p, at, b, least, c);
        for (size_t i = b * PICTURE_BLOCK; i < p->place_count && i < (b + 1) * PICTURE_BLOCK; i++)
            found += c[i % PICTURE_BLOCK] >= least;
    }
    return found;
}

static void all_places_that_are_near_are_found(void **state)
{
    static char ids[MOST][ID_BYTES];
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct picture *p = world_of((size_t)roll(0, MOST), ids);
        for (int k = 0; k < 50; k++) {
            struct geo_point point = geo_point(some_latitude(), roll(-180, 180));
            struct near_point at = near_point_of(&point);
            double least = k == 0 ? -2 : cos(roll(0, 3.1415));
            assert_int_equal(by_latitude(p, &at, least), among_all(p, &at, least));
        }
        picture_unref(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_places_that_are_near_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
