/* SPDX-License-Identifier: MIT */
/* Private to lib/web: a connection that speaks HTTP/2, and the exchanges on it. */
#ifndef LIB_WEB_H2_STREAM_H
#define LIB_WEB_H2_STREAM_H

#include "lib/web/h2_guard.h"
#include "lib/web/h2_intake.h"
#include "lib/web/h2_out.h"
#include "lib/web/session.h"

/*   OPEN ──drain, bound of requests──> NOTICED ──PING answered, or no answer──> LAST
 *     │                                   │                                       │
 *     └──────────── a flood, a broken rule of the protocol ──> LEAVING <──────────┘ no stream left
 *                                                                 │
 *                                                     written ──> LINGER ──> CLOSED
 * OPEN     streams come and go
 * NOTICED  GOAWAY has announced the end, requests on their way are still taken (RFC 9113 s.6.8)
 * LAST     GOAWAY has named the last stream; ends with it
 * LEAVING  nothing is read or begun; what is queued goes out
 * LINGER   our side has ended; what still comes is read away, so that the client finds our GOAWAY
 *          and not a reset
 * Any state goes to CLOSED when the connection breaks or is cut. */
enum h2_state { H2_OPEN, H2_NOTICED, H2_LAST, H2_LEAVING, H2_LINGER, H2_CLOSED };

struct h2_stream;

struct h2_session {
    struct session base;
    struct loop_task turn;
    struct deadline stall;   /* of its streams: h2_stall.h */
    uint64_t progress_bytes; /* of the connection, at the last look of it */
    nghttp2_session *ng;
    struct h2_out out;
    struct h2_guard guard;
    enum h2_state state;
    bool is_running, is_again;
    bool is_greeted;     /* the client's SETTINGS have come */
    bool is_in_head;     /* a head has begun and not ended */
    bool has_priorities; /* the client has said what matters to it (RFC 9218) */
    bool has_tripped;    /* the guard */
    int cut;             /* not 0: close as soon as possible, exchanges end with this */
    uint32_t requests;
    uint32_t stream_count;
    uint32_t sending;  /* streams with an answer that is not all queued */
    uint32_t deferred; /* of those: wait for their own body */
    uint32_t wanting;  /* streams whose application waits for the request's body */
    size_t lingered_bytes;
    struct h2_stream *heading;   /* whose head comes; NULL: none, or trailers */
    struct list streams;         /* whose exchange goes on */
    struct list over;            /* whose exchange is over, and not told yet */
    struct h2_stream *sent_head; /* of the frame that nghttp2 gives next; NULL: another's */
    struct h2_frame {            /* the DATA frame that nghttp2 is about to send */
        char *room;              /* its head, and the payload where it is copied */
        struct span payload;
        bool is_lent, is_last;
    } frame;
};

struct h2_stream {
    struct exchange x;
    struct h2_session *session; /* NULL: it is over */
    struct list link;           /* session->streams, session->over or server->spare_streams */
    struct h2_out_user sent;
    int32_t id;
    bool is_forgotten; /* by nghttp2: closed on both sides, or reset */
    bool is_ended;     /* the application was told */
    int err;           /* of an answer that does not go out whole; 0: the client closed it */
    /* the head, as it comes */
    struct span authority, scheme;
    uint32_t list_bytes; /* its size as RFC 9113 s.6.5.2 counts */
    bool has_priority;
    /* the request's body */
    struct body request_body;
    struct h2_intake in;
    bool is_body_asked, is_body_open, is_body_wanted;
    bool is_continue_settled;
    /* the answer */
    struct body *body;
    int64_t left;      /* of the body; LENGTH_UNKNOWN: until it ends */
    size_t lent_bytes; /* of its piece, in the queue or written */
    bool is_sending, is_deferred;
    bool is_whole; /* the end is in the queue, or written */
    /* at the last look of h2_stall */
    uint64_t moved_bytes;
    bool did_wait;
};

/* h2_stream_open: for a request whose head begins. h2_stream_begin: the head is whole: to the
 * application, or refused. */
struct h2_stream *h2_stream_open(struct h2_session *s, int32_t id);
void h2_stream_begin(struct h2_stream *st, bool has_body);

/* What happens to it. h2_stream_forgotten: nghttp2 closed it. h2_stream_whole: the end of the
 * answer is in the queue. h2_stream_released: of its out user. */
/* h2_stream_reset: by us, with a code of RFC 9113 s.7; its exchange ends with err. */
void h2_stream_reset(struct h2_stream *st, int err, uint32_t code);
void h2_stream_data(struct h2_stream *st, struct span data);
void h2_stream_data_end(struct h2_stream *st);
void h2_stream_forgotten(struct h2_stream *st);
void h2_stream_whole(struct h2_stream *st);
void h2_stream_released(struct h2_out_user *u);

/* h2_stream_refuse_rest: more has come of a request whose exchange is over. */
void h2_stream_refuse_rest(struct h2_session *s, int32_t id);

/* h2_stream_settle: looks whether it is over; then it moves to session->over, for h2_stream_end
 * outside of nghttp2's calls: tells the application. st is gone then, or once its request body is
 * closed. */
void h2_stream_settle(struct h2_stream *st);
void h2_stream_end(struct h2_stream *st);

/* h2_wake: the session's run() at the end of this turn, or again where it is running. */
void h2_wake(struct h2_session *s);

#endif
