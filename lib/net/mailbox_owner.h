/* SPDX-License-Identifier: MIT
 * private to lib/net: what a loop does with its own mailbox */
#ifndef LIB_NET_MAILBOX_OWNER_H
#define LIB_NET_MAILBOX_OWNER_H

#include "lib/net/mailbox.h"

#include <stdbool.h>

/* mailbox_create: NULL when the system has no descriptor left (errno). */
struct mailbox *mailbox_create(void);
void mailbox_destroy(struct mailbox **mb); /* mail not yet delivered stays with its senders */
/* mailbox_fd: an eventfd, to be watched edge-triggered: it is never read. */
int mailbox_fd(const struct mailbox *mb);
/* mailbox_may_sleep: true, and from here the next post writes to the eventfd; or false: there is
 * mail. */
bool mailbox_may_sleep(struct mailbox *mb);
/* mailbox_deliver: runs what has come, in order of arrival. */
void mailbox_deliver(struct mailbox *mb);

#endif
