/* SPDX-License-Identifier: MIT
 * Who may be served from where. Pure. */
#include "control/route/region.h"

static bool has_country(const struct region *r, uint16_t country)
{
    for (size_t i = 0; i < r->country_count; i++)
        if (r->countries[i] == country)
            return true;
    return false;
}

const struct region *region_of(const struct region_table *t, uint16_t country, uint16_t continent)
{
    for (size_t i = 0; country != 0 && i < t->count; i++)
        if (has_country(&t->v[i], country))
            return &t->v[i];
    for (size_t i = 0; continent != 0 && i < t->count; i++)
        if (t->v[i].continent == continent)
            return &t->v[i];
    return NULL;
}

bool region_lets(const struct region_table *t, const struct region *home, uint64_t of_edge)
{
    if (home != NULL)
        return of_edge == home->hash;
    if (of_edge == 0)
        return true;
    for (size_t i = 0; i < t->count; i++)
        if (t->v[i].hash == of_edge)
            return t->v[i].takes_guests;
    return true; /* of a region that nobody declared */
}
