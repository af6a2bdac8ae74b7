/* SPDX-License-Identifier: MIT
 * The batch of a server: who is in it, and its two passes, with the application's round
 * between. Any session in it may be closed by what another one does, and is gone from its list
 * then. Runs on the server's loop. */
#include "lib/web/h1_batch.h"

static struct h1_session *next_of(struct list *sessions)
{
    struct list *l = list_pop(sessions);
    return l == NULL ? NULL : LIST_THING(l, struct h1_session, ready);
}

static void run_batch(struct server *sv)
{
    struct list written_later;
    struct h1_session *s;
    list_init(&written_later);
    loop_undefer(&sv->batch.turn);
    sv->batch.count = 0;
    while ((s = next_of(&sv->batch.sessions)) != NULL) {
        s->is_held = true;
        list_push_back(&written_later, &s->ready);
        s->base->ops->run(s->base);
    }
    if (sv->on_round != NULL)
        sv->on_round(sv->app);
    while ((s = next_of(&written_later)) != NULL) {
        s->is_held = false;
        s->base->ops->run(s->base);
    }
}

static void on_turn(struct loop_task *t)
{
    run_batch(CONTAINER_OF(t, struct server, batch.turn));
}

void h1_batch_init(struct server *sv)
{
    list_init(&sv->batch.sessions);
    loop_task_init(&sv->batch.turn, on_turn);
}

void h1_batch_finish(struct server *sv)
{
    CHECK(list_is_empty(&sv->batch.sessions));
    loop_undefer(&sv->batch.turn);
}

void h1_batch_add(struct h1_session *s)
{
    struct server *sv = s->base->server;
    struct server_batch *b = &sv->batch;
    if (b->count == 0)
        loop_defer_first(sv->loop, &b->turn);
    list_push_back(&b->sessions, &s->ready);
    if (++b->count == H1_BATCH_MOST)
        run_batch(sv);
}
