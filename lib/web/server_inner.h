/* SPDX-License-Identifier: MIT */
/* Private to lib/web: what a server and its sessions know of each other on every protocol. */
#ifndef LIB_WEB_SERVER_INNER_H
#define LIB_WEB_SERVER_INNER_H

#include "lib/base/pool.h"
#include "lib/http/date.h"
#include "lib/net/deadlines.h"
#include "lib/web/server.h"
#include "lib/web/server_counters.h"
#include "lib/web/spares.h"

/* What a session waits for from its client. WAIT_NOTHING: it is our turn. */
enum session_wait {
    WAIT_NOTHING,
    WAIT_HEAD,   /* handshake and head */
    WAIT_IDLE,   /* the next request */
    WAIT_STALL,  /* progress of a body, in either direction */
    WAIT_LINGER, /* the client's own end, after ours */
    WAIT_KINDS
};

struct session;
struct session_ops {
    void (*run)(struct session *s);   /* something changed: goes on; may close it */
    void (*drain)(struct session *s); /* no further requests; may close the session inside */
    void (*cut)(struct session *s);   /* closes it inside; exchanges end with ERR_CLOSED */
    void (*time_out)(struct session *s, enum session_wait kind);
};

struct session {
    struct list link; /* server->sessions */
    const struct session_ops *ops;
    struct server *server;
    struct conn *conn;
    void *tag;
    struct deadline deadline;
    enum session_wait wait;
    uint64_t progress_bytes; /* when the stall time-out began */
};

/* Of h1_batch.c. */
struct server_batch {
    struct list sessions;
    uint32_t count;
    struct loop_task turn;
};

struct server {
    uint32_t magic;
    /* constant */
    struct loop *loop;
    server_fn on_request;
    void (*on_round)(void *app); /* or NULL */
    void *app;
    /* set by the owner */
    struct server_config config;
    char *server_line; /* "Server: name\r\n", or "" */
    size_t server_line_bytes;
    bool is_draining;
    void (*on_drained)(void *ctx);
    void *drained_ctx;
    /* changed by sessions */
    struct list sessions;
    uint32_t session_count;
    struct deadlines waits[WAIT_KINDS];
    struct deadlines h2_stalls; /* made by the first session of HTTP/2 */
    struct server_batch batch;
    struct loop_task drained;
    uint64_t next_id;
    struct spares spare_sessions;                 /* struct h1_session, by its ready */
    struct spares spare_exchanges, spare_streams; /* h1_exchange, h2_stream */
    struct pool pool;                             /* what nghttp2's sessions allocate */
    sec_t date_s;                                 /* second that date_line tells */
    char date_line[6 + DATE_BYTES + 2];
    struct server_counters count;
};
#define SERVER_MAGIC 0x5e12fe21U

/* server_date_line: "Date: ...\r\n" of this second. server_session_ended: the last one drains. */
struct span server_date_line(struct server *s);
void server_session_ended(struct server *s);

#endif
