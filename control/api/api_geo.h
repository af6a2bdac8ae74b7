/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_GEO_H
#define CONTROL_API_API_GEO_H

#include "control/api/api_worker.h"

struct json_out;

/* The GeoIP databases told: as the member "geoip" of an object that is open (the City database, and
 * "country" and "asn" within it), and as metrics. */
void api_geo_write(struct api_worker *w, struct json_out *o);
void api_geo_write_metrics(struct api *a, struct buf *out);

#endif
