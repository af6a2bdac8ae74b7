/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_FORWARDED_H
#define EDGE_POLICY_FORWARDED_H

#include "lib/http/message.h"
#include "lib/site/network.h"
#include "lib/site/site.h"

/* What origins are told about the client behind us (RFC 7239, X-Forwarded-For). What a client says
 * of itself is dropped; only what a proxy says that the site trusts is kept, and added to. Pure. */
struct forwarded_ask {
    const struct site *site;
    const struct request_head *request; /* as it came */
    struct span client_ip;              /* of the connection */
    bool is_passed;                     /* for this client alone: it is told the scheme as well */
};
/* forwarded_trusts: whether what this address tells of others is believed. */
bool forwarded_trusts(const struct site *site, struct span ip);
/* forwarded_add: to has none of these fields; values from mem, or borrowed from the request. */
void forwarded_add(struct fields *to, const struct forwarded_ask *ask, struct arena *mem);

#endif
