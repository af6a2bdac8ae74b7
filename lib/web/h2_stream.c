/* SPDX-License-Identifier: MIT
 * One request and its answer on HTTP/2: what the application may do with it (exchange_ops), its
 * request's body, its beginning and end. Never runs the session inside its caller: what is to be
 * sent is given to nghttp2, and the session woken. Runs on the session's loop. */
#include "lib/web/h2_stream.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/web/h2_frame.h"
#include "lib/web/h2_head.h"

#define EXCHANGE_MEM_BYTES (1u << 20)
/* The stream's receive window once somebody reads; before, it is the protocol's own 64 KiB. */
#define WINDOW_BYTES (256 << 10)

static struct h2_stream *stream_of(struct exchange *x)
{
    return CONTAINER_OF(x, struct h2_stream, x);
}

void h2_wake(struct h2_session *s)
{
    if (s->is_running)
        s->is_again = true;
    else
        loop_defer(s->base.server->loop, &s->turn);
}

/* nghttp2 still knows the stream, and may be told of it. */
static bool is_alive(const struct h2_stream *st)
{
    return st->session != NULL && !st->is_forgotten && st->session->state < H2_LEAVING;
}

static void free_stream(struct h2_stream *st)
{
    arena_finish(&st->x.mem);
    mem_free(st);
}

/* The request's body, pulled by the application */

static struct h2_stream *stream_of_body(struct body *b)
{
    return CONTAINER_OF(b, struct h2_stream, request_body);
}

static void set_wanted(struct h2_stream *st, bool is_wanted)
{
    if (st->is_body_wanted == is_wanted)
        return;
    st->is_body_wanted = is_wanted;
    st->session->wanting += is_wanted ? 1 : -1u;
}

/* At the first pull: RFC 9110 s.10.1.1, and more room for what comes. */
static void begin_body(struct h2_stream *st)
{
    struct h2_session *s = st->session;
    const struct response_head go_on = {.status = 100};
    if (st->is_continue_settled || !is_alive(st))
        return;
    st->is_continue_settled = true;
    if (st->in.has_ended)
        return;
    if (st->x.request.expects_continue && st->in.bytes == 0 && !st->x.is_answered)
        (void)h2_head_submit(st, &go_on, NULL);
    int64_t length = st->x.request.content_length;
    if (length == LENGTH_UNKNOWN || length > NGHTTP2_INITIAL_WINDOW_SIZE)
        (void)nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, st->id, WINDOW_BYTES);
    h2_wake(s);
}

static int request_peek(struct body *b, struct body_piece *out)
{
    struct h2_stream *st = stream_of_body(b);
    if (st->session == NULL || (!is_alive(st) && !st->in.has_ended))
        return ERR_CLOSED;
    begin_body(st);
    struct span data = h2_intake_peek(&st->in);
    if (data.n > 0) {
        *out = (struct body_piece){.mem = (const uint8_t *)data.p, .fd = -1, .len = data.n};
        return 1;
    }
    if (st->in.has_ended)
        return 0;
    set_wanted(st, true);
    if (!st->session->is_running)
        session_wait_for(&st->session->base, WAIT_STALL);
    return ERR_AGAIN;
}

static void request_advance(struct body *b, size_t n)
{
    struct h2_stream *st = stream_of_body(b);
    struct h2_session *s = st->session;
    if (s == NULL)
        return;
    h2_intake_take(&st->in, s->base.server->loop, n);
    st->x.body_bytes_in += n;
    if (s->state < H2_LEAVING && nghttp2_session_consume(s->ng, st->id, n) == 0)
        h2_wake(s);
}

/* What waits is of no use to anybody: only the connection's window gets it back. */
static void drop_intake(struct h2_stream *st)
{
    struct h2_session *s = st->session;
    if (st->in.bytes > 0 && s->state < H2_LEAVING &&
        nghttp2_session_consume_connection(s->ng, st->in.bytes) == 0)
        h2_wake(s);
    h2_intake_drop(&st->in, s->base.server->loop);
}

static void request_close(struct body *b)
{
    struct h2_stream *st = stream_of_body(b);
    st->is_body_open = false;
    if (st->session != NULL) {
        set_wanted(st, false);
        drop_intake(st);
    } else if (st->is_ended) {
        free_stream(st);
    }
}

static const struct body_ops request_ops = {"request", request_peek, request_advance,
                                            request_close};

static void tell_reader(struct h2_stream *st)
{
    if (!st->is_body_wanted)
        return;
    set_wanted(st, false);
    body_ready(&st->request_body);
}

