/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_LOOP_H
#define LIB_NET_LOOP_H

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/net/mailbox.h"

#include <stddef.h>

/* One event loop (a libevent base) of one thread, its clock, timers, mailbox and buffers.
 * Threads: all functions on the loop's own thread, but create/destroy before and after it runs, and
 * loop_mailbox from any. */
struct loop;
struct event_base;
struct evdns_base;

struct loop *loop_create(void); /* NULL: the system refused (errno) */
void loop_destroy(struct loop **l);
void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l); /* after this turn; its thread, or by mail */
/* loop_deliver: runs what was posted here so far; for the end, when no turn of the loop follows. */
void loop_deliver(struct loop *l);
struct event_base *loop_base(struct loop *l);
struct evdns_base *
loop_dns(struct loop *l); /* made at the first call from resolv.conf; may be NULL */
struct mailbox *loop_mailbox(struct loop *l);

/* The moments of this turn: read once a turn, so free to ask. */
msec_t loop_now(struct loop *l);  /* monotonic */
msec_t loop_wall(struct loop *l); /* wall */

/* loop_defer: run(task) at the end of this turn, in order; a task already deferred stays where it
 * is. loop_undefer: fine also when it is not deferred. For "not inside my caller". */
struct loop_task {
    struct list link;
    void (*run)(struct loop_task *t);
};
void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *t));
void loop_defer(struct loop *l, struct loop_task *t);
void loop_defer_first(struct loop *l, struct loop_task *t); /* before all that are deferred */
void loop_undefer(struct loop_task *t);

/* A timer of any duration; embedded. Not for what is set on every request: see deadlines.h. */
struct timer {
    struct loop *loop;
    void *event;
    void (*run)(struct timer *t);
};
void timer_init(struct timer *t, struct loop *l, void (*run)(struct timer *t));
void timer_set(struct timer *t, msec_t after_ms); /* again: replaces */
void timer_stop(struct timer *t);
void timer_finish(struct timer *t); /* a zeroed timer is fine */

/* Buffers of LOOP_BUF_BYTES from a free list of the loop: held only while they hold bytes. The list
 * keeps at most 256 spare ones. */
#define LOOP_BUF_BYTES 16384
void *loop_buf_get(struct loop *l) __attribute__((returns_nonnull));
void loop_buf_put(struct loop *l, void *buf);

#endif
