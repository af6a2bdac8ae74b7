/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_AUDIENCE_H
#define EDGE_STORE_AUDIENCE_H

#include "edge/store/address.h"
#include "lib/base/list.h"
#include "lib/net/mailbox.h"

#include <stdbool.h>
#include <stdint.h>

/* Who follows a generation: those that wait for bytes, those that read, those that feed it. The
 * first three structures belong to generation.h's functions; the rest is private to edge/store. */

/* Waits for one position. */
struct block_waiter {
    struct mail mail; /* first */
    struct list link; /* the generation's own */
    struct mailbox *home;
    int64_t pos;
    void (*woken)(struct block_waiter *w); /* on home's loop */
    bool is_waiting, is_posted;            /* the generation's own: under its lock */
};

/* Reads, or will, from pos to last. */
struct generation_reader {
    struct list link;
    int64_t pos;        /* next byte it wants */
    int64_t last;       /* last byte it will want, or INT64_MAX */
    bool is_background; /* nobody waits for what it reads */
};

/* Brings bytes, as far ahead of the readers as it likes. */
struct generation_fill {
    struct mail mail; /* first */
    struct list link;
    struct mailbox *home;
    void (*moved)(struct generation_fill *f); /* readers moved, came or left; on home's loop */
    _Atomic bool is_posted;                   /* the generation's own */
    bool is_gathering;                        /* likewise */
    int64_t gather_first, gather_end;         /* blocks that it will ask for: generation_gather */
    int64_t gather_most;                      /* so many at most */
    bool gather_may_go; /* it has begun none of them: another may take over all */
};

/* Those of one generation, which has its address. Most have nobody, most of the time, and there are
 * many: for these it is NULL, and audience_of() gives one that stays empty. */
struct audience {
    struct list waiters, readers, fills;
};
extern struct audience audience_nobody;

struct block_table;

/* All under the generation's lock. Who comes first to a makes one, who leaves last frees it. */
static inline struct audience *audience_of(const struct address *a)
{
    struct audience *there = address_get(a);
    return there != NULL ? there : &audience_nobody;
}

static inline bool audience_is_empty(const struct address *a)
{
    return address_get(a) == NULL;
}
/* l: the link of a reader or of a fill. */
void audience_read(struct address *a, struct list *l);
void audience_feed(struct address *a, struct list *l);
void audience_leave(struct address *a, struct list *l);
/* audience_wait: 0 or ERR_EXISTS. audience_give_up: whether no mail is on its way. */
MUST_USE int audience_wait(struct address *a, const struct block_table *t, struct block_waiter *w);
bool audience_give_up(struct address *a, struct block_waiter *w);
/* audience_wake: mail to the waiters who need not wait any longer: after every change of the table
 * that a reader can see. */
void audience_wake(struct address *a, const struct block_table *t);
/* audience_tell_fills: mail to every fill that has none on its way. */
void audience_tell_fills(const struct address *a);
/* As generation_has_client, generation_readers. */
bool audience_has_client(const struct address *a);
int audience_readers(const struct address *a, int64_t from, int64_t to, int64_t *furthest);

#endif
