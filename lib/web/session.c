/* SPDX-License-Identifier: MIT
 * What sessions of every protocol share: membership in their server, time-outs.
 * Runs on the server's loop. */
#include "lib/web/session.h"

#include "lib/web/progress.h"

static counter_t *counter_of(struct server *sv, enum session_wait kind)
{
    if (kind == WAIT_HEAD)
        return &sv->count.timeouts_head;
    return kind == WAIT_IDLE ? &sv->count.timeouts_idle : &sv->count.timeouts_stall;
}

static void on_deadline(struct deadline *d)
{
    struct session *s = CONTAINER_OF(d, struct session, deadline);
    struct server *sv = s->server;
    enum session_wait kind = s->wait;
    if (kind == WAIT_STALL) {
        uint64_t now = progress_bytes(s->conn), before = s->progress_bytes;
        if (now >= before && now - before >= sv->config.min_progress_bytes) {
            s->progress_bytes = now;
            deadline_start(&sv->waits[kind], d);
            return;
        }
    }
    s->wait = WAIT_NOTHING;
    if (kind != WAIT_LINGER)
        counter_add(counter_of(sv, kind), 1);
    s->ops->time_out(s, kind);
}

void session_open(struct session *s, struct server *sv, const struct session_ops *ops, void *tag)
{
    CHECK_OBJ(sv, SERVER_MAGIC);
    s->server = sv;
    s->ops = ops;
    s->tag = tag;
    s->wait = WAIT_NOTHING;
    deadline_init(&s->deadline, on_deadline);
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
    deadline_init(&to->deadline, on_deadline);
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
