/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CONTROL_ROUTE_ROUTE_WORLD_H
#define TESTS_UNIT_CONTROL_ROUTE_ROUTE_WORLD_H

#include "control/registry/picture.h"

/* An edge that is up and free, at a point (NAN: none); seal the picture afterwards. */
struct picture_node *route_world_add(struct picture *p, const char *id, double lat, double lon,
                                     const char *country);

#endif
