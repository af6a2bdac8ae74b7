/* SPDX-License-Identifier: MIT
 * Places near a point. An angle is never less than the difference of the latitudes. */
#include "control/route/near.h"

#include <math.h>
#include <string.h>

#define ROUNDING 1e-12 /* more than sums of a few products may be off */

/* Two numbers at once: what each processor can. */
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t answers __attribute__((vector_size(16)));

struct near_point near_point_of(const struct geo_point *at)
{
    return (struct near_point){at->x, at->y, at->z, sqrt(at->x * at->x + at->y * at->y)};
}

size_t near_home(const struct picture *p, const struct near_point *at)
{
    size_t from = 0, to = near_blocks(p);
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (p->points[middle].north.sine < at->z)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static double between(const struct near_point *at, const struct picture_latitude *l)
{
    return at->z * l->sine + at->latitude * l->cosine;
}

bool near_reaches(const struct picture *p, const struct near_point *at, size_t block, double least)
{
    const struct picture_block *b = &p->points[block];
    if (at->z > b->north.sine)
        return between(at, &b->north) + ROUNDING >= least;
    return at->z >= b->south.sine || between(at, &b->south) + ROUNDING >= least;
}

unsigned near_cosines(const struct picture *p, const struct near_point *at, size_t block,
                      double least, double out[PICTURE_BLOCK])
{
    const struct picture_block *b = &p->points[block];
    const pair x = {at->x, at->x}, y = {at->y, at->y}, z = {at->z, at->z}, bound = {least, least};
    static const answers bits[] = {{1, 2}, {4, 8}, {16, 32}, {64, 128}};
    answers near = {0};
    _Static_assert(ARRAY_LEN(bits) * 2 == PICTURE_BLOCK, "a bit for each");
    for (size_t i = 0; i < PICTURE_BLOCK; i += 2) {
        pair c =
            x * *(const pair *)&b->x[i] + y * *(const pair *)&b->y[i] + z * *(const pair *)&b->z[i];
        near |= (c >= bound) & bits[i / 2];
        memcpy(&out[i], &c, sizeof c);
    }
    size_t left = p->place_count - block * PICTURE_BLOCK;
    unsigned there = left < PICTURE_BLOCK ? (1U << left) - 1 : (1U << PICTURE_BLOCK) - 1;
    return (unsigned)(near[0] | near[1]) & there;
}
