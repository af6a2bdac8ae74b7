/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_COST_H
#define CONTROL_API_API_COST_H

#include "control/api/api_worker.h"

/* GET /v1/cost: the month so far, in bytes and money. app: struct api_worker. */
void api_cost(void *app, struct exchange *x, const struct router_match *m);

#endif
