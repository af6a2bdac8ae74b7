/* SPDX-License-Identifier: MIT */

/* The list of policies, and the queues that they share. */
#include "edge/store/segment.h"

#include <string.h>

#define SMALL_SHARE    20 /* one part of the bytes, on media of any kind, in this many */
#define SMALL_MOST     2  /* but one part of memory in this many at most */
#define SMALL_SEGMENTS 8  /* and no less than so many, where that is a quarter of memory */
#define LOADED_SHARE   4  /* of the rest of memory, one part in this many */
#define ODDS_SHARE     48 /* of memory, one part in this many at most for what was read */

static const struct evict_policy *const policies[] = {&evict_s3fifo, &evict_lru, &evict_clock,
                                                      &evict_learned};

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
    if (p->has_odds) {
        const struct odds_config config = {.cache_bytes = sizes->memory_bytes + sizes->disk_bytes,
                                           .most_bytes = sizes->memory_bytes / ODDS_SHARE};
        q->odds = odds_create(&config, &bytes);
    }
    return bytes;
}

size_t evict_queues_weight(const struct evict_queues *q)
{
    return (q->ghost != NULL ? ghost_weight(q->ghost) : 0) +
           (q->odds != NULL ? odds_weight(q->odds) : 0);
}

void evict_queues_finish(struct evict_queues *q)
{
    ghost_destroy(&q->ghost);
    odds_destroy(&q->odds);
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

static int64_t small_bytes(const struct evict_sizes *z)
{
    int64_t share = (z->memory_bytes + z->disk_bytes) / SMALL_SHARE;
    int64_t least = SMALL_SEGMENTS * (int64_t)z->segment_bytes;
    if (least > z->memory_bytes / 4)
        least = z->memory_bytes / 4;
    if (share < least)
        share = least;
    return share < z->memory_bytes / SMALL_MOST ? share : z->memory_bytes / SMALL_MOST;
}

/* What is loaded waits in a small queue of its own: neither what is new nor what is hot has to go
 * for it. */
enum evict_stage evict_stage_due(const struct evict_queues *q)
{
    int64_t small = small_bytes(&q->sizes), rest = q->sizes.memory_bytes - small;
    if (q->counts[STAGE_SMALL] > 0 && q->bytes[STAGE_SMALL] > small)
        return STAGE_SMALL;
    if (q->counts[STAGE_LOADED] > 0 && q->bytes[STAGE_LOADED] > rest / LOADED_SHARE)
        return STAGE_LOADED;
    if (q->counts[STAGE_MAIN] > 0)
        return STAGE_MAIN;
    return q->counts[STAGE_LOADED] > 0 ? STAGE_LOADED : STAGE_SMALL;
}
