/* SPDX-License-Identifier: MIT */
/* Private to lib/web: one call of a client, and how it speaks HTTP/1 on its connection. */
#ifndef LIB_WEB_CLIENT_CALL_H
#define LIB_WEB_CLIENT_CALL_H

#include "lib/codec/zstd_reader.h"
#include "lib/net/deadlines.h"
#include "lib/web/client.h"
#include "lib/web/client_pool.h"
#include "lib/web/h1_intake.h"
#include "lib/web/h1_out.h"

/*   DIAL ──> ASK ──final head──> BODY
 *     ^       │ └──────────────────┴──> OVER      any state, when it fails
 *     └─retry─┘
 * DIAL  no connection yet
 * ASK   the request is being sent, its answer awaited
 * BODY  the owner reads the answer's body, whole or not; the request's may still be sent
 * OVER  broken: `err` says how */
enum call_state { CALL_DIAL, CALL_ASK, CALL_BODY, CALL_OVER };

/* What the peer is waited for. */
enum call_wait { CALL_WAITS_NOT, CALL_WAITS_FIRST_BYTE, CALL_WAITS_STALL };

/* Calls with the same time-out share one list of deadlines. */
struct call_times {
    struct list link; /* client->times */
    struct deadlines deadlines;
};

struct client {
    uint32_t magic;
    struct loop *loop;
    struct client_config config;
    struct client_pool pool;
    struct list calls, times;
    counter_t received; /* of all calls */
};
#define CLIENT_MAGIC 0xc11e9700U

struct call {
    uint32_t magic;
    enum call_state state;
    bool is_running, is_again, is_ended;
    bool was_reused, has_head;
    bool is_read_wanted;                   /* call_read gave ERR_AGAIN */
    bool is_send_blocked, is_send_stopped; /* the peer has to read; it reads no more */
    int err;
    const char *err_text;  /* constant or in mem */
    struct client *client; /* NULL: it was destroyed */
    struct list link;      /* client->calls */
    const struct call_events *events;
    void *ctx;
    struct arena mem;
    /* what is asked, and where */
    enum method method;
    struct span key; /* of the target, for the pool */
    struct dial_spec where;
    struct span request; /* the head as bytes */
    bool is_repeatable;  /* idempotent and without a body */
    bool takes_zstd;
    struct body *body; /* until the call begins on a connection */
    int64_t body_length;
    struct call_times *first_byte, *stall;
    /* the connection */
    struct dial *dial;
    struct conn *conn;
    bool has_peer;
    struct addr peer;
    uint64_t conn_in, conn_out;   /* its counts when the call began on it */
    uint64_t bytes_in, bytes_out; /* of the call, once the connection has gone */
    struct h1_out out;
    struct h1_intake in;
    struct response_head head;
    struct zstd_reader *zstd; /* the body's transfer coding; NULL: none */
    uint64_t decoded;
    uint32_t interims;
    /* time-outs */
    enum call_wait wait;
    struct deadline deadline;
    msec_t wait_since;
    uint64_t progress;
    struct loop_task turn;
};
#define CALL_MAGIC 0xca110f1eU

/* client_h1_begin: the call's request starts on c->conn.
 * client_h1_send: as much of it as goes now. 0, or our own body's error. What the peer does not
 * read any more is dropped: it may have answered.
 * client_h1_head: 1: c->head is final, and the body's framing set; 2: it is a 1xx to tell of;
 * ERR_AGAIN; or what failed, and c->err_text.
 * client_h1_read: as call_read.
 * client_h1_is_reusable: the answer is complete and so was the request. */
void client_h1_begin(struct call *c);
int client_h1_send(struct call *c);
int client_h1_head(struct call *c);
ssize_t client_h1_read(struct call *c, void *dst, size_t room);
bool client_h1_is_reusable(const struct call *c);

#endif
