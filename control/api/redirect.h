/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_REDIRECT_H
#define CONTROL_API_REDIRECT_H

#include "control/api/api_worker.h"

/* What is asked of a public router address. A request for a site's host is a user's: 302 to the
 * best edge (307 where the method is not GET or HEAD), as <edge URL>/<host><path>?<query>; never
 * anywhere else than to a registered edge. Of any other host only /v1/route is answered: the rest
 * is misdirected (RFC 9110 s.15.5.20). */
void redirect_answer(struct api_worker *w, struct exchange *x);

#endif
