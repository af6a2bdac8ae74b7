/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_INTERIM_H
#define EDGE_POLICY_INTERIM_H

#include "lib/site/site.h"
#include "lib/http/message.h"

/* Interim answers (1xx) of upstream: whether clients get them, and which clients (RFC 9110 s.15.2,
 * RFC 8297). Pure. */

/* interim_told: what a client gets to see of head, fields from mem, spans borrowed from head.
 * False: nothing, by the site's rule, or for want of room. */
bool interim_told(const struct site *site, const struct response_head *head,
                  struct response_head *out, struct arena *mem);
/* interim_is_for_all: whether others than the one whose request was sent may see it too. */
bool interim_is_for_all(const struct request_head *leader, const struct response_head *told);

#endif
