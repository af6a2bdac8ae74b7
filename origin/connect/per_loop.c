/* SPDX-License-Identifier: MIT
 *
 * What each loop has of something that all share: a slot is taken and left by its own thread. */
#include "origin/connect/per_loop.h"

#include "lib/base/check.h"

/* Takes the first slot that is free; more loops than workers would be a fault. */
void per_loop_put(struct per_loop *p, struct loop *home, void *value)
{
    size_t i = 0;
    for (; i < PER_LOOP_MAX; i++) {
        struct loop *none = NULL;
        if (atomic_compare_exchange_strong(&p->slots[i].home, &none, home))
            break;
    }
    CHECK(i < PER_LOOP_MAX);
    p->slots[i].value = value;
}

static size_t slot_of(struct per_loop *p, const struct loop *home)
{
    size_t i = 0;
    while (i < PER_LOOP_MAX &&
           atomic_load_explicit(&p->slots[i].home, memory_order_relaxed) != home)
        i++;
    CHECK(i < PER_LOOP_MAX);
    return i;
}

void *per_loop_get(struct per_loop *p, const struct loop *home)
{
    return p->slots[slot_of(p, home)].value;
}

void per_loop_remove(struct per_loop *p, const struct loop *home)
{
    atomic_store(&p->slots[slot_of(p, home)].home, NULL);
}
