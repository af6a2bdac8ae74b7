/* SPDX-License-Identifier: MIT
 * The life of one HTTP/2 connection (RFC 9113): between nghttp2, which knows the protocol, and the
 * streams, which know the exchanges. As on HTTP/1, one function, run(), reads, ends what is over,
 * writes and moves the state, and never from inside itself. Runs on the server's loop. */
#include "lib/web/session_h2.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/web/h2_frame.h"
#include "lib/web/h2_head.h"
#include "lib/web/h2_stall.h"

#include <pthread.h>

#define STREAMS_MAX 128
/* What all streams of a connection may have sent us and nobody has pulled. */
#define WINDOW_BYTES (1 << 20)
/* One fast client must not hold up the others: after this much the loop goes on to them. */
#define TURN_BYTES (256u << 10)
#define TURN_READS 4
/* After our end: read away so much before we give up on the client's end. */
#define LINGER_BYTES (256u << 10)
#define GOAWAY_BYTES 17

static struct h2_stream *stream_of(struct h2_session *s, int32_t id)
{
    return nghttp2_session_get_stream_user_data(s->ng, id);
}

/* What nghttp2 tells */

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *ctx)
{
    struct h2_session *s = ctx;
    (void)ng;
    if (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_CONTINUATION)
        s->is_in_head = (hd->flags & NGHTTP2_FLAG_END_HEADERS) == 0;
    s->has_tripped = !h2_guard_received(&s->guard, hd, loop_now(s->base.server->loop));
    return s->has_tripped ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct h2_session *s = ctx;
    s->heading = NULL;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers are left out */
    s->heading = h2_stream_open(s, frame->hd.stream_id);
    return nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, s->heading);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                     void *ctx) /* limit: a callback of nghttp2 */
{
    struct h2_session *s = ctx;
    (void)ng;
    (void)frame;
    (void)flags;
    if (s->heading != NULL)
        h2_head_field(s->heading, span_make(name, name_n), span_make(value, value_n));
    return 0;
}

/* nghttp2 would leave the field out; what is malformed is refused (RFC 9113 s.8.1.1). */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                             void *ctx) /* limit: a callback of nghttp2 */
{
    (void)ng;
    (void)frame;
    (void)name;
    (void)name_n;
    (void)value;
    (void)value_n;
    (void)flags;
    (void)ctx;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void go_last(struct h2_session *s)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(s->ng);
    (void)nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    s->state = H2_LAST;
}

/* No request on its way is lost: those that cross the notice are taken until the client has
 * answered a PING behind it (RFC 9113 s.6.8). */
static void give_notice(struct h2_session *s)
{
    if (s->state != H2_OPEN)
        return;
    (void)nghttp2_submit_shutdown_notice(s->ng);
    (void)nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL);
    s->state = H2_NOTICED;
}

static void head_received(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_stream *st = stream_of(s, frame->hd.stream_id);
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    uint32_t bound = s->base.server->config.requests_per_conn;
    s->heading = NULL;
    if (st == NULL)
        return;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        if (is_end)
            h2_stream_data_end(st);
        return;
    }
    if (++s->requests >= bound && bound > 0)
        give_notice(s);
    h2_stream_begin(st, !is_end);
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct h2_session *s = ctx;
    (void)ng;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        head_received(s, frame);
    } else if (frame->hd.type == NGHTTP2_DATA) {
        struct h2_stream *st = stream_of(s, frame->hd.stream_id);
        if (st != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            h2_stream_data_end(st);
    } else if (frame->hd.type == NGHTTP2_SETTINGS) {
        s->is_greeted = true;
    } else if (frame->hd.type == NGHTTP2_PING && s->state == H2_NOTICED &&
               (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        go_last(s);
    }
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                   void *ctx) /* limit: a callback of nghttp2 */
{
    struct h2_session *s = ctx;
    struct h2_stream *st = stream_of(s, id);
    (void)flags;
    if (st != NULL) {
        h2_stream_data(st, span_make(data, n));
    } else {
        (void)nghttp2_session_consume_connection(ng, n);
        h2_stream_refuse_rest(s, id);
    }
    return 0;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct h2_session *s = ctx;
    (void)ng;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        s->sent_head = stream_of(s, frame->hd.stream_id);
        if (s->sent_head != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            h2_stream_whole(s->sent_head);
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        msec_t now = loop_now(s->base.server->loop);
        if (!h2_guard_sent_reset(&s->guard, frame->rst_stream.error_code, now))
            s->has_tripped = true;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error_code, void *ctx)
{
    struct h2_session *s = ctx;
    struct h2_stream *st = stream_of(s, id);
    (void)ng;
    (void)error_code;
    if (st == NULL)
        return 0;
    if (s->heading == st)
        s->heading = NULL;
    h2_stream_forgotten(st);
    return 0;
}

/* Made once, and the same for all sessions */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

static void set_up_nghttp2(void)
{
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_frame_send);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, h2_frame_length);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_builtin_recv_extension_type(options, NGHTTP2_PRIORITY_UPDATE);
}

