/* SPDX-License-Identifier: MIT */
/* Private to lib/web: what sessions of every protocol share. */
#ifndef LIB_WEB_SESSION_H
#define LIB_WEB_SESSION_H

#include "lib/web/server_inner.h"

/* session_open: puts s, zeroed by its maker, into the server's list. session_close: takes it out
 * and stops its time-out; the conn must be gone. */
void session_open(struct session *s, struct server *sv, const struct session_ops *ops, void *tag);
void session_close(struct session *s);

/* session_replace: `to`, zeroed by its maker, takes the place of `from` and its conn: the same
 * connection, another protocol. from has no conn then. */
void session_replace(struct session *from, struct session *to, const struct session_ops *ops);

/* session_wait_for: waits of the same kind go on (those for progress, a head or the end), but
 * WAIT_IDLE begins anew. */
void session_wait_for(struct session *s, enum session_wait kind);

#endif
