/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_STATUS_H
#define CONTROL_API_API_STATUS_H

#include "control/api/api_worker.h"

/* How the control plane is: GET /v1/status (JSON), /metrics (Prometheus), /healthz (it answers),
 * /readyz (it has a registry and a state). app: struct api_worker. */
void api_status(void *app, struct exchange *x, const struct router_match *m);
void api_status_metrics(void *app, struct exchange *x, const struct router_match *m);
/* api_status_write_metrics: the same text; any thread. */
void api_status_write_metrics(struct api *a, struct buf *out);
/* api_status_openapi: the description of all rows, openapi.json of this folder. */
void api_status_openapi(void *app, struct exchange *x, const struct router_match *m);
void api_status_health(void *app, struct exchange *x, const struct router_match *m);

#endif