void h2_stream_data(struct h2_stream *st, struct span data)
{
    struct h2_session *s = st->session;
    h2_intake_add(&st->in, s->base.server->loop, data);
    if (!st->is_body_open && (st->is_body_asked || st->x.is_answered))
        drop_intake(st);
    else
        tell_reader(st);
}

void h2_stream_data_end(struct h2_stream *st)
{
    st->in.has_ended = true;
    tell_reader(st);
}

/* The answer */

static void set_sending(struct h2_stream *st, bool is_sending)
{
    struct h2_session *s = st->session;
    if (st->is_sending != is_sending)
        s->sending += is_sending ? 1 : -1u;
    st->is_sending = is_sending;
    if (!is_sending && st->is_deferred) {
        st->is_deferred = false;
        s->deferred--;
    }
}

static void own_body_ready(void *ctx)
{
    struct h2_stream *st = ctx;
    if (!st->is_deferred)
        return;
    st->is_deferred = false;
    st->session->deferred--;
    if (is_alive(st) && nghttp2_session_resume_data(st->session->ng, st->id) == 0)
        h2_wake(st->session);
}

void h2_stream_reset(struct h2_stream *st, int err, uint32_t code)
{
    st->err = err;
    if (!is_alive(st))
        return;
    (void)nghttp2_submit_rst_stream(st->session->ng, NGHTTP2_FLAG_NONE, st->id, code);
    h2_wake(st->session);
}

static bool has_piece(struct body *body)
{
    struct body_piece piece;
    return body != NULL && body_peek(body, &piece) == 1;
}

static void h2_respond(struct exchange *x, const struct response_head *head, struct body *body)
{
    struct h2_stream *st = stream_of(x);
    const struct response_head failed = {.status = 500};
    nghttp2_data_provider provider = {.source = {.ptr = st}, .read_callback = h2_frame_read};
    struct response_head told = *head;
    bool has_body = status_has_body(head->status) && x->request.method != METHOD_HEAD;
    if (!is_alive(st) || !has_body)
        body_close(&body);
    if (!is_alive(st))
        return;
    if (has_body && body == NULL && told.content_length == LENGTH_UNKNOWN)
        told.content_length = 0;
    if (told.content_length == 0 && !has_piece(body))
        has_body = false;
    if (h2_head_submit(st, &told, has_body ? &provider : NULL) != 0) {
        body_close(&body);
        has_body = false;
        x->status = 500;
        if (h2_head_submit(st, &failed, NULL) != 0)
            h2_stream_reset(st, ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR);
    }
    st->body = body;
    st->left = told.content_length;
    set_sending(st, has_body);
    if (body != NULL) {
        body->on_ready = own_body_ready;
        body->ctx = st;
    }
    if (!st->is_body_open)
        drop_intake(st);
    h2_wake(st->session);
}

static int h2_inform(struct exchange *x, const struct response_head *head)
{
    struct h2_stream *st = stream_of(x);
    int err = is_alive(st) ? h2_head_submit(st, head, NULL) : 0;
    if (err == 0 && st->session != NULL)
        h2_wake(st->session);
    return err;
}

static struct body *h2_request_body(struct exchange *x)
{
    struct h2_stream *st = stream_of(x);
    if (x->request.content_length == 0)
        return NULL;
    CHECK(!st->is_body_asked);
    st->is_body_asked = st->is_body_open = true;
    st->request_body = (struct body){.ops = &request_ops};
    return &st->request_body;
}

static void h2_abort(struct exchange *x)
{
    h2_stream_reset(stream_of(x), ERR_CANCELLED, NGHTTP2_INTERNAL_ERROR);
}

static const struct exchange_ops h2_exchange_ops = {h2_respond, h2_inform, h2_request_body,
                                                    h2_abort};

void h2_stream_whole(struct h2_stream *st)
{
    st->is_whole = true;
    set_sending(st, false);
}

void h2_stream_released(struct h2_out_user *u)
{
    struct h2_stream *st = CONTAINER_OF(u, struct h2_stream, sent);
    if (st->lent_bytes > 0) {
        body_advance(st->body, st->lent_bytes);
        st->lent_bytes = 0;
    }
    h2_stream_settle(st);
}

/* Beginning and end */