static void *ng_malloc(size_t bytes, void *pool)
{
    return pool_try_alloc(pool, bytes);
}

static void *ng_calloc(size_t count, size_t each, void *pool)
{
    size_t bytes;
    void *p = __builtin_mul_overflow(count, each, &bytes) ? NULL : pool_try_alloc(pool, bytes);
    return p != NULL ? memset(p, 0, bytes) : NULL;
}

static void *ng_realloc(void *p, size_t bytes, void *pool)
{
    return pool_try_grow(pool, p, bytes);
}

static void ng_free(void *p, void *pool)
{
    pool_free(pool, p);
}

static nghttp2_session *open_nghttp2(struct h2_session *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_nghttp2);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, s->base.server->config.head_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_mem mem = {&s->base.server->pool, ng_malloc, ng_free, ng_calloc, ng_realloc};
    nghttp2_session *ng = NULL;
    if (nghttp2_session_server_new3(&ng, callbacks, s, options, &mem) != 0)
        return NULL;
    if (nghttp2_submit_settings(ng, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0 &&
        nghttp2_session_set_local_window_size(ng, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES) == 0)
        return ng;
    nghttp2_session_del(ng);
    return NULL;
}

/* Ends */

static void reap(struct h2_session *s)
{
    struct list *l;
    while ((l = list_pop(&s->over)) != NULL)
        h2_stream_end(LIST_THING(l, struct h2_stream, link));
}

static void settle_all(struct h2_session *s)
{
    LIST_EACH_SAFE(l, next, &s->streams)
    {
        h2_stream_settle(LIST_THING(l, struct h2_stream, link));
    }
}

static void put_u32(char *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(v >> (24 - 8 * i));
}

/* Ends without nghttp2, which may be broken: nothing more is read or begun. */
static void leave(struct h2_session *s, uint32_t code)
{
    if (s->state >= H2_LEAVING)
        return;
    char *at = h2_out_has_room(&s->out) ? h2_out_reserve(&s->out, GOAWAY_BYTES) : NULL;
    if (at != NULL) {
        memcpy(at, "\0\0\x08\x07\0\0\0\0\0", 9);
        put_u32(at + 9, (uint32_t)nghttp2_session_get_last_proc_stream_id(s->ng));
        put_u32(at + 13, code);
        h2_out_commit(&s->out, NULL, GOAWAY_BYTES, GOAWAY_BYTES);
    }
    if (code == NGHTTP2_ENHANCE_YOUR_CALM)
        counter_add(&s->base.server->count.floods, 1);
    s->state = H2_LEAVING;
    settle_all(s);
}

static void close_session(struct h2_session *s)
{
    s->state = H2_CLOSED;
    h2_out_drop(&s->out);
    LIST_EACH(l, &s->streams)
    {
        struct h2_stream *st = LIST_THING(l, struct h2_stream, link);
        st->is_whole = false; /* what was queued is lost */
        st->err = s->cut;
    }
    settle_all(s);
    conn_close(&s->base.conn);
    reap(s);
}

