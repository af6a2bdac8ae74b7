/* SPDX-License-Identifier: MIT */
#include "tests/unit/control/route/route_world.h"

#include "lib/base/hash.h"

#include <math.h>

struct picture_node *route_world_add(struct picture *p, const char *id, double lat, double lon,
                                     const char *country)
{
    struct picture_node *n = &p->nodes[p->node_count++];
    *n = (struct picture_node){.spec = {.id = span_of(id),
                                        .http_url = SPAN("http://h"),
                                        .country = span_of(country),
                                        .lat = lat,
                                        .lon = lon,
                                        .has_point = !isnan(lat),
                                        .weight = 1,
                                        .price_class = 1},
                               .health = HEALTH_UP,
                               .spare = 1,
                               .hash = hash64(id, strlen(id))};
    map_put(p->node_by_id, n->spec.id, n);
    return n;
}
