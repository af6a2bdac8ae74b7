/* SPDX-License-Identifier: MIT
 * Places near a point. An angle is never less than the difference of the latitudes. */
#include "control/route/near.h"

#include <math.h>
#include <string.h>

#define ROUNDING 1e-12 /* more than sums of a few products may be off */

/* Two numbers at once: what each processor can. */
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t answers __attribute__((vector_size(16)));

void near_point_set(struct near_point *p, double lat, double lon)
{
    picture_point(lat, lon, &p->x, &p->y, &p->z);
    p->latitude = sqrt(p->x * p->x + p->y * p->y);
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

size_t near_cosines(const struct picture *p, const struct near_point *at, size_t block,
                    double least, double out[PICTURE_BLOCK])
{
    const struct picture_block *b = &p->points[block];
    const pair x = {at->x, at->x}, y = {at->y, at->y}, z = {at->z, at->z}, bound = {least, least};
    answers near = {0};
    for (size_t i = 0; i < PICTURE_BLOCK; i += 2) {
        pair c =
            x * *(const pair *)&b->x[i] + y * *(const pair *)&b->y[i] + z * *(const pair *)&b->z[i];
        near |= c >= bound;
        memcpy(&out[i], &c, sizeof c);
    }
    if ((near[0] | near[1]) == 0)
        return 0;
    size_t left = p->place_count - block * PICTURE_BLOCK;
    return left < PICTURE_BLOCK ? left : PICTURE_BLOCK;
}
