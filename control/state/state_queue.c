/* SPDX-License-Identifier: MIT
 * One thread for one state. What jobs do is their owners' matter. */
#include "control/state/state_queue.h"

#include "lib/base/mem.h"

#define QUEUE_BOUND 4096

struct state_queue {
    struct state *state;
    struct iopool *thread;
};

struct state_queue *state_queue_create(struct state *state)
{
    struct state_queue *q = mem_zalloc(sizeof *q);
    q->state = state;
    q->thread = iopool_create(1, QUEUE_BOUND);
    return q;
}

void state_queue_destroy(struct state_queue **pq)
{
    struct state_queue *q = *pq;
    *pq = NULL;
    if (q == NULL)
        return;
    iopool_destroy(&q->thread);
    state_close(&q->state);
    mem_free(q);
}

static void on_run(struct iojob *io)
{
    struct state_job *j = CONTAINER_OF(io, struct state_job, io);
    j->run(j, j->queue->state);
}

static void on_done(struct iojob *io)
{
    struct state_job *j = CONTAINER_OF(io, struct state_job, io);
    j->done(j);
}

int state_queue_submit(struct state_queue *q, struct loop *home, struct state_job *j)
{
    j->queue = q;
    j->io = (struct iojob){.run = on_run, .done = on_done};
    return iopool_submit(q->thread, home, &j->io);
}
