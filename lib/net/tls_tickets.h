/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_TLS_TICKETS_H
#define LIB_NET_TLS_TICKETS_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"

/* The keys of session tickets. They outlive sets of certificates and are shared by all workers, so
 * a session is resumed whoever answers. The first key seals, all of them open; a ticket that was
 * opened with a later one is replaced. Threads: any; a lock is held for the copy of one key. */
struct tls_tickets;

/* tls_tickets_create: with a random key of its own. */
struct tls_tickets *tls_tickets_create(void) __attribute__((returns_nonnull));
void tls_tickets_ref(struct tls_tickets *t);
void tls_tickets_unref(struct tls_tickets **t);

/* tls_tickets_load: keys of a file instead, shared between nodes: 1 to TLS_TICKET_KEYS_MAX keys of
 * TLS_TICKET_KEY_BYTES each, the newest first ("openssl rand 80"). 0, or ERR_CERTIFICATE and a line
 * in why, and the keys stay as they are. file NULL or "": back to random ones. */
#define TLS_TICKET_KEY_BYTES 80
#define TLS_TICKET_KEYS_MAX  16
MUST_USE int tls_tickets_load(struct tls_tickets *t, const char *file, struct buf *why);
/* tls_tickets_set: the same keys from memory. */
MUST_USE int tls_tickets_set(struct tls_tickets *t, struct span keys, struct buf *why);
/* tls_tickets_turn: random keys are replaced when they are TLS_TICKET_TURN_MS old. now: monotonic.
 * A session can be resumed for twice that time. */
#define TLS_TICKET_TURN_MS ((msec_t)6 * 3600 * MSEC_PER_SEC)
void tls_tickets_turn(struct tls_tickets *t, msec_t now);

#endif
