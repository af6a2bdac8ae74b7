/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_ROUTE_H
#define CONTROL_API_API_ROUTE_H

#include "control/api/round.h"

/* GET /v1/route?client=IP&host=H&path=P[&n=3][&scheme=http|https][&explain=1]: the ranked edges
 * for a user (client: else who asks). app: struct api_worker. */
void api_route(void *app, struct exchange *x, const struct router_match *m);
/* api_route_ask: the same, of who is in a round already. */
bool api_route_ask(struct api_worker *w, struct exchange *x, struct round_question *q);

#endif
