/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_MAILBOX_H
#define LIB_NET_MAILBOX_H

#include "lib/base/check.h"

/* The only way to make something happen on another thread's loop. A mail is embedded in something
 * bigger, which belongs to the receiving loop from mailbox_post until its function was called
 * there. Lock-free; one eventfd write wakes a sleeping loop, none a busy one. Mails of one thread
 * arrive in order. Threads: mailbox_post any; the rest by the loop. */
struct mail;
typedef void (*mail_fn)(struct mail *m);
struct mail {
    struct mail *next;
    mail_fn run;
};

struct mailbox;
void mailbox_post(struct mailbox *mb, struct mail *m, mail_fn run);

#endif
