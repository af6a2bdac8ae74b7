/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_LISTEN_H
#define LIB_DAEMON_LISTEN_H

#include "lib/base/option.h"
#include "lib/web/server.h"

/* The `listen` and `certificate` sections that every program has, and what follows from them: bound
 * sockets for each worker, accepted connections into the worker's server, certificates swapped
 * while connections run.
 *
 * bind on the main thread at start; start and stop on each worker's own thread; reload on the main
 * thread; destroy when all workers are gone. */
struct listen_options {
    const char *name;
    int line;
    const char *address; /* "0.0.0.0:8080", "[::]:8443"; port 0: the system chooses */
    bool tls;
    bool http2;
};
extern const struct option_section listen_section; /* titled, any number */

struct certificate_options {
    const char *name;
    int line;
    const char *chain, *key; /* PEM files */
};
extern const struct option_section certificate_section; /* titled, any number */

struct listen_set;
/* listen_check: for --check-config: addresses, and that TLS listeners have a certificate that
 * loads. */
MUST_USE int listen_check(const struct option_records *listens,
                          const struct option_records *certificates, const char *file,
                          struct buf *why);
/* listen_bind: 0 and *out, or ERR_* and in why one line each: which listener, what is wrong (a port
 * that is taken). Addresses are copied; logs "listening". */
struct listen_bind_spec {
    const struct option_records *listens, *certificates;
    const char *file;
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
/* listen_reload: new certificates for connections from now on, or ERR_* and the old ones stay. */
MUST_USE int listen_reload(struct listen_set *set, const struct option_records *certificates,
                           const char *file, struct buf *why);
size_t listen_count(const struct listen_set *set);
const struct listen_tag *listen_at(const struct listen_set *set, size_t i);
void listen_destroy(struct listen_set **set);

#endif
