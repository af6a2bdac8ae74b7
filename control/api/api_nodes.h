/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_NODES_H
#define CONTROL_API_API_NODES_H

#include "control/api/api_worker.h"

/* /v1/nodes and below. app: struct api_worker. */
void api_nodes_list(void *app, struct exchange *x, const struct router_match *m);
void api_nodes_get(void *app, struct exchange *x, const struct router_match *m);
void api_nodes_put(void *app, struct exchange *x, const struct router_match *m);
void api_nodes_drain(void *app, struct exchange *x, const struct router_match *m);
void api_nodes_activate(void *app, struct exchange *x, const struct router_match *m);
void api_nodes_down(void *app, struct exchange *x, const struct router_match *m);
void api_nodes_force(void *app, struct exchange *x, const struct router_match *m);

#endif
