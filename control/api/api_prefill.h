/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_PREFILL_H
#define CONTROL_API_API_PREFILL_H

#include "control/api/api_worker.h"

/* router_fn; app is the struct api_worker. */
void api_prefill_order(void *app, struct exchange *x, const struct router_match *m);
void api_prefill_list(void *app, struct exchange *x, const struct router_match *m);
void api_prefill_get(void *app, struct exchange *x, const struct router_match *m);
void api_prefill_cancel(void *app, struct exchange *x, const struct router_match *m);

#endif
