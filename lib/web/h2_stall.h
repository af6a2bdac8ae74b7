/* SPDX-License-Identifier: MIT */
/* Private to lib/web: the time-out for want of progress, for each stream of an HTTP/2 connection.
 * The connection's own sees the bytes of all: one that moves would cover many that do not. */
#ifndef LIB_WEB_H2_STALL_H
#define LIB_WEB_H2_STALL_H

#include "lib/web/h2_stream.h"

/* h2_stall_watch: after each run; while there are streams they are looked at every stall_ms. One
 * that waited for its client all that time, and moved less than min_progress_bytes, is reset. */
void h2_stall_init(struct h2_session *s);
void h2_stall_watch(struct h2_session *s);

#endif
