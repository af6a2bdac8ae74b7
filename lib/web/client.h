/* SPDX-License-Identifier: MIT */
#ifndef LIB_WEB_CLIENT_H
#define LIB_WEB_CLIENT_H

#include "lib/http/message.h"
#include "lib/net/dial.h"
#include "lib/web/body.h"

/* The client side of HTTP on one loop: connections kept alive per target, one call each at a time.
 * Everything on its loop's thread.
 *
 * A call whose kept-alive connection turns out closed before any byte of an answer is repeated once
 * on a fresh one, if its method is idempotent and it has no body (RFC 9110 s.9.2.2, 9112
 * s.9.3.1). */
struct client;
struct client_config {
    uint32_t idle_per_target; /* kept-alive connections at rest */
    msec_t idle_ms;
    uint32_t head_bytes; /* of an answer; at most LOOP_BUF_BYTES */
};
extern const struct client_config client_config_default;
struct client *client_create(struct loop *l, const struct client_config *config);
/* client_destroy: idle connections close; what runs is cancelled: no callback follows, call_read
 * gives ERR_CANCELLED, and call_end is still the owner's. */
void client_destroy(struct client **c);

struct client_target {
    enum scheme scheme;
    const char *host; /* what is dialled: name or address */
    int port;
    struct tls_client *tls; /* for SCHEME_HTTPS */
    const char *tls_name;   /* NULL: host */
};

struct call_spec {
    const struct client_target *target; /* copied */
    /* Borrowed during call_start only. With a body content_length is its length, LENGTH_UNKNOWN:
     * chunked; keeps_alive and target are not looked at. With "TE: zstd" among its fields an answer
     * in that transfer coding is understood: call_read gives what it holds. */
    const struct request_head *request;
    struct body *body; /* takes; NULL: none */
    msec_t connect_ms, first_byte_ms, stall_ms;
};

struct call;
struct call_events {
    /* A 1xx other than 100 and 101; may be NULL. */
    void (*on_info)(void *ctx, struct call *c, const struct response_head *head);
    /* The final head; lives as long as the call. Body reading may begin inside. */
    void (*on_head)(void *ctx, struct call *c, const struct response_head *head);
    /* call_read may give something again after ERR_AGAIN. */
    void (*on_readable)(void *ctx, struct call *c);
    /* Failed before the final head. The call is over: call_end is still the owner's to call.
     * ERR_BODY: the request's body broke, which is no fault of the peer.
     * text: for a log line; borrowed. */
    void (*on_failed)(void *ctx, struct call *c, int err, const char *text);
};

/* call_start: never calls back from inside. */
struct call *call_start(struct client *c, const struct call_spec *spec,
                        const struct call_events *events, void *ctx);
/* call_read: body bytes, straight from the socket into dst where framing allows.
 * > 0; 0: complete; ERR_AGAIN; ERR_TRUNCATED (also where a coded body held less than was said),
 * ERR_TIMEOUT, ERR_PROTOCOL, ERR_CLOSED: broken. While nobody reads, the stall time-out rests and
 * TCP holds the sender back. */
ssize_t call_read(struct call *c, void *dst, size_t room);
/* call_end: takes *c. A complete call gives its connection back to the pool; another is cut. */
void call_end(struct call **c);
const struct response_head *call_head(const struct call *c); /* NULL: not there yet */
const struct addr *call_peer(const struct call *c);          /* NULL: never connected */
bool call_was_reused(const struct call *c);
uint64_t call_bytes_in(const struct call *c); /* application bytes of this call, head included */
uint64_t call_bytes_decoded(const struct call *c); /* that came out of a transfer coding; 0: none */
uint64_t call_bytes_out(const struct call *c);
/* call_bytes_unread: what has come for a call and was not read: lost when it is ended. One system
 * call. */
uint64_t call_bytes_unread(const struct call *c);

#endif
