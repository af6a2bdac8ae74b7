/* SPDX-License-Identifier: MIT
 * Spare things of a server. Runs on the server's loop. */
#include "lib/web/spares.h"

#include "lib/base/mem.h"

void spares_init(struct spares *s)
{
    *s = (struct spares){.count = 0};
    list_init(&s->things);
}

void spares_finish(struct spares *s)
{
    struct list *l;
    while ((l = spares_take(s)) != NULL)
        s->free_thing(l);
}

struct list *spares_take(struct spares *s)
{
    struct list *l = list_pop(&s->things);
    if (l != NULL)
        s->count--;
    return l;
}

void spares_put(struct spares *s, struct list *link, spares_free_fn free_thing)
{
    if (MEM_HAS_ASAN || s->count >= SPARES_MAX) {
        free_thing(link);
        return;
    }
    s->free_thing = free_thing;
    list_push_front(&s->things, link);
    s->count++;
}