/* Reading */

static uint32_t code_of(const struct h2_session *s, ssize_t err)
{
    if (s->has_tripped || err == NGHTTP2_ERR_FLOODED || err == NGHTTP2_ERR_TOO_MANY_SETTINGS)
        return NGHTTP2_ENHANCE_YOUR_CALM;
    return err == NGHTTP2_ERR_NOMEM ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_PROTOCOL_ERROR;
}

static void take(struct h2_session *s, struct span bytes)
{
    ssize_t n = nghttp2_session_mem_recv(s->ng, (const uint8_t *)bytes.p, bytes.n);
    if (n < 0)
        leave(s, code_of(s, n));
}

static void read_away(struct h2_session *s, ssize_t n)
{
    s->lingered_bytes += n > 0 ? (size_t)n : 0;
    if (n <= 0 || s->lingered_bytes > LINGER_BYTES)
        s->cut = ERR_CLOSED;
}

static void read_in(struct h2_session *s)
{
    struct loop *l = s->base.server->loop;
    if (!conn_may_read(s->base.conn))
        return;
    char *buf = loop_buf_get(l);
    for (int i = 0; i < TURN_READS && s->cut == 0 && conn_may_read(s->base.conn); i++) {
        ssize_t n = conn_read(s->base.conn, buf, LOOP_BUF_BYTES);
        if (n == ERR_AGAIN)
            break;
        if (n > 0)
            counter_add(&s->base.server->count.received_bytes, (uint64_t)n);
        if (s->state >= H2_LEAVING)
            read_away(s, n);
        else if (n > 0)
            take(s, span_make(buf, (size_t)n));
        else
            s->cut = ERR_CLOSED;
    }
    loop_buf_put(l, buf);
    if (s->cut == 0 && conn_may_read(s->base.conn))
        loop_defer(l, &s->turn);
}

/* Writing */

/* A frame as nghttp2 gives it, until its next call: where there is no room it is lent, and nothing
 * more is asked for before it is written. */
static bool queue(struct h2_session *s, struct span frame)
{
    struct h2_stream *st = s->sent_head;
    struct h2_out_user *user = st != NULL ? &st->sent : NULL;
    char *at = frame.n <= LOOP_BUF_BYTES ? h2_out_reserve(&s->out, frame.n) : NULL;
    if (at != NULL) {
        memcpy(at, frame.p, frame.n);
        h2_out_commit(&s->out, user, frame.n, frame.n);
    } else {
        h2_out_lend(&s->out, user, frame, frame.n);
    }
    s->sent_head = NULL;
    return at != NULL;
}

