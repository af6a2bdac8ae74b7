/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/web/h2_peer.h"

#include <netinet/tcp.h>
#include <stdio.h>

#define FIELDS_MAX 2000

static struct peer_stream *stream_of(struct peer *p, int32_t id)
{
    for (int i = 0; i < p->stream_count; i++)
        if (p->streams[i].id == id)
            return &p->streams[i];
    fail_msg("nothing is known of stream %d", (int)id);
    return p->streams;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                     void *ctx) /* limit: a callback of nghttp2 */
{
    struct peer_stream *st = stream_of(ctx, frame->hd.stream_id);
    (void)ng;
    (void)flags;
    if (name_n == 7 && memcmp(name, ":status", 7) == 0) {
        st->informs += st->status >= 100 && st->status < 200;
        st->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
        st->fields[0] = '\0';
    }
    size_t n = strlen(st->fields);
    snprintf(st->fields + n, sizeof st->fields - n, "%.*s: %.*s\n", (int)name_n, (const char *)name,
             (int)value_n, (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                   void *ctx) /* limit: a callback of nghttp2 */
{
    struct peer *p = ctx;
    struct peer_stream *st = stream_of(p, id);
    (void)ng;
    (void)flags;
    for (size_t i = 0; i < n && st->body_n + i < sizeof st->body - 1; i++)
        st->body[st->body_n + i] = (char)data[i];
    st->body_n += n;
    p->body_bytes += n;
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct peer *p = ctx;
    (void)ng;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        p->goaways++;
        p->goaway_code = frame->goaway.error_code;
        p->goaway_last = frame->goaway.last_stream_id;
    }
    if (frame->hd.type == NGHTTP2_PING)
        p->pings++;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        p->max_streams =
            nghttp2_session_get_remote_settings(p->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *ctx)
{
    struct peer *p = ctx;
    struct peer_stream *st = stream_of(p, id);
    (void)ng;
    st->is_ended = true;
    st->is_reset = code != 0;
    st->reset_code = code;
    st->ended_at = p->body_bytes;
    return 0;
}

void peer_open(struct peer *p, struct wire *w, uint32_t window)
{
    nghttp2_session_callbacks *calls;
    nghttp2_option *option;
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
    int on = 1;
    memset(p, 0, sizeof *p);
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    p->w = w;
    p->taken = w->got_n;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_option_new(&option);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_no_auto_window_update(option, window != 0);
    assert_int_equal(nghttp2_session_client_new2(&p->ng, calls, p, option), 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    nghttp2_submit_settings(p->ng, NGHTTP2_FLAG_NONE, settings, window != 0 ? 1 : 0);
    if (window > NGHTTP2_INITIAL_WINDOW_SIZE)
        nghttp2_session_set_local_window_size(p->ng, NGHTTP2_FLAG_NONE, 0, (int32_t)window);
    peer_turn(p);
}

void peer_close(struct peer *p)
{
    nghttp2_session_del(p->ng);
    p->ng = NULL;
}

void peer_turn(struct peer *p)
{
    static char all[2 << 20];
    const uint8_t *out;
    size_t all_n = 0;
    ssize_t n = 0;
    while (p->w->fd >= 0 && (n = nghttp2_session_mem_send(p->ng, &out)) > 0) {
        assert_true(all_n + (size_t)n <= sizeof all);
        memcpy(all + all_n, out, (size_t)n);
        all_n += (size_t)n;
    }
    if (all_n > 0)
        wire_send(p->w, span_make(all, all_n));
    wire_for_ms(p->w, 1);
    size_t waiting = p->w->got_n - p->taken;
    const uint8_t *in = (const uint8_t *)p->w->got + p->taken;
    if (waiting > 0)
        assert_int_equal(nghttp2_session_mem_recv(p->ng, in, waiting), waiting);
    wire_forget(p->w);
    p->taken = 0;
}

static size_t parse(struct peer *p, const char *text, nghttp2_nv *v)
{
    size_t n = 0, text_n = strlen(text) + 1;
    assert_true(p->names_n + text_n <= sizeof p->names);
    const char *fields = memcpy(p->names + p->names_n, text, text_n);
    p->names_n += text_n;
    for (const char *at = fields; *at != '\0'; n++) {
        const char *colon = strstr(at + 1, ": "), *eol = strchr(at, '\n');
        assert_true(n < FIELDS_MAX && colon != NULL && eol != NULL);
        v[n] = (nghttp2_nv){
            .name = (uint8_t *)(uintptr_t)at,
            .namelen = (size_t)(colon - at),
            .value = (uint8_t *)(uintptr_t)(colon + 2),
            .valuelen = (size_t)(eol - colon - 2),
            .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME, /* or it would be made lower case */
        };
        at = eol + 1;
    }
    return n;
}

struct peer_stream *peer_send_head(struct peer *p, const char *fields)
{
    static nghttp2_nv v[FIELDS_MAX];
    size_t n = parse(p, fields, v);
    assert_true(p->stream_count < PEER_STREAMS);
    struct peer_stream *st = &p->streams[p->stream_count++];
    st->id = nghttp2_submit_headers(p->ng, NGHTTP2_FLAG_NONE, -1, NULL, v, n, NULL);
    assert_true(st->id > 0);
    peer_turn(p);
    return st;
}

struct text_source {
    const char *text;
    size_t left;
};
static struct text_source source;

static ssize_t read_text(nghttp2_session *ng, int32_t id, uint8_t *out, size_t room,
                         uint32_t *flags, nghttp2_data_source *s,
                         void *ctx) /* limit: a callback of nghttp2 */
{
    struct text_source *t = s->ptr;
    size_t n = t->left < room ? t->left : room;
    (void)ng;
    (void)id;
    (void)ctx;
    memcpy(out, t->text, n);
    t->text += n;
    t->left -= n;
    if (t->left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* Turns in which a window that was closed would open again, if the server meant it to. */
#define TURNS_AFTER 20

void peer_send_data(struct peer *p, const struct peer_stream *st, const char *text, bool is_end)
{
    nghttp2_data_provider provider = {.source = {.ptr = &source}, .read_callback = read_text};
    source = (struct text_source){text, strlen(text)};
    uint8_t flags = is_end ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE;
    assert_int_equal(nghttp2_submit_data(p->ng, flags, st->id, &provider), 0);
    while (source.left > 0 && nghttp2_session_get_stream_remote_window_size(p->ng, st->id) > 0)
        peer_turn(p);
    for (int i = 0; i < TURNS_AFTER; i++)
        peer_turn(p);
}

struct peer_stream *peer_request(struct peer *p, const char *fields, const char *body)
{
    static nghttp2_nv v[FIELDS_MAX];
    nghttp2_data_provider provider = {.source = {.ptr = &source}, .read_callback = read_text};
    if (body != NULL)
        source = (struct text_source){body, strlen(body)};
    assert_true(p->stream_count < PEER_STREAMS);
    struct peer_stream *st = &p->streams[p->stream_count++];
    size_t n = parse(p, fields, v);
    st->id = nghttp2_submit_request(p->ng, NULL, v, n, body != NULL ? &provider : NULL, NULL);
    assert_true(st->id > 0);
    return st;
}

struct peer_stream *peer_get(struct peer *p, const char *path)
{
    static char fields[4096];
    snprintf(fields, sizeof fields, ":method: GET\n:scheme: http\n:authority: h\n:path: %s\n",
             path);
    return peer_request(p, fields, NULL);
}

void peer_until_ended(struct peer *p, const struct peer_stream *st)
{
    PEER_UNTIL(p, st->is_ended, "end of a stream");
}

void peer_until_goaway(struct peer *p)
{
    PEER_UNTIL(p, p->goaways > 0, "GOAWAY");
}

void peer_until_closed(struct peer *p)
{
    PEER_UNTIL(p, p->w->has_ended, "end of the connection");
}

bool peer_has_field(const struct peer_stream *st, const char *line)
{
    return strstr(st->fields, line) != NULL;
}

void peer_raw(struct peer *p, uint8_t type, uint8_t flags, uint32_t id, struct span payload)
{
    static char frame[9 + 65536];
    const char head[9] = {
        (char)(payload.n >> 16), (char)(payload.n >> 8), (char)payload.n, (char)type, (char)flags,
        (char)(id >> 24),        (char)(id >> 16),       (char)(id >> 8), (char)id};
    memcpy(frame, head, sizeof head);
    if (payload.n > 0)
        memcpy(frame + sizeof head, payload.p, payload.n);
    wire_send(p->w, span_make(frame, sizeof head + payload.n));
}
