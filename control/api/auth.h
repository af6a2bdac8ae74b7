/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_AUTH_H
#define CONTROL_API_AUTH_H

#include "control/api/api_config.h"
#include "lib/web/exchange.h"

/* Who may call what: a bearer token (RFC 6750) for nodes, another for operators. */
enum auth_right { AUTH_OPEN, AUTH_NODE, AUTH_OPERATOR };

/* auth_token_read: the first line of file. 0, or ERR_* with a sentence in why: no such file, empty,
 * longer than API_TOKEN_BYTES - 1, or shorter than 16 characters. */
MUST_USE int auth_token_read(const char *file, char out[API_TOKEN_BYTES], struct buf *why);
/* auth_may: whether the request bears the token. Takes the same time whatever it bears. */
bool auth_may(const struct api_config *c, const struct exchange *x, enum auth_right right);

#endif
