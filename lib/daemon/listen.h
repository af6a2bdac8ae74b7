/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_LISTEN_H
#define LIB_DAEMON_LISTEN_H

#include "lib/base/option.h"
#include "lib/daemon/certificates.h"
#include "lib/web/server.h"

/* The `listen` section that every program has, and what follows from it: bound sockets for each
 * worker, accepted connections into the worker's server.
 *
 * bind on the main thread at start; start and stop on each worker's own thread; destroy when all
 * workers are gone. */
struct listen_options {
    const char *name;
    int line;
    const char *address; /* "0.0.0.0:8080", "[::]:8443"; port 0: the system chooses */
    bool tls;
    bool http2;
    const char *client_ca; /* PEM file; "": clients need no certificate */
};
extern const struct option_section listen_section; /* titled, any number */

struct listen_set;
/* listen_check: for --check-config: addresses, and that TLS listeners have a certificate (or will
 * be given one), and that authorities of clients load. */
MUST_USE int listen_check(const struct option_records *listens, bool has_certificate,
                          const char *file, struct buf *why);
/* listen_bind: 0 and *out, or ERR_* and in why one line each: which listener, what is wrong (a port
 * that is taken). Addresses are copied; logs "listening". */
struct listen_bind_spec {
    const struct option_records *listens;
    struct certificates *certificates; /* borrowed for the set's life */
    int workers;
};
MUST_USE int listen_bind(struct listen_set **out, const struct listen_bind_spec *spec,
                         struct buf *why);
/* listen_start: accepted connections go to s; their exchanges' listener_tag is a const struct
 * listen_tag *. */
struct listen_tag {
    const char *name;    /* the section's title */
    struct addr address; /* as bound */
    bool is_tls;
};
void listen_start(struct listen_set *set, int worker, struct loop *l, struct server *s);
void listen_stop(struct listen_set *set, int worker);
void listen_destroy(struct listen_set **set);

#endif
