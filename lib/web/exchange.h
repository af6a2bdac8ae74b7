/* SPDX-License-Identifier: MIT */
#ifndef LIB_WEB_EXCHANGE_H
#define LIB_WEB_EXCHANGE_H

#include "lib/http/message.h"
#include "lib/net/conn.h"
#include "lib/web/body.h"

/* One request and its response, on the server's side, on any protocol version. Made by a session,
 * given to the application with on_request. Life:
 *
 *   OPEN      on_request; the application reads the request body, and answers now or later
 *   ANSWERED  exchange_respond; the session sends
 *   done      events->on_done, exactly once (also when the client goes away, at any moment after
 *             on_request began); after it the exchange is gone
 * on_done may come from inside exchange_respond (everything was sent at once).
 * Threads: its loop's. */
struct exchange;

struct exchange_events {
    /* err: 0 the whole response was handed to the kernel; ERR_CLOSED the client went away;
     * ERR_TIMEOUT it stopped reading; other: our own body broke and the stream was cut. */
    void (*on_done)(void *owner, struct exchange *x, int err);
};

/* How a session does it; private to lib/web. */
struct exchange_ops {
    void (*respond)(struct exchange *x, const struct response_head *head, struct body *body);
    int (*inform)(struct exchange *x, const struct response_head *head);
    struct body *(*request_body)(struct exchange *x);
    void (*abort)(struct exchange *x);
};

struct exchange {
    uint32_t magic;
    bool is_answered;
    /* set by the session, constant for the application */
    const struct exchange_ops *ops;
    struct loop *loop;
    struct conn *conn;
    void *listener_tag; /* what server_accept was given */
    uint64_t id;        /* unique in this process: logs */
    nsec_t began_ns;    /* monotonic, when the head was read */
    struct request_head request;
    struct arena mem; /* the exchange's; the application may use it; bounded (1 MiB) */
    /* set by the application */
    const struct exchange_events *events;
    void *owner;
    /* kept by the session; final at on_done */
    int status;
    /* Chunk framing counts as head. Of an answer that was cut on HTTP/1: without what still waited
     * in the socket, which is thrown away. */
    uint64_t head_bytes_out, body_bytes_out;
    uint64_t body_bytes_in;
    struct body *collecting; /* what exchange_collect reads */
};
#define EXCHANGE_MAGIC 0x0e8c4a61U

/* exchange_respond: head is used during the call only (spans may be the exchange's or constants);
 * takes body (NULL: none). head->content_length: of the body; for HEAD and 304 what the field shall
 * say (LENGTH_UNKNOWN: nothing). LENGTH_UNKNOWN with a body: chunked, or until close in HTTP/1.0.
 * head->is_zstd: the body is a zstd frame that holds content_length bytes, for an HTTP/1.1 client
 * that takes it (hop_takes_zstd) and no other.
 * A body that ends early or late cuts the stream. Date and Server are added where absent. */
void exchange_respond(struct exchange *x, const struct response_head *head, struct body *body);

/* exchange_reply: a short answer in one call; text is copied. type p == NULL: text/plain. */
void exchange_reply(struct exchange *x, int status, struct span type, struct span text);
/* exchange_inform: a 1xx before the answer (103); 0, or ERR_UNSUPPORTED for HTTP/1.0. */
int exchange_inform(struct exchange *x, const struct response_head *head);

/* exchange_request_body: the request's body to pull, once; NULL: there is none. Sends 100
 * (Continue) at the first pull where the client waits for it. Close it in any order with the
 * exchange; after on_done it gives ERR_CLOSED. An unread body is read away (64 KiB at most) or the
 * connection closed. */
struct body *exchange_request_body(struct exchange *x);
/* exchange_collect: reads the whole request body, at most max bytes (0x7fffffff), then calls `then`
 * with the bytes (in x->mem, whose bound is ERR_TOO_BIG too), or what broke the body: ERR_TOO_BIG,
 * ERR_CLOSED, ERR_TRUNCATED, ERR_PROTOCOL. `then` may come from inside exchange_collect. Not called
 * when on_done came before. */
typedef void (*exchange_collect_fn)(void *owner, struct exchange *x, int err, struct span bytes);
void exchange_collect(struct exchange *x, size_t max_bytes, exchange_collect_fn then);

/* exchange_abort: cut the connection (HTTP/2: reset the stream) without an answer or in its
 * middle. on_done(ERR_CANCELLED) may come inside. */
void exchange_abort(struct exchange *x);

/* Private to lib/web: a session says that x is over, exactly once. */
void exchange_done(struct exchange *x, int err);

#endif
