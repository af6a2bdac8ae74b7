/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_REDIRECT_H
#define CONTROL_API_REDIRECT_H

#include "control/api/api_worker.h"

/* What is asked of a public router address. A request for a site's host is a user's: 302 to the
 * best edge (307 where the method is not GET or HEAD), as <edge URL>/<host><path>?<query>; never
 * anywhere else than to a registered edge. */

/* redirect_user: host in lower case; answers. false: it is no site's, and nothing was answered. */
bool redirect_user(struct api_worker *w, struct exchange *x, struct span host);

#endif
