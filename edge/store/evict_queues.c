/* SPDX-License-Identifier: MIT */

/* The list of policies, and the queues that they share. */
#include "edge/store/segment.h"

#include <string.h>

static const struct evict_policy *const policies[] = {&evict_s3fifo, &evict_lru, &evict_clock};

const struct evict_policy *evict_policy_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    }
    return NULL;
}

size_t evict_queues_init(struct evict_queues *q, const struct evict_policy *p,
                         const struct evict_sizes *sizes)
{
    size_t bytes = 0;
    *q = (struct evict_queues){.sizes = *sizes};
    for (size_t i = 0; i < ARRAY_LEN(q->lists); i++)
        list_init(&q->lists[i]);
    if (p->has_ghost)
        q->ghost = ghost_create(sizes->memory_bytes, sizes->disk_bytes, &bytes);
    return bytes;
}

void evict_queues_finish(struct evict_queues *q)
{
    ghost_destroy(&q->ghost);
}

void evict_queue_add(struct evict_queues *q, struct segment *s, uint8_t list)
{
    atomic_store_explicit(&s->queue, list, memory_order_relaxed);
    list_push_back(&q->lists[list], &s->link);
    q->counts[list]++;
    q->bytes[list] += s->bump;
}

void evict_queue_remove(struct evict_queues *q, struct segment *s)
{
    uint8_t list = atomic_load_explicit(&s->queue, memory_order_relaxed);
    list_remove(&s->link);
    q->counts[list]--;
    q->bytes[list] -= s->bump;
}
