/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_SITES_H
#define CONTROL_API_API_SITES_H

#include "control/api/api_worker.h"

/* /v1/sites and below. app: struct api_worker. */
void api_sites_list(void *app, struct exchange *x, const struct router_match *m);
void api_sites_get(void *app, struct exchange *x, const struct router_match *m);
void api_sites_delete(void *app, struct exchange *x, const struct router_match *m);
void api_sites_put(void *app, struct exchange *x, const struct router_match *m);

#endif
