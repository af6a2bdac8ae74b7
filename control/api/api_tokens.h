/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_TOKENS_H
#define CONTROL_API_API_TOKENS_H

#include "lib/web/router.h"

/* Rows of the route table; app: struct api_worker. The text of a token is in the answer to the
 * request that made it, and nowhere else. */
void api_tokens_list(void *app, struct exchange *x, const struct router_match *m);
void api_tokens_make(void *app, struct exchange *x, const struct router_match *m);
void api_tokens_delete(void *app, struct exchange *x, const struct router_match *m);

#endif
