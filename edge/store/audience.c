/* SPDX-License-Identifier: MIT */

/* Who waits for bytes of a generation, who reads it, who feeds it. A mail is posted under the lock
 * that its flags are kept under: who cancels under the same lock knows whether one is on its way.
 * Threads: the generation's lock; the functions that run from a mail, on their receiver's loop. */
#include "edge/store/audience.h"

#include "edge/store/block_table.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#define EMPTY(kind)                                                                                \
    {                                                                                              \
        &audience_nobody.kind, &audience_nobody.kind                                               \
    }
struct audience audience_nobody = {EMPTY(waiters), EMPTY(readers), EMPTY(fills)};

static struct audience *made(struct address *at)
{
    struct audience *a = address_get(at);
    if (a != NULL)
        return a;
    a = mem_alloc(sizeof(*a));
    address_set(at, a);
    list_init(&a->waiters);
    list_init(&a->readers);
    list_init(&a->fills);
    return a;
}

/* Somebody left. */
static void settle(struct address *at)
{
    struct audience *a = address_get(at);
    if (a == NULL || !list_is_empty(&a->waiters) || !list_is_empty(&a->readers) ||
        !list_is_empty(&a->fills))
        return;
    mem_free(a);
    address_set(at, NULL);
}

void audience_read(struct address *at, struct list *l)
{
    list_push_back(&made(at)->readers, l);
}

void audience_feed(struct address *at, struct list *l)
{
    list_push_back(&made(at)->fills, l);
}

void audience_leave(struct address *at, struct list *l)
{
    list_remove(l);
    settle(at);
}

static bool has_come(const struct block_table *t, const struct block_waiter *w)
{
    struct block *b;
    return block_table_look(t, w->pos, &b) != ERR_AGAIN;
}

static void waiter_run(struct mail *m)
{
    struct block_waiter *w = CONTAINER_OF(m, struct block_waiter, mail);
    w->is_posted = false; /* only its own loop waits and cancels: no lock needed */
    w->woken(w);
}

void audience_wake(struct address *at, const struct block_table *t)
{
    LIST_EACH_SAFE(l, next, &audience_of(at)->waiters)
    {
        struct block_waiter *w = LIST_THING(l, struct block_waiter, link);
        if (!has_come(t, w))
            continue;
        list_remove(&w->link);
        w->is_waiting = false;
        w->is_posted = true;
        mailbox_post(w->home, &w->mail, waiter_run);
    }
    settle(at);
}

static void fill_run(struct mail *m)
{
    struct generation_fill *f = CONTAINER_OF(m, struct generation_fill, mail);
    atomic_store(&f->is_posted, false); /* before it looks: what moves from here posts anew */
    f->moved(f);
}

void audience_tell_fills(const struct address *at)
{
    LIST_EACH(l, &audience_of(at)->fills)
    {
        struct generation_fill *f = LIST_THING(l, struct generation_fill, link);
        if (!atomic_exchange(&f->is_posted, true))
            mailbox_post(f->home, &f->mail, fill_run);
    }
}

int audience_wait(struct address *at, const struct block_table *t, struct block_waiter *w)
{
    CHECK(!w->is_waiting && !w->is_posted);
    if (has_come(t, w))
        return ERR_EXISTS;
    list_push_back(&made(at)->waiters, &w->link);
    w->is_waiting = true;
    audience_tell_fills(at); /* one that paused must not leave a reader dry */
    return 0;
}

bool audience_give_up(struct address *at, struct block_waiter *w)
{
    if (w->is_waiting)
        audience_leave(at, &w->link);
    w->is_waiting = false;
    return !w->is_posted;
}

bool audience_has_client(const struct address *at)
{
    LIST_EACH(l, &audience_of(at)->readers)
    {
        if (!LIST_THING(l, struct generation_reader, link)->is_background)
            return true;
    }
    return false;
}

int audience_readers(const struct address *at, int64_t from, int64_t to, int64_t *furthest)
{
    int count = 0;
    int64_t far = -1;
    LIST_EACH(l, &audience_of(at)->readers)
    {
        const struct generation_reader *r = LIST_THING(l, struct generation_reader, link);
        if (r->pos >= to || r->last < from)
            continue;
        count++;
        if (r->pos > far)
            far = r->pos;
    }
    if (count > 0)
        *furthest = far;
    return count;
}
