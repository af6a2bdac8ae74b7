/* SPDX-License-Identifier: MIT
 *
 * One question to a storage: credentials, a call, and another one where that failed in a way that
 * passes. Runs on its loop. */
#include "origin/connect/remote_ask.h"

#include "lib/base/err.h"
#include "lib/base/log.h"

#define PAUSE_MS           50 /* before the second try; doubles */
#define PAUSE_MAX_MS       2000
#define RETRY_SHARE        0.1 /* of a retry that each question earns */
#define ASK_ARENA_BYTES    (256 << 10)
#define ANSWER_CHUNK_BYTES 65536

static void send_now(struct remote_ask *a);

static void settle(struct remote_ask *a, enum remote_ask_state state, int err)
{
    a->state = state;
    a->err = err;
    a->verdict_is_due = true;
    loop_defer(a->at->home, &a->verdict);
}

static void on_verdict(struct loop_task *t)
{
    struct remote_ask *a = CONTAINER_OF(t, struct remote_ask, verdict);
    a->verdict_is_due = false;
    a->done(a, a->err);
}

static bool is_passing(int status)
{
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* How long to wait before the next try: what the storage asks for, within reason. */
static msec_t pause_of(const struct remote_ask *a)
{
    msec_t pause = (msec_t)PAUSE_MS << a->tries;
    uint64_t told = 0;
    const struct response_head *head = a->call != NULL ? call_head(a->call) : NULL;
    if (head != NULL && span_u64(fields_value(&head->fields, FIELD_RETRY_AFTER), &told) &&
        told <= PAUSE_MAX_MS / MSEC_PER_SEC)
        pause = (msec_t)told * MSEC_PER_SEC;
    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

static bool try_again(struct remote_ask *a, const char *reason)
{
    struct remote_loop *at = a->at;
    if (a->tries >= at->remote->options->tries ||
        !bucket_take(&at->retries, 1.0, loop_now(at->home)))
        return false;
    LOG_WARN_LIMITED("storage-retry", "storage=%s path=\"%.*s\" try=%d reason=\"%s\"",
                     at->remote->kind->name, SPAN_FMT(a->path), a->tries + 1, reason);
    msec_t pause = pause_of(a);
    call_end(&a->call);
    a->state = REMOTE_ASK_WAIT;
    timer_set(&a->pause, pause);
    return true;
}

static bool is_stale(struct remote_ask *a, int status)
{
    const struct remote_kind *kind = a->at->remote->kind;
    return status >= 400 && status < 500 && kind->refresh != NULL && !a->is_login &&
           !a->has_refreshed && kind->refresh(a->at, a, status);
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    (void)c;
    struct remote_ask *a = ctx;
    if (is_stale(a, head->status)) {
        a->has_refreshed = true;
        call_end(&a->call);
        a->state = REMOTE_ASK_WAIT;
        timer_set(&a->pause, 0);
        return;
    }
    if (!is_passing(head->status) || !try_again(a, "busy or broken"))
        settle(a, REMOTE_ASK_ANSWERED, 0);
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)c;
    struct remote_ask *a = ctx;
    if (err != ERR_BODY && try_again(a, text))
        return;
    LOG_WARN_LIMITED("storage-failed", "storage=%s path=\"%.*s\" reason=\"%s\"",
                     a->at->remote->kind->name, SPAN_FMT(a->path), text);
    settle(a, REMOTE_ASK_OVER, err);
}

static void on_readable(void *ctx, struct call *c)
{
    (void)c;
    struct remote_ask *a = ctx;
    if (a->readable != NULL && a->state == REMOTE_ASK_ANSWERED)
        a->readable(a);
}

static const struct call_events events = {
    .on_head = on_head, .on_readable = on_readable, .on_failed = on_failed};

static void on_pause_over(struct timer *t)
{
    send_now(CONTAINER_OF(t, struct remote_ask, pause));
}

static void send_now(struct remote_ask *a)
{
    struct remote *r = a->at->remote;
    struct request_head head = {.method = a->method,
                                .method_text = method_text(a->method),
                                .content_length = a->body != NULL ? a->body_bytes : 0,
                                .keeps_alive = true};
    arena_reset(&a->mem);
    fields_init(&head.fields, &a->mem);
    for (size_t i = 0; i < a->fields_count; i++)
        fields_add_named(&head.fields, a->fields[i].name, a->fields[i].value);
    struct client_target target;
    int err = r->kind->sign(a->at, a, &head, &target);
    if (err == ERR_AGAIN) {
        a->state = REMOTE_ASK_KEYLESS;
        return;
    }
    if (err == 0 && (arena_overflowed(&a->mem) || arena_overflowed(&a->kept)))
        err = ERR_TOO_BIG;
    if (err != 0) {
        settle(a, REMOTE_ASK_OVER, err);
        return;
    }
    head.target = url_target(head.path, head.query, &a->mem);
    struct call_spec spec = {.target = &target,
                             .request = &head,
                             .body = a->body != NULL ? a->body(a) : NULL,
                             .connect_ms = r->options->connect_ms,
                             .first_byte_ms = r->options->first_byte_ms,
                             .stall_ms = r->options->stall_ms};
    a->tries++;
    a->state = REMOTE_ASK_SENT;
    a->call = call_start(a->at->client, &spec, &events, a);
}

void remote_ask_init(struct remote_ask *a, struct remote_loop *at, enum method method,
                     struct span path)
{
    *a = (struct remote_ask){.at = at, .method = method, .path = path};
    list_init(&a->link);
    arena_init(&a->mem, ASK_ARENA_BYTES);
    arena_init(&a->kept, ASK_ARENA_BYTES);
    timer_init(&a->pause, at->home, on_pause_over);
    loop_task_init(&a->verdict, on_verdict);
}

void remote_ask_query(struct remote_ask *a, struct span name, struct span value)
{
    CHECK(a->query_count < REMOTE_PAIRS_MAX);
    a->query[a->query_count++] = (struct sigv4_pair){name, value};
}

void remote_ask_field(struct remote_ask *a, struct span name, struct span value)
{
    CHECK(a->fields_count < REMOTE_PAIRS_MAX);
    a->fields[a->fields_count++] = (struct sigv4_pair){name, value};
}

void remote_ask_start(struct remote_ask *a)
{
    struct bucket *retries = &a->at->retries;
    retries->tokens += RETRY_SHARE;
    if (retries->tokens > retries->burst)
        retries->tokens = retries->burst;
    list_push_back(&a->at->asks, &a->link);
    send_now(a);
}

void remote_ask_end(struct remote_ask *a)
{
    if (a->at == NULL)
        return;
    call_end(&a->call);
    loop_undefer(&a->verdict);
    timer_finish(&a->pause);
    list_remove(&a->link);
    arena_finish(&a->mem);
    arena_finish(&a->kept);
    *a = (struct remote_ask){.state = REMOTE_ASK_OVER};
}

struct arena *remote_ask_kept(struct remote_ask *a)
{
    return &a->kept;
}

const struct response_head *remote_ask_head(const struct remote_ask *a)
{
    return call_head(a->call);
}

ssize_t remote_ask_read(struct remote_ask *a, void *dst, size_t room)
{
    return call_read(a->call, dst, room);
}

void remote_ask_resume_all(struct remote_loop *at, int err)
{
    LIST_EACH_SAFE(l, next, &at->asks)
    {
        struct remote_ask *a = LIST_THING(l, struct remote_ask, link);
        if (a->state != REMOTE_ASK_KEYLESS)
            continue;
        if (err == 0)
            send_now(a);
        else
            settle(a, REMOTE_ASK_OVER, err);
    }
}

static void talk_readable(struct remote_ask *a)
{
    struct remote_talk *t = CONTAINER_OF(a, struct remote_talk, ask);
    for (;;) {
        char *room = buf_room(&t->answer, ANSWER_CHUNK_BYTES);
        if (room == NULL) {
            t->done(t, ERR_TOO_BIG);
            return;
        }
        ssize_t n = remote_ask_read(a, room, ANSWER_CHUNK_BYTES);
        if (n == ERR_AGAIN)
            return;
        if (n <= 0) {
            int status = remote_ask_head(a)->status;
            if (n == 0 && status >= 300 && status != 404)
                LOG_WARN_LIMITED("storage-refused", "storage=%s path=\"%.*s\" status=%d",
                                 a->at->remote->kind->name, SPAN_FMT(a->path), status);
            t->done(t, n < 0 ? (int)n : remote_err_of(status));
            return;
        }
        buf_filled(&t->answer, (size_t)n);
    }
}

static void talk_answered(struct remote_ask *a, int err)
{
    struct remote_talk *t = CONTAINER_OF(a, struct remote_talk, ask);
    if (err != 0)
        t->done(t, err);
    else
        talk_readable(a);
}

void remote_talk_start(struct remote_talk *t)
{
    buf_init(&t->answer, REMOTE_ANSWER_MAX);
    t->ask.done = talk_answered;
    t->ask.readable = talk_readable;
    remote_ask_start(&t->ask);
}

void remote_talk_end(struct remote_talk *t)
{
    remote_ask_end(&t->ask);
    buf_finish(&t->answer);
}