struct h2_stream *h2_stream_open(struct h2_session *s, int32_t id)
{
    struct server *sv = s->base.server;
    struct list *spare = spares_take(&sv->spare_streams);
    struct h2_stream *st;
    struct arena mem;
    if (spare != NULL) {
        st = LIST_THING(spare, struct h2_stream, link);
        mem = st->x.mem;
    } else {
        st = mem_alloc(sizeof *st);
        arena_init(&mem, EXCHANGE_MEM_BYTES);
    }
    *st = (struct h2_stream){
        .x = {.magic = EXCHANGE_MAGIC,
              .ops = &h2_exchange_ops,
              .loop = sv->loop,
              .conn = s->base.conn,
              .listener_tag = s->base.tag,
              .id = ++sv->next_id,
              .began_ns = clock_mono_ns(),
              .request = {.major_version = 2, .keeps_alive = true},
              .mem = mem},
        .session = s,
        .id = id,
    };
    fields_init(&st->x.request.fields, &st->x.mem);
    list_push_back(&s->streams, &st->link);
    s->stream_count++;
    return st;
}

static const struct exchange_events refused_events = {NULL};

/* A client that never says what matters to it gets its answers in turns; by RFC 9218 they would
 * come one after the other. */
static void set_priority(struct h2_stream *st)
{
    struct h2_session *s = st->session;
    const nghttp2_extpri in_turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    s->has_priorities = s->has_priorities || st->has_priority;
    if (!s->has_priorities)
        (void)nghttp2_session_change_extpri_stream_priority(s->ng, st->id, &in_turns, 0);
}

void h2_stream_begin(struct h2_stream *st, bool has_body)
{
    struct server *sv = st->session->base.server;
    const char *why;
    st->in.has_ended = !has_body;
    set_priority(st);
    int status = h2_head_finish(st, has_body, &why);
    if (status != 0) {
        counter_add(&sv->count.bad_requests, 1);
        st->x.events = &refused_events;
        exchange_reply(&st->x, status, SPAN_NONE, span_of(why));
        return;
    }
    counter_add(&sv->count.requests, 1);
    sv->on_request(sv->app, &st->x);
    CHECK(st->x.events != NULL);
}

void h2_stream_settle(struct h2_stream *st)
{
    struct h2_session *s = st->session;
    bool is_over = st->is_whole || st->is_forgotten || s->state >= H2_LEAVING;
    if (!is_over || st->sent.entries > 0 || s->sent_head == st)
        return;
    list_remove(&st->link);
    list_push_back(&s->over, &st->link);
}

void h2_stream_forgotten(struct h2_stream *st)
{
    st->is_forgotten = true;
    if (st->x.events == NULL) /* reset for its head, before the application heard of it */
        counter_add(&st->session->base.server->count.bad_requests, 1);
    h2_stream_settle(st);
}

static void free_spare(struct list *link)
{
    free_stream(LIST_THING(link, struct h2_stream, link));
}

static void spare(struct server *sv, struct h2_stream *st)
{
    arena_reset(&st->x.mem);
    spares_put(&sv->spare_streams, &st->link, free_spare);
}

/* RFC 9113 s.8.1: an answer may end before its request has. Many clients take a reset in their
 * upload for a failure, so they may use up the window that they have; more they do not get. */
void h2_stream_refuse_rest(struct h2_session *s, int32_t id)
{
    if (nghttp2_session_get_stream_local_window_size(s->ng, id) > 0)
        return;
    (void)nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    h2_wake(s);
}

static void take_leave(struct h2_stream *st)
{
    (void)nghttp2_session_set_stream_user_data(st->session->ng, st->id, NULL);
    if (!st->in.has_ended)
        h2_stream_refuse_rest(st->session, st->id);
}

static int result_of(const struct h2_stream *st)
{
    if (!st->is_whole)
        return st->err != 0 ? st->err : ERR_CLOSED;
    return has_piece(st->body) ? ERR_TOO_BIG : 0;
}

void h2_stream_end(struct h2_stream *st)
{
    struct h2_session *s = st->session;
    struct server *sv = s->base.server;
    int err = result_of(st);
    set_sending(st, false);
    set_wanted(st, false);
    drop_intake(st);
    if (is_alive(st))
        take_leave(st);
    list_remove(&st->link);
    s->stream_count--;
    st->session = NULL;
    body_close(&st->body);
    st->x.head_bytes_out = st->sent.head_bytes;
    st->x.body_bytes_out = st->sent.body_bytes;
    if (err != 0 && st->x.is_answered)
        counter_add(&sv->count.aborted, 1);
    if (st->x.events != NULL)
        exchange_done(&st->x, err);
    st->is_ended = true;
    if (!st->is_body_open)
        spare(sv, st);
}
