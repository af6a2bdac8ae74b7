/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_NEAR_H
#define CONTROL_ROUTE_NEAR_H

#include "control/registry/picture.h"

/* How near the places of a picture are to a point, as cosines of the angle between them. Places
 * stand in the order of their latitudes, so those that are too far north or south are not looked
 * at: of a hundred all over the earth, a third are. Pure. */
struct near_point {
    double x, y, z;  /* unit vector */
    double latitude; /* the cosine of it; z is its sine */
};

struct near_point near_point_of(const struct geo_point *at);

/* near_home: the block of places among whose latitudes the point's is, or the next one northward;
 * the number of blocks where it is north of them all. */
size_t near_home(const struct picture *p, const struct near_point *at);
/* near_reaches: whether there may be a place in a block as near as `least`. Where a block is not
 * reached, none beyond it, seen from home, is. */
bool near_reaches(const struct picture *p, const struct near_point *at, size_t block, double least);
/* near_cosines: of the places of a block, and bit i where place i is as near as `least`. */
unsigned near_cosines(const struct picture *p, const struct near_point *at, size_t block,
                      double least, double out[PICTURE_BLOCK]);

static inline size_t near_blocks(const struct picture *p)
{
    return (p->place_count + PICTURE_BLOCK - 1) / PICTURE_BLOCK;
}

#endif
