/* SPDX-License-Identifier: MIT
 * Mail between loops: a lock-free stack that many threads push to and the owner takes whole and
 * turns round. The head tells three cases apart: SLEEPING (the owner is about to wait, or waits:
 * the first post must wake it), NULL (empty, and the owner looks again before it waits), or mail.
 * So a loop that is at work costs its correspondents no system call, and a sleeping one costs one
 * write.
 *
 * The eventfd is watched edge-triggered: each write is a new edge, whatever the counter says, so
 * that nobody has to read it. Its counter has room for 2^64 - 2 wake-ups.
 *
 * Threads: mailbox_post any; the rest the owner's. */
#include "lib/net/mailbox.h"

#include "lib/base/mem.h"
#include "lib/net/mailbox_owner.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    _Atomic(struct mail *) head;
    int wake_fd;
};

static struct mail sleeping_mark;
#define SLEEPING (&sleeping_mark)

struct mailbox *mailbox_create(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct mailbox *mb = mem_zalloc(sizeof(*mb));
    mb->wake_fd = fd;
    return mb;
}

void mailbox_destroy(struct mailbox **pmb)
{
    struct mailbox *mb = *pmb;
    *pmb = NULL;
    if (mb == NULL)
        return;
    close(mb->wake_fd);
    mem_free(mb);
}

int mailbox_fd(const struct mailbox *mb)
{
    return mb->wake_fd;
}

void mailbox_post(struct mailbox *mb, struct mail *m, mail_fn run)
{
    m->run = run;
    struct mail *old = atomic_load_explicit(&mb->head, memory_order_relaxed);
    do {
        m->next = old == SLEEPING ? NULL : old;
    } while (!atomic_compare_exchange_weak_explicit(&mb->head, &old, m, memory_order_acq_rel,
                                                    memory_order_relaxed));
    /* From here m may be gone already. The mailbox outlives its correspondents. */
    if (old == SLEEPING) {
        uint64_t one = 1;
        ssize_t n = write(mb->wake_fd, &one, sizeof(one));
        CHECK(n == (ssize_t)sizeof(one));
    }
}

bool mailbox_may_sleep(struct mailbox *mb)
{
    struct mail *old = NULL;
    return atomic_compare_exchange_strong_explicit(&mb->head, &old, SLEEPING, memory_order_acq_rel,
                                                   memory_order_relaxed) ||
           old == SLEEPING;
}

void mailbox_deliver(struct mailbox *mb)
{
    struct mail *newest = atomic_exchange_explicit(&mb->head, NULL, memory_order_acquire);
    struct mail *oldest = NULL;
    if (newest == SLEEPING)
        return;
    while (newest != NULL) {
        struct mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct mail *m = oldest;
        oldest = m->next; /* before run: it may free m or post it again */
        m->run(m);
    }
}
