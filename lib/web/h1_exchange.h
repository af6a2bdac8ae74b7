/* SPDX-License-Identifier: MIT */
/* Private to lib/web: a connection that speaks HTTP/1, and the exchanges on it. */
#ifndef LIB_WEB_H1_EXCHANGE_H
#define LIB_WEB_H1_EXCHANGE_H

#include "lib/web/h1_answer.h"
#include "lib/web/h1_intake.h"
#include "lib/web/session.h"

/*   AWAIT ──head──> OPEN ──exchange_respond──> ANSWER ──sent──> AWAIT
 *     │                                          │ │               ^
 *     └──bad head: refused by an answer of ours──┘ ├──> DISCARD ───┘
 *                                                  └──> LINGER ──> CLOSED
 * AWAIT    reads a head; answers to earlier, pipelined requests may be waiting to be written
 * OPEN     the application has the exchange and has not answered
 * ANSWER   the answer is being sent
 * DISCARD  answered; the rest of the request's body is read away
 * LINGER   our side has ended; reads away what the client still sends, for a while, so that it
 *          finds our answer and not a reset (RFC 9112 s.9.6)
 * Any state goes to CLOSED when the connection breaks or is cut. */
enum h1_state { H1_AWAIT, H1_OPEN, H1_ANSWER, H1_DISCARD, H1_LINGER, H1_CLOSED };

/* How far sending got. */
enum h1_flushed {
    H1_FLUSHED,     /* nothing is left */
    H1_NO_ROOM,     /* the client has to read first */
    H1_NO_BODY_YET, /* our own body calls back */
    H1_TURN_OVER,   /* others' turn: more can be sent at once */
    H1_CUT          /* s->cut says why */
};

/* A request body that nobody read is read away up to here, to keep the connection. */
#define H1_DISCARD_BYTES 65536

struct h1_session;

struct h1_exchange {
    struct exchange x;
    struct h1_session *session; /* NULL: it is over */
    struct list link;           /* session->answers or server->spare_exchanges */
    struct h1_out out;
    struct body request_body;
    bool is_body_asked, is_body_open;
    bool is_continue_settled;
    bool is_ended;        /* the application was told */
    uint8_t turns_waited; /* by its head, for its body: h1_flush.c */
};

/* What is there of a session also while its connection rests: little, since most of them do. */
struct h1_stub {
    struct session base;
    struct h1_session *session; /* NULL: it rests */
    uint32_t requests;
};

/* What it needs from the first byte of a request until the answer is sent; then the next session
 * that has something to do takes it (server->spare_sessions). */
struct h1_session {
    struct session *base; /* of the stub */
    struct h1_stub *stub;
    struct loop_task turn;
    struct list ready; /* in a batch (h1_batch.h), or spare */
    struct h1_intake in;
    enum h1_state state;
    bool is_running, is_again;
    bool is_held;        /* its batch writes later */
    bool is_body_wanted; /* the application waits for more of the request's body */
    bool is_last;        /* nothing follows the current answer */
    bool speaks_h2;      /* CLOSED for HTTP/1: the connection goes to a session of HTTP/2 */
    bool lingers;        /* and the client still sends: LINGER before the close */
    bool has_said_end;   /* LINGER: the client's end is what is waited for, not room for ours */
    enum h1_flushed flushed;
    int cut;                /* not 0: close as soon as possible, exchanges end with this */
    uint32_t turn_requests; /* left to this turn of the loop, */
    size_t turn_bytes;      /* so that nobody holds up the others */
    uint64_t discarded_bytes;
    struct h1_exchange *current; /* OPEN, ANSWER: the newest */
    struct list answers;         /* with bytes to send, oldest first; current is the last of them */
    uint32_t answer_count;
};

/* h1_exchange_open: a fresh one, from the server's spare ones where there are some.
 * h1_exchange_end: tells the application. hx is gone then, or once its request body is closed. */
struct h1_exchange *h1_exchange_open(struct h1_session *s);
void h1_exchange_end(struct h1_exchange *hx, int err);
extern const struct exchange_ops h1_exchange_ops;

#endif
