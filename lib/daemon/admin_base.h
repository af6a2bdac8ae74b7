/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_ADMIN_BASE_H
#define LIB_DAEMON_ADMIN_BASE_H

#include "lib/base/option.h"
#include "lib/daemon/certificates.h"
#include "lib/web/router.h"
#include "lib/web/server.h"

/* The admin listener that every program has: its own address, never a public one, on the main
 * thread's loop. GET /metrics, /healthz and /readyz are here; further rows are the program's.
 * Threads: the main thread. */
struct admin_options {
    const char *address;    /* "": no admin listener */
    const char *token_file; /* "": none needed (loopback); else Authorization: Bearer <token> */
    bool tls;               /* with the program's certificates */
    const char *client_ca;  /* PEM file; "": clients need no certificate */
};
extern const struct option_section admin_section; /* single */

struct admin_base;
struct admin_base_spec {
    const struct admin_options *options;
    struct certificates *certificates; /* borrowed; may be NULL where options->tls is false */
    const struct router_row *rows;     /* ended by pattern NULL; NULL: none */
    void *app;                         /* handed to rows and callbacks */
    void (*metrics)(void *app, struct buf *out);  /* Prometheus text */
    bool (*is_ready)(void *app, struct buf *why); /* NULL: always; why: one line when not */
};
/* 0 and *out (NULL where no address is configured), or ERR_* and a line in why. With a token file
 * everything but /healthz and /readyz needs the token (compared in constant time). */
MUST_USE int admin_base_start(struct admin_base **out, struct loop *l,
                              const struct admin_base_spec *spec, struct buf *why);
void admin_base_stop(struct admin_base **a);
/* admin_check: for --check-config; of the options in config. */
MUST_USE int admin_check(const struct admin_options *options, bool has_certificate,
                         const struct option_config *config, struct buf *why);

#endif
