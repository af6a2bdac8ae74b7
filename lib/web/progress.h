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

#endif