static void fill(struct h2_session *s)
{
    bool goes_on = s->state < H2_LEAVING;
    while (goes_on && h2_out_has_room(&s->out)) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(s->ng, &p);
        if (n < 0)
            leave(s, NGHTTP2_INTERNAL_ERROR);
        goes_on = n > 0 && queue(s, span_make(p, (size_t)n));
    }
    if (s->has_tripped)
        leave(s, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void write_out(struct h2_session *s)
{
    size_t left = TURN_BYTES;
    while (s->cut == 0 && conn_may_write(s->base.conn)) {
        if (h2_out_is_empty(&s->out))
            fill(s);
        if (h2_out_is_empty(&s->out))
            return;
        if (left == 0) {
            loop_defer(s->base.server->loop, &s->turn);
            return;
        }
        ssize_t n = h2_out_write(&s->out, s->base.conn);
        if (n == ERR_AGAIN)
            return;
        if (n < 0) {
            s->cut = ERR_CLOSED;
            return;
        }
        counter_add(&s->base.server->count.sent_bytes, (uint64_t)n);
        left -= (size_t)n < left ? (size_t)n : left;
    }
}

/* The state */

static void move_on(struct h2_session *s)
{
    if (s->state < H2_LEAVING && h2_out_is_empty(&s->out) && !nghttp2_session_want_read(s->ng) &&
        !nghttp2_session_want_write(s->ng)) {
        s->state = H2_LEAVING; /* it has said its GOAWAY */
        settle_all(s);
        reap(s);
    }
    if (s->state != H2_LEAVING || !h2_out_is_empty(&s->out))
        return;
    int err = conn_end_write(s->base.conn);
    if (err == 0)
        s->state = H2_LINGER;
    else if (err != ERR_AGAIN)
        s->cut = ERR_CLOSED;
}

static enum session_wait waits_for(const struct h2_session *s)
{
    if (s->state >= H2_LEAVING)
        return WAIT_LINGER;
    if (s->is_in_head)
        return WAIT_HEAD;
    if (!h2_out_is_empty(&s->out) || s->sending > s->deferred || s->wanting > 0)
        return WAIT_STALL;
    if (s->stream_count > 0)
        return WAIT_NOTHING;
    if (s->state != H2_OPEN)
        return WAIT_LINGER;
    return s->is_greeted ? WAIT_IDLE : WAIT_HEAD;
}

static void run(struct h2_session *s)
{
    if (s->is_running) {
        s->is_again = true;
        return;
    }
    s->is_running = true;
    if (s->cut == 0)
        read_in(s);
    do { /* a client that sends fast is read from once a turn, but all it caused is answered */
        reap(s);
        s->is_again = false;
        if (s->cut == 0)
            write_out(s);
        reap(s);
    } while (s->is_again && s->cut == 0);
    if (s->cut == 0)
        move_on(s);
    if (s->cut != 0)
        close_session(s);
    s->is_running = false;
    if (s->state == H2_CLOSED) {
        loop_undefer(&s->turn);
        deadline_stop(&s->stall);
        nghttp2_session_del(s->ng);
        session_close(&s->base);
        mem_free(s);
        return;
    }
    h2_stall_watch(s);
    session_wait_for(&s->base, waits_for(s));
}

/* What the server and the connection tell */

static struct h2_session *session_of(struct session *base)
{
    return CONTAINER_OF(base, struct h2_session, base);
}

static void h2_run(struct session *base)
{
    run(session_of(base));
}

static void h2_drain(struct session *base)
{
    give_notice(session_of(base));
    run(session_of(base));
}

static void h2_cut(struct session *base)
{
    session_of(base)->cut = ERR_CLOSED;
    run(session_of(base));
}

static void h2_time_out(struct session *base, enum session_wait kind)
{
    struct h2_session *s = session_of(base);
    bool is_orderly = kind == WAIT_IDLE || (kind == WAIT_LINGER && s->state == H2_NOTICED);
    if (is_orderly)
        go_last(s);
    else
        s->cut = ERR_TIMEOUT;
    run(s);
}

static const struct session_ops h2_session_ops = {h2_run, h2_drain, h2_cut, h2_time_out};

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    (void)c;
    (void)ready;
    run(ctx);
}

static const struct conn_events h2_conn_events = {on_ready};

static void on_turn(struct loop_task *t)
{
    run(CONTAINER_OF(t, struct h2_session, turn));
}

void session_h2_replace(struct session *from, const struct span *read, size_t count)
{
    struct h2_session *s = mem_zalloc(sizeof *s);
    struct server *sv = from->server;
    session_replace(from, &s->base, &h2_session_ops);
    list_init(&s->streams);
    list_init(&s->over);
    loop_task_init(&s->turn, on_turn);
    h2_stall_init(s);
    h2_out_init(&s->out, sv->loop, h2_stream_released);
    h2_guard_init(&s->guard, loop_now(sv->loop));
    conn_set_events(s->base.conn, &h2_conn_events, s);
    s->ng = open_nghttp2(s);
    if (s->ng == NULL)
        s->cut = ERR_NO_MEMORY;
    counter_add(&sv->count.http2_connections, 1);
    for (size_t i = 0; i < count && s->cut == 0 && s->state == H2_OPEN; i++)
        if (read[i].n > 0)
            take(s, read[i]);
    if (sv->is_draining && s->ng != NULL)
        give_notice(s);
    run(s);
}
