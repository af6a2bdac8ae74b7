/* SPDX-License-Identifier: MIT
 * The queue of handshake steps of a loop. On the loop's thread. */
#include "lib/net/handshakes.h"

#include "lib/base/mem.h"
#include "lib/net/loop_part.h"

struct queue {
    struct loop_part part;
    struct loop *loop;
    struct list waiting;
    struct loop_task turn;
};

static void on_turn(struct loop_task *t)
{
    struct queue *q = CONTAINER_OF(t, struct queue, turn);
    nsec_t until = clock_mono_ns() + HANDSHAKES_TURN_NS;
    struct list *l;
    while ((l = list_pop(&q->waiting)) != NULL) {
        struct handshake *h = LIST_THING(l, struct handshake, link);
        h->step(h);
        if (clock_mono_ns() >= until)
            break;
    }
    if (!list_is_empty(&q->waiting))
        loop_defer(q->loop, &q->turn); /* the next turn's */
}

static void part_finish(struct loop_part *p)
{
    struct queue *q = CONTAINER_OF(p, struct queue, part);
    loop_undefer(&q->turn);
    mem_free(q);
}

static struct queue *queue_of(struct loop *l)
{
    struct loop_part **at = loop_part_at(l, LOOP_PART_HANDSHAKES);
    if (*at == NULL) {
        struct queue *q = mem_zalloc(sizeof(*q));
        q->part.finish = part_finish;
        q->loop = l;
        list_init(&q->waiting);
        loop_task_init(&q->turn, on_turn);
        *at = &q->part;
    }
    return CONTAINER_OF(*at, struct queue, part);
}

void handshake_init(struct handshake *h, void (*step)(struct handshake *h))
{
    list_init(&h->link);
    h->step = step;
}

void handshake_queue(struct loop *l, struct handshake *h)
{
    struct queue *q = queue_of(l);
    if (!list_is_empty(&h->link))
        return;
    list_push_back(&q->waiting, &h->link);
    loop_defer(l, &q->turn);
}

void handshake_unqueue(struct handshake *h)
{
    list_remove(&h->link);
}
