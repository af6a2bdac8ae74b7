/* SPDX-License-Identifier: MIT */
#ifndef LIB_WEB_SERVER_H
#define LIB_WEB_SERVER_H

#include "lib/web/exchange.h"
#include "lib/net/tls_ctx.h"

/* The server side of HTTP on one loop: sessions on accepted connections, limits, time-outs,
 * graceful
 * end. One per worker; everything on its loop's thread.
 *
 * Time-outs spare the slow and cut the dead: the head within head_ms of its first byte; an idle
 * keep-alive connection lasts idle_ms; while a body is sent or read, at least min_progress_bytes
 * must
 * move in each stall_ms. A connection that waits for its next request holds no buffer. */
struct server;
struct server_config {
    msec_t head_ms, idle_ms, stall_ms;
    uint32_t min_progress_bytes;
    uint32_t head_bytes; /* larger: 431 (at most LOOP_BUF_BYTES) */
    uint32_t target_bytes;
    uint32_t requests_per_conn; /* 0: no bound */
    uint32_t conns;             /* beyond: closed at once, counted */
    const char *server_name;    /* Server field; "" : none */
};
extern const struct server_config server_config_default;

typedef void (*server_fn)(void *app, struct exchange *x); /* must set x->events before it returns */

struct server *server_create(struct loop *l, const struct server_config *config,
                             server_fn on_request, void *app);
/* server_accept: takes fd. tls NULL: plain. tag: handed to exchanges (which listener it was). */
void server_accept(struct server *s, int fd, const struct addr *peer, struct tls_server *tls,
                   void *tag);
/* server_set_round: on_round comes when a batch of requests, one of each of some connections, was
 * given to on_request and before any of their answers is written. Who answers them there has them
 * side by side, and their answers still go out together. Not all requests come in batches, so what
 * waits for a round needs another end too (a loop_task). */
void server_set_round(struct server *s, void (*on_round)(void *app));
void server_set_config(struct server *s, const struct server_config *config);
/* server_drain: idle connections close now, others after the exchange they are in (which says
 * Connection: close). on_drained comes once none is left. server_destroy cuts what is left. */
void server_drain(struct server *s, void (*on_drained)(void *ctx), void *ctx);
void server_destroy(struct server **s);

struct server_counters; /* server_counters.h */
const struct server_counters *server_counters_of(const struct server *s);

#endif
