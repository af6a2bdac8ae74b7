/* SPDX-License-Identifier: MIT */
/* Private to lib/web: sessions of HTTP/1 that go through a turn of the loop together. */
#ifndef LIB_WEB_H1_BATCH_H
#define LIB_WEB_H1_BATCH_H

#include "lib/web/h1_exchange.h"

/*   event ─> read ─> [so many, or no more events in this turn] ─> all: head, look-up, answer
 *                                                              ─> all: write
 *
 * What a small hit runs through, ours and the kernel's, is more code than a processor's first cache
 * holds. In turn each request would fetch all of it anew; one stage after the other, the second
 * request finds the code that the first one brought. Threads: the loop's. */
#define H1_BATCH_MOST 8

void h1_batch_init(struct server *sv);
void h1_batch_finish(struct server *sv); /* its sessions are closed */

/* h1_batch_add: s has read something, and runs when its batch is full, or before the deferred tasks
 * of this turn; perhaps before this returns. s leaves by being closed (list_remove of s->ready). */
void h1_batch_add(struct h1_session *s);

#endif
