/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_AUDIT_H
#define CONTROL_API_API_AUDIT_H

#include "control/api/api_worker.h"

/* A row of the route table; app: struct api_worker. */
void api_audit(void *app, struct exchange *x, const struct router_match *m);
/* api_audit_note: an entry for what did not come through the API. Main thread. */
void api_audit_note(struct api *a, struct loop *l, const char *who, const char *what);

#endif
