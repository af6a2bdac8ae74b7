/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DASHBOARD_DASHBOARD_H
#define CONTROL_DASHBOARD_DASHBOARD_H

#include "lib/web/router.h"

/* The live page at "/" of the operators' listener, and its files under "/dashboard/". They are part
 * of the program and hold no data: the page asks the API, with the token that is typed into it.
 * Threads: any. */
void dashboard_page(void *app, struct exchange *x, const struct router_match *m);
void dashboard_file(void *app, struct exchange *x, const struct router_match *m);

#endif
