/* SPDX-License-Identifier: MIT */
/* Private to lib/web. */
#ifndef LIB_WEB_PROGRESS_H
#define LIB_WEB_PROGRESS_H

#include "lib/net/conn.h"

/* progress_bytes: what the peer has sent, and taken of what we sent, since the connection began.
 * What still waits in the socket's send queue is not progress: the kernel takes megabytes at once
 * and then nothing for a long while, so counting what it took would cut readers that are slow but
 * alive. One system call. */
uint64_t progress_bytes(const struct conn *c);
/* progress_queued: bytes that we sent and the peer's kernel has not acknowledged. The same call. */
uint64_t progress_queued(const struct conn *c);
/* progress_unread: bytes that have come and were not read. The same call. */
uint64_t progress_unread(const struct conn *c);
/* progress_is_reset: nothing of it will be delivered any more. One call. */
bool progress_is_reset(const struct conn *c);

#endif
