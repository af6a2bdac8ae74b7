/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_DIAL_H
#define LIB_NET_DIAL_H

#include "lib/net/conn.h"
#include "lib/net/tls_ctx.h"

/* Outgoing connections: resolve (resolve.h; numbers and "localhost" at once), connect (RFC 8305:
 * the next address after 250 ms or a failure, the first that answers wins), TLS handshake where tls
 * is given. Threads: the loop's. */
struct dial;
struct dial_spec {
    const char *host; /* name or address; borrowed during the call only */
    int port;
    struct tls_client *tls; /* NULL: plain */
    const char *tls_name;   /* NULL: host */
    msec_t timeout_ms;      /* for all of it */
};
/* Exactly one call, never from inside dial_start: conn (the callee's) or NULL and ERR_DNS,
 * ERR_REFUSED, ERR_TIMEOUT, ERR_TLS, ERR_CERTIFICATE, ERR_IO (no descriptor or port left here). The
 * dial is gone by then: no dial_cancel from inside or after. `text` describes the failure for a log
 * line; borrowed. */
typedef void (*dial_fn)(void *ctx, struct conn *c, int err, const char *text);
struct dial *dial_start(struct loop *l, const struct dial_spec *spec, dial_fn done, void *ctx);
void dial_cancel(struct dial **d); /* no call follows */

#endif
