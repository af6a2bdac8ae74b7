/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_RESOLVE_H
#define LIB_NET_RESOLVE_H

#include "lib/net/addr.h"
#include "lib/net/loop.h"

/* Names turned into addresses by /etc/hosts and by DNS, both families at once, and kept for as long
 * as their TTL says (1 s to 1 h), one table a loop. Threads: the loop's.
 *
 * A name that is asked for in the last fifth of its TTL is looked up anew behind the back of who
 * asks. One whose TTL is over waits for the new answer, but for no more than a second: then, or
 * where nobody answers, the old one serves for up to a day (RFC 8767), while it is looked for every
 * five seconds. That a name does not exist is believed at once. */
#define RESOLVE_ADDRS_MAX 8
struct resolved { /* without ports; IPv6 and IPv4 in turn (RFC 8305 s.4), a good one first */
    struct addr v[RESOLVE_ADDRS_MAX];
    int count;
};

struct lookup;
/* r: borrowed; NULL: no address, and why (constant). */
typedef void (*resolve_fn)(void *ctx, const struct resolved *r, const char *why);
/* resolve_start: NULL: *known is the answer, and no call follows; else one call later, unless it is
 * cancelled. host is borrowed during the call. */
struct lookup *resolve_start(struct loop *l, const char *host, struct resolved *known,
                             resolve_fn done, void *ctx);
void resolve_cancel(struct lookup **l);
/* resolve_prefer: a connection to that address of host came about first: the next begins there. */
void resolve_prefer(struct loop *l, const char *host, const struct addr *a);
/* resolve_has: whether connections to that address may go on being used for host: unless it is
 * known, by an answer that still holds, to have other ones now. Looks anew like resolve_start. */
bool resolve_has(struct loop *l, const char *host, const struct addr *a);

/* resolve_hosts: addresses of name in a file of the form of /etc/hosts (hosts(5)); for tests too.
 * Reads it: a short local file, and no more often than once in a name's 30 s. */
bool resolve_hosts(const char *file, struct span name, struct resolved *out);

#endif
