/* SPDX-License-Identifier: MIT
 * What sessions of every protocol share: membership in their server, time-outs.
 * Runs on the server's loop. */
#include "lib/web/session.h"

#include "lib/web/progress.h"

void session_open(struct session *s, struct server *sv, const struct session_ops *ops, void *tag)
{
    CHECK_OBJ(sv, SERVER_MAGIC);
    s->server = sv;
    s->ops = ops;
    s->tag = tag;
    s->wait = WAIT_NOTHING;
    deadline_init(&s->deadline);
    list_push_back(&sv->sessions, &s->link);
    sv->session_count++;
    counter_add(&sv->count.connections, 1);
}

void session_replace(struct session *from, struct session *to, const struct session_ops *ops)
{
    to->server = from->server;
    to->ops = ops;
    to->tag = from->tag;
    to->conn = from->conn;
    to->wait = WAIT_NOTHING;
    deadline_init(&to->deadline);
    deadline_stop(&from->deadline);
    list_insert_after(&from->link, &to->link);
    list_remove(&from->link);
    from->conn = NULL;
}

void session_close(struct session *s)
{
    struct server *sv = s->server;
    deadline_stop(&s->deadline);
    list_remove(&s->link);
    counter_add(&sv->count.connections_closed, 1);
    server_session_ended(sv);
}

void session_wait_for(struct session *s, enum session_wait kind)
{
    if (s->wait == kind && kind != WAIT_IDLE)
        return;
    if (s->wait != kind)
        deadline_stop(&s->deadline);
    s->wait = kind;
    if (kind == WAIT_NOTHING)
        return;
    if (kind == WAIT_STALL)
        s->progress_bytes = progress_bytes(s->conn);
    deadline_start(&s->server->waits[kind], &s->deadline);
}
