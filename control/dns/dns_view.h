/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_VIEW_H
#define CONTROL_DNS_DNS_VIEW_H

#include "control/route/decide.h"
#include "lib/geo/geo_set.h"

/* What names are answered from: one moment of the registry and of the configuration, borrowed from
 * who assembles the program until it is asked for the next one. */
struct dns_view {
    const struct picture *picture;
    const struct geo_set *geo; /* NULL: no database */
    const struct decide_rules *rules;
    uint64_t config_version; /* of geo and rules */
};
typedef struct dns_view (*dns_view_fn)(void *ctx);

#endif
