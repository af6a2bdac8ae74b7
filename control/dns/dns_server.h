/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_SERVER_H
#define CONTROL_DNS_DNS_SERVER_H

#include "control/dns/dns_counters.h"
#include "control/dns/dns_view.h"
#include "control/dns/dns_zone.h"
#include "lib/net/loop.h"

/* Authoritative DNS for the zones of the `dns` sections: a UDP and a TCP socket for each worker and
 * address. dns_server_bind, look and destroy on the main thread (destroy when all workers are
 * gone), start and stop on each worker's own. */
struct dns_server;

/* 0 and *out, or ERR_* and a line in why. */
MUST_USE int dns_server_bind(struct dns_server **out, const struct option_records *sections,
                             struct loop *main_loop, int workers, struct buf *why);
/* view: asked on the worker's thread, with ctx. */
void dns_server_start(struct dns_server *s, int worker, struct loop *l, dns_view_fn view,
                      void *ctx);
void dns_server_stop(struct dns_server *s, int worker);
/* dns_server_look: a few times a second; as dns_surveyor_look. */
void dns_server_look(struct dns_server *s, dns_view_fn view, void *ctx);
const struct dns_counters *dns_server_counters(const struct dns_server *s, int worker);
void dns_server_destroy(struct dns_server **s); /* NULL is fine */

#endif
