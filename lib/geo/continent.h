/* SPDX-License-Identifier: MIT */
#ifndef LIB_GEO_CONTINENT_H
#define LIB_GEO_CONTINENT_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* continent_of: of a country (ISO 3166-1 alpha-2, capitals): AF AN AS EU NA OC SA, or "" where it
 * is none. Pure. */
const char *continent_of(struct span country);
bool continent_is(struct span code); /* one of those */

#endif
