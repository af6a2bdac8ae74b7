/* SPDX-License-Identifier: MIT
 * private to edge/store: the records of a segment, in links of twelve bytes */
#ifndef EDGE_STORE_BLOCK_LIST_H
#define EDGE_STORE_BLOCK_LIST_H

#include "lib/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As lib/base/list.h, but a link has two addresses of 48 bits, which is what a process has, and the
 * list has an end instead of being a ring. All zero: in no list; an empty list. Owns nothing.
 * Threads: the owner's rule. */
struct block_link {
    uint32_t next, prev;           /* the lower bits; BLOCK_LIST_END: there is none */
    uint16_t next_high, prev_high; /* the upper ones */
};
_Static_assert(sizeof(struct block_link) == 12, "part of every block");
_Static_assert(sizeof(uintptr_t) == 8, "addresses are cut to 48 bits");

struct block_list {
    struct block_link *first, *last;
};

#define BLOCK_LIST_END ((uintptr_t)1) /* no link is there */

static inline uintptr_t block_link_address(uint32_t low, uint16_t high)
{
    uintptr_t address = (uintptr_t)high << 32 | low;
    return address != BLOCK_LIST_END ? address : 0;
}

/* block_link_next: NULL: it is the last one, or in no list. */
static inline struct block_link *block_link_next(const struct block_link *l)
{
    return (struct block_link *)block_link_address(l->next, l->next_high);
}

static inline struct block_link *block_link_prev(const struct block_link *l)
{
    return (struct block_link *)block_link_address(l->prev, l->prev_high);
}

static inline bool block_link_is_in(const struct block_link *l)
{
    return l->next != 0 || l->next_high != 0;
}

static inline void block_link_set_next(struct block_link *l, const struct block_link *next)
{
    uintptr_t address = next != NULL ? (uintptr_t)next : BLOCK_LIST_END;
    CHECK(address >> 48 == 0);
    l->next = (uint32_t)address;
    l->next_high = (uint16_t)(address >> 32);
}

static inline void block_link_set_prev(struct block_link *l, const struct block_link *prev)
{
    uintptr_t address = prev != NULL ? (uintptr_t)prev : BLOCK_LIST_END;
    CHECK(address >> 48 == 0);
    l->prev = (uint32_t)address;
    l->prev_high = (uint16_t)(address >> 32);
}

/* l, which is in no list, behind `at`; NULL: in front of all. */
static inline void block_list_insert(struct block_list *h, struct block_link *at,
                                     struct block_link *l)
{
    struct block_link *next = at != NULL ? block_link_next(at) : h->first;
    block_link_set_prev(l, at);
    block_link_set_next(l, next);
    if (at != NULL)
        block_link_set_next(at, l);
    else
        h->first = l;
    if (next != NULL)
        block_link_set_prev(next, l);
    else
        h->last = l;
}

static inline void block_list_push_back(struct block_list *h, struct block_link *l)
{
    block_list_insert(h, h->last, l);
}

/* l is in h. */
static inline void block_list_remove(struct block_list *h, struct block_link *l)
{
    struct block_link *next = block_link_next(l), *prev = block_link_prev(l);
    if (prev != NULL)
        block_link_set_next(prev, next);
    else
        h->first = next;
    if (next != NULL)
        block_link_set_prev(next, prev);
    else
        h->last = prev;
    *l = (struct block_link){0};
}

#endif
