/* SPDX-License-Identifier: MIT
 * Streams whose client neither takes nor sends. Runs on the session's loop. */
#include "lib/web/h2_stall.h"

#include "lib/base/err.h"
#include "lib/web/progress.h"

static uint64_t moved_bytes(const struct h2_stream *st)
{
    return st->sent.head_bytes + st->sent.body_bytes + st->x.body_bytes_in + st->in.bytes;
}

/* Its window is closed, or the rest of its request is wanted. What waits for its turn among other
 * streams, or for the application, does not wait for the client. */
static bool waits_for_client(const struct h2_stream *st)
{
    nghttp2_session *ng = st->session->ng;
    bool is_held = st->is_sending && !st->is_deferred &&
                   nghttp2_session_get_stream_remote_window_size(ng, st->id) <= 0;
    return is_held || st->is_body_wanted;
}

static bool is_stalled(struct h2_stream *st)
{
    uint64_t before = st->moved_bytes, now = moved_bytes(st);
    bool did_wait = st->did_wait;
    st->moved_bytes = now;
    st->did_wait = waits_for_client(st);
    return did_wait && st->did_wait &&
           now - before < st->session->base.server->config.min_progress_bytes;
}

static void on_look(struct deadline *d)
{
    struct h2_session *s = CONTAINER_OF(d, struct h2_session, stall);
    uint64_t before = s->progress_bytes, now = progress_bytes(s->base.conn);
    bool is_moving = now >= before + s->base.server->config.min_progress_bytes;
    s->progress_bytes = now;
    LIST_EACH_SAFE(l, next, &s->streams)
    {
        struct h2_stream *st = LIST_THING(l, struct h2_stream, link);
        if (!is_stalled(st) || !is_moving) /* a dead connection is for its own time-out */
            continue;
        counter_add(&s->base.server->count.timeouts_stall, 1);
        h2_stream_reset(st, ERR_TIMEOUT, NGHTTP2_CANCEL);
    }
    h2_stall_watch(s);
}

void h2_stall_init(struct h2_session *s)
{
    struct server *sv = s->base.server;
    if (sv->h2_stalls.loop == NULL)
        deadlines_init(&sv->h2_stalls, sv->loop, sv->config.stall_ms, on_look);
    deadline_init(&s->stall);
}

void h2_stall_watch(struct h2_session *s)
{
    bool has_streams = !list_is_empty(&s->streams) && s->state < H2_LEAVING;
    if (!has_streams)
        deadline_stop(&s->stall);
    else if (!list_is_linked(&s->stall.link))
        deadline_start(&s->base.server->h2_stalls, &s->stall);
}
