/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_LIST_H
#define LIB_BASE_LIST_H

#include "lib/base/check.h"

#include <stdbool.h>
#include <stddef.h>

/* A ring of links embedded in the things listed. A list is a link that stands for no thing; a
 * thing's link that is in no list points to itself. Owns nothing. Threads: the owner's rule. */
struct list {
    struct list *next, *prev;
};

#define LIST_THING(link, type, field) CONTAINER_OF(link, type, field)
/* for (each link l of list h); l may be removed inside when `safe` keeps the next. */
#define LIST_EACH(l, h) for (struct list *l = (h)->next; l != (h); l = l->next)
#define LIST_EACH_SAFE(l, safe, h)                                                                 \
    for (struct list *l = (h)->next, *safe = l->next; l != (h); l = safe, safe = l->next)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *h)
{
    return h->next == h;
}

static inline bool list_is_linked(const struct list *l)
{
    return l->next != NULL && l->next != l;
}

static inline void list_insert_after(struct list *at, struct list *l)
{
    l->prev = at;
    l->next = at->next;
    at->next->prev = l;
    at->next = l;
}

static inline void list_push_front(struct list *h, struct list *l)
{
    list_insert_after(h, l);
}

static inline void list_push_back(struct list *h, struct list *l)
{
    list_insert_after(h->prev, l);
}

/* Also of a link that is in no list (linked to itself). */
static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->next = l->prev = l;
}

/* list_pop: removes and returns the first, or NULL. */
static inline struct list *list_pop(struct list *h)
{
    struct list *l = h->next;
    if (l == h)
        return NULL;
    list_remove(l);
    return l;
}

/* list_move_all: everything in `from` to the end of `to`, in order. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
