/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_HEARTBEAT_H
#define CONTROL_API_API_HEARTBEAT_H

#include "control/api/api_worker.h"

/* POST /v1/nodes/{id}/heartbeat (lib/proto/README.md). app: struct api_worker. */
void api_heartbeat(void *app, struct exchange *x, const struct router_match *m);

#endif
