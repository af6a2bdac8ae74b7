/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_AUTH_H
#define CONTROL_API_AUTH_H

#include "control/api/api_worker.h"
#include "lib/web/exchange.h"

/* Who may call what: a bearer token (RFC 6750) has rights (control/access/token.h), and a row of
 * the API names those of which it takes one. The operators' token of the configuration file has
 * them all; its nodes' token speaks for any node.
 *
 * Tokens are guessed in vain (they are digests of 256 bits), but not for free: an address that
 * bears wrong ones faster than AUTH_WRONG_PER_S waits, with good ones too. Heartbeats do not: what
 * a neighbour does shall not make a node look dead. */
#define AUTH_WRONG_PER_S 2
#define AUTH_WRONG_BURST 20

enum auth_verdict {
    AUTH_PASS,
    AUTH_NO_TOKEN, /* none, or none that we know: 401 */
    AUTH_NO_RIGHT, /* known, but not for this: 403 */
    AUTH_TOO_OFTEN /* 429 */
};

/* auth_token_read: digest of the first line of file. 0, or ERR_* with a sentence in why: no such
 * file, empty, longer than 255 characters, or shorter than 16. */
MUST_USE int auth_token_read(const char *file, uint8_t digest[DIGEST_SHA256_BYTES],
                             struct buf *why);
/* auth_check: rights 0: anybody may. Sets w->caller, also where it is not AUTH_PASS. */
enum auth_verdict auth_check(struct api_worker *w, const struct exchange *x, unsigned rights);
/* auth_is_private: whether nobody on the way can read along: TLS, or this machine. Secrets are
 * taken and told only then. */
bool auth_is_private(const struct exchange *x);
/* auth_is_node: whether the caller may speak for this node. */
bool auth_is_node(const struct api_worker *w, struct span node);

#endif
