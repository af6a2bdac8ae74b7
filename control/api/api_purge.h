/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_PURGE_H
#define CONTROL_API_API_PURGE_H

#include "control/api/api_worker.h"

/* POST /v1/purge {"url": "..."} or {"site": "..."}, with "soft": true for stale rather than gone:
 * 202 once it is durable, with its "seq". GET /v1/purges/{seq}: what became of it, node by node.
 * app: struct api_worker. */
void api_purge_order(void *app, struct exchange *x, const struct router_match *m);
void api_purge_get(void *app, struct exchange *x, const struct router_match *m);

#endif
