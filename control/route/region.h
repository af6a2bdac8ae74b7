/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_REGION_H
#define CONTROL_ROUTE_REGION_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Regions with a boundary that no answer crosses, for law or licence: users in a region's countries
 * get edges of that region only, whatever their state; and unless it is open to guests, users from
 * elsewhere get none of its edges. An edge is in the region that its record names. Pure. */
#define REGION_MAX           32
#define REGION_MAX_COUNTRIES 256

struct region {
    struct span name;
    uint64_t hash;                            /* of the name, as in picture_edge */
    uint16_t countries[REGION_MAX_COUNTRIES]; /* picture_code */
    size_t country_count;
    uint16_t continent; /* all of it, but for countries that other regions name; 0: none */
    bool takes_guests;
};

struct region_table {
    struct region v[REGION_MAX];
    size_t count;
};

/* region_of: of users in a country and continent (picture_code; 0: unknown); NULL: none. */
const struct region *region_of(const struct region_table *t, uint16_t country, uint16_t continent);
/* region_lets: whether users in `home` (NULL: none) may have an edge of the region `of_edge`. */
bool region_lets(const struct region_table *t, const struct region *home, uint64_t of_edge);

#endif
