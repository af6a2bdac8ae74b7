/* SPDX-License-Identifier: MIT */

/* The list of caches, and the queues and heaps that they are made of. */
#include "bench/sim/cache.h"

#include "lib/base/mem.h"

const struct cache_ops *const caches[] = {&cache_lru,      &cache_fifo, &cache_s3fifo, &cache_sieve,
                                          &cache_wtinylfu, &cache_gdsf, &cache_belady};
const size_t caches_count = ARRAY_LEN(caches);

void queue_init(struct queue *q, struct node *nodes)
{
    *q = (struct queue){.nodes = nodes, .head = NOBODY, .tail = NOBODY};
}

void queue_push(struct queue *q, uint32_t id)
{
    struct node *n = &q->nodes[id];
    n->next = NOBODY;
    n->prev = q->tail;
    if (q->tail != NOBODY)
        q->nodes[q->tail].next = id;
    else
        q->head = id;
    q->tail = id;
    q->bytes += n->bytes;
}

void queue_remove(struct queue *q, uint32_t id)
{
    struct node *n = &q->nodes[id];
    if (n->prev != NOBODY)
        q->nodes[n->prev].next = n->next;
    else
        q->head = n->next;
    if (n->next != NOBODY)
        q->nodes[n->next].prev = n->prev;
    else
        q->tail = n->prev;
    q->bytes -= n->bytes;
}

uint32_t queue_pop(struct queue *q)
{
    uint32_t id = q->head;
    if (id != NOBODY)
        queue_remove(q, id);
    return id;
}

void heap_push(struct heap *h, double key, uint32_t id)
{
    if (h->count == h->room) {
        h->room = h->room > 0 ? 2 * h->room : 1024;
        h->v = mem_grow(h->v, h->room, sizeof(*h->v));
    }
    size_t i = h->count++;
    for (; i > 0 && key < h->v[(i - 1) / 2].key; i = (i - 1) / 2)
        h->v[i] = h->v[(i - 1) / 2];
    h->v[i] = (struct heap_entry){key, id};
}

bool heap_pop(struct heap *h, struct heap_entry *out)
{
    if (h->count == 0)
        return false;
    *out = h->v[0];
    struct heap_entry last = h->v[--h->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->v[child + 1].key < h->v[child].key)
            child++;
        if (last.key <= h->v[child].key)
            break;
        h->v[i] = h->v[child];
    }
    h->v[i] = last;
    return true;
}

void heap_finish(struct heap *h)
{
    mem_free(h->v);
}
