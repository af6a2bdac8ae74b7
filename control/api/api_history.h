/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_HISTORY_H
#define CONTROL_API_API_HISTORY_H

#include "control/api/api_worker.h"

/* Rows of the route table; app: struct api_worker. */
void api_history_list(void *app, struct exchange *x, const struct router_match *m);
void api_history_get(void *app, struct exchange *x, const struct router_match *m);
void api_history_rollback(void *app, struct exchange *x, const struct router_match *m);
/* api_history_tick: does what the rollout finds due. Main thread, a few times a second. */
void api_history_tick(struct api *a, struct loop *l);

#endif
