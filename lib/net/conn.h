/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_CONN_H
#define LIB_NET_CONN_H

#include "lib/net/addr.h"
#include "lib/net/loop.h"

#include <sys/types.h>
#include <sys/uio.h>

/* A byte stream, plain or TLS: who holds it cannot tell. Edge-triggered: one persistent libevent
 * event for the life of the connection, no epoll_ctl after it.
 *
 *   - on_ready(READABLE) means: reading may give something. The holder reads until ERR_AGAIN, or as
 *     long as it has room; in that case it reads on by itself later, whether called again or not.
 *   - conn_may_read() stays true from such a call until a read gave ERR_AGAIN; likewise write.
 *   - Who takes a connection over (conn_set_events) asks conn_may_read and conn_may_write first.
 *   - on_ready never comes from inside a conn_ function, and never after conn_close.
 * Threads: its loop's. */
struct conn;
enum conn_ready { CONN_READABLE = 1, CONN_WRITABLE = 2 };

struct conn_events {
    void (*on_ready)(void *ctx, struct conn *c, unsigned ready);
};

/* conn_create_plain takes the non-blocking socket fd. May be called with on_ready following in the
 * same turn. events and ctx may be changed with conn_set_events (a pool hands connections on). */
struct conn *conn_create_plain(struct loop *l, int fd, const struct addr *peer);
void conn_set_events(struct conn *c, const struct conn_events *events, void *ctx);
void conn_close(struct conn **c);       /* TLS: close_notify is tried once; takes *c */
void conn_close_reset(struct conn **c); /* RST: the peer must see a broken stream, not an end */

/* room > 0. > 0 bytes; 0: the peer ended its side; ERR_AGAIN; ERR_CLOSED (reset; on TLS also an end
 * without close_notify, which anybody on the way could forge), ERR_TLS, ERR_IO. Errors repeat. */
ssize_t conn_read(struct conn *c, void *dst, size_t room);
/* Written bytes (may be fewer), ERR_AGAIN or as above. `more`: further bytes follow at once
 * (MSG_MORE). At most 64 pieces. Bytes offered and not taken must come first in the next write, cut
 * as it likes (TLS may have sealed them already), or the connection be closed. */
ssize_t conn_writev(struct conn *c, const struct iovec *v, int count, bool more);
/* conn_sendfile: ERR_UNSUPPORTED on TLS without kernel TLS: then read and write. ERR_TRUNCATED: the
 * file ends before `from`. At most 1 MiB a call. */
ssize_t conn_sendfile(struct conn *c, int fd, off_t from, size_t n, bool more);
bool conn_has_sendfile(const struct conn *c);
/* Half close: FIN or close_notify. ERR_AGAIN (TLS only): again when writable. */
int conn_end_write(struct conn *c);

bool conn_may_read(const struct conn *c);
bool conn_may_write(const struct conn *c);
const struct addr *conn_peer(const struct conn *c);
int conn_fd(const struct conn *c);
struct loop *conn_loop(const struct conn *c);
bool conn_is_tls(const struct conn *c);
struct span conn_alpn(const struct conn *c); /* "" for plain or none */
struct span conn_sni(const struct conn *c);
bool conn_has_certificate(const struct conn *c); /* the peer has shown one, which was verified */
/* Application bytes (of heads and bodies, before TLS) since the connection began. */
uint64_t conn_bytes_in(const struct conn *c);
uint64_t conn_bytes_out(const struct conn *c);
/* conn_bytes_taken: those out that the socket has; on TLS also what it has of records that are
 * not told as written yet, since not all of them is in the socket. */
uint64_t conn_bytes_taken(const struct conn *c);

#endif
