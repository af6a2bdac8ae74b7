/* SPDX-License-Identifier: MIT
 * The life of a call: a connection from the pool or a fresh one, one repetition where a kept-alive
 * connection turned out closed, time-outs, the owner's callbacks, the end. What goes over the
 * connection is client_h1.c's. One function, run(), moves the state, never from inside itself, and
 * it alone calls back; so an owner may end its call inside any callback. On the client's loop. */
#include "lib/web/client.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/http/h1_write.h"
#include "lib/net/resolve.h"
#include "lib/web/client_call.h"
#include "lib/web/progress.h"

/* Heads of a request and its answers, and what finds the target. */
#define CALL_MEM_BYTES (1u << 20)
/* Request line, Host, framing fields, beside what is counted. */
#define REQUEST_ROOM 160

const struct client_config client_config_default = {
    .idle_per_target = 256, /* a burst leaves as many: the next one shall find them */
    .idle_ms = 30000,
    .head_bytes = LOOP_BUF_BYTES,
};

static void run(struct call *c);

/* The connection's end for this call */

static void leave_conn(struct call *c)
{
    if (c->conn == NULL)
        return;
    c->bytes_in += conn_bytes_in(c->conn) - c->conn_in;
    c->bytes_out += conn_bytes_out(c->conn) - c->conn_out;
    h1_intake_release(&c->in);
    body_close(&c->out.body);
}

static void drop_conn(struct call *c)
{
    leave_conn(c);
    conn_close(&c->conn);
}

/* Time-outs */

static void wait_for(struct call *c, enum call_wait wait)
{
    if (wait == c->wait)
        return;
    c->wait = wait;
    deadline_stop(&c->deadline);
    if (wait == CALL_WAITS_NOT)
        return;
    if (wait == CALL_WAITS_STALL)
        c->progress = progress_bytes(c->conn);
    c->wait_since = loop_now(c->client->loop);
    struct call_times *t = wait == CALL_WAITS_STALL ? c->stall : c->first_byte;
    deadline_start(&t->deadlines, &c->deadline);
}

static void broken(struct call *c, int err, const char *text)
{
    c->err = err;
    c->err_text = text;
    run(c);
}

static void on_deadline(struct deadline *d)
{
    struct call *c = CONTAINER_OF(d, struct call, deadline);
    if (c->wait == CALL_WAITS_FIRST_BYTE) {
        broken(c, ERR_TIMEOUT, "no answer in time");
        return;
    }
    uint64_t now = progress_bytes(c->conn);
    msec_t waited = loop_now(c->client->loop) - c->wait_since;
    bool has_rested = waited < c->stall->deadlines.after_ms;
    if (!c->is_read_wanted && !c->is_send_blocked) {
        c->wait = CALL_WAITS_NOT;
    } else if (now != c->progress || has_rested) {
        c->progress = now;
        deadline_start(&c->stall->deadlines, d);
    } else {
        broken(c, ERR_TIMEOUT, "no progress");
    }
}

/* The owner comes back for more: what he did not wait for was no stall. */
static void want_read(struct call *c)
{
    if (!c->is_read_wanted)
        c->wait_since = loop_now(c->client->loop);
    c->is_read_wanted = true;
    wait_for(c, CALL_WAITS_STALL);
}

static struct call_times *times_of(struct client *client, msec_t after_ms)
{
    LIST_EACH(l, &client->times)
    {
        struct call_times *t = LIST_THING(l, struct call_times, link);
        if (t->deadlines.after_ms == after_ms)
            return t;
    }
    struct call_times *t = mem_zalloc(sizeof *t);
    deadlines_init(&t->deadlines, client->loop, after_ms, on_deadline);
    list_push_front(&client->times, &t->link);
    return t;
}

/* Beginning */

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    (void)c;
    (void)ready;
    run(ctx);
}

static const struct conn_events call_conn_events = {on_ready};

static void on_body_ready(void *ctx)
{
    run(ctx);
}

static void begin_on(struct call *c, struct conn *conn)
{
    c->conn = conn;
    c->state = CALL_ASK;
    conn_set_events(conn, &call_conn_events, c);
    client_h1_begin(c);
}

static void on_dialled(void *ctx, struct conn *conn, int err, const char *text)
{
    struct call *c = ctx;
    c->dial = NULL;
    if (conn == NULL) {
        broken(c, err, arena_cstr(&c->mem, span_of(text)));
        return;
    }
    begin_on(c, conn);
    run(c);
}

static void dial_fresh(struct call *c)
{
    c->was_reused = false;
    c->state = CALL_DIAL;
    c->dial = dial_start(c->client->loop, &c->where, on_dialled, c);
}

/* A kept-alive connection that was closed before a byte of an answer: RFC 9112 s.9.3.1. */
static bool may_retry(const struct call *c, int err)
{
    return err == ERR_CLOSED && c->was_reused && c->is_repeatable &&
           conn_bytes_in(c->conn) == c->conn_in;
}

/* The steps: whether another look is worth it */

static void fail(struct call *c)
{
    bool is_waited = c->is_read_wanted;
    drop_conn(c);
    c->state = CALL_OVER;
    c->is_read_wanted = false;
    if (!c->has_head)
        c->events->on_failed(c->ctx, c, c->err, c->err_text != NULL ? c->err_text : "");
    else if (is_waited && c->events->on_readable != NULL)
        c->events->on_readable(c->ctx, c);
}

static bool step_ask(struct call *c)
{
    int r = client_h1_send(c);
    if (r < 0) {
        c->err_text = err_text(r);
        r = ERR_BODY;
    } else {
        r = client_h1_head(c);
    }
    if (r == ERR_AGAIN)
        return false;
    if (r == 1) {
        c->state = CALL_BODY;
        c->events->on_head(c->ctx, c, &c->head);
    } else if (r == 2) {
        wait_for(c, CALL_WAITS_NOT); /* it lives: the time for the answer begins anew */
        if (c->events->on_info != NULL)
            c->events->on_info(c->ctx, c, &c->head);
    } else if (may_retry(c, r)) {
        drop_conn(c);
        dial_fresh(c);
    } else {
        c->err = r;
    }
    return true;
}

static bool step_body(struct call *c)
{
    int r = client_h1_send(c);
    if (r < 0)
        c->err = r;
    if (r < 0)
        return true;
    if (!c->is_read_wanted || !conn_may_read(c->conn))
        return false;
    c->is_read_wanted = false;
    if (c->events->on_readable != NULL)
        c->events->on_readable(c->ctx, c);
    return true;
}

static bool step(struct call *c)
{
    if (c->is_ended || c->state == CALL_OVER)
        return false;
    if (c->err != 0) {
        fail(c);
        return false;
    }
    if (c->state == CALL_ASK)
        return step_ask(c);
    return c->state == CALL_BODY && step_body(c);
}

static enum call_wait waits_for(const struct call *c)
{
    if (c->state == CALL_ASK) {
        if (c->is_send_blocked)
            return CALL_WAITS_STALL;
        bool is_sent = c->is_send_stopped || h1_out_is_over(&c->out);
        return is_sent ? CALL_WAITS_FIRST_BYTE : CALL_WAITS_NOT;
    }
    bool waits = c->state == CALL_BODY && (c->is_read_wanted || c->is_send_blocked);
    return waits ? CALL_WAITS_STALL : CALL_WAITS_NOT;
}

static void call_free(struct call *c)
{
    zstd_reader_destroy(&c->zstd);
    arena_finish(&c->mem);
    c->magic = 0;
    mem_free(c);
}

static void run(struct call *c)
{
    if (c->is_running) {
        c->is_again = true;
        return;
    }
    c->is_running = true;
    do {
        c->is_again = false;
        while (step(c)) {
        }
    } while (c->is_again);
    c->is_running = false;
    if (c->is_ended)
        call_free(c);
    else
        wait_for(c, waits_for(c));
}

static void on_turn(struct loop_task *t)
{
    run(CONTAINER_OF(t, struct call, turn));
}

/* Making a call */

static void set_request(struct call *c, const struct call_spec *spec)
{
    struct request_head head = *spec->request;
    if (head.method_text.n == 0)
        head.method_text = method_text(head.method);
    if (spec->body == NULL)
        head.content_length = 0;
    head.keeps_alive = true;
    c->body_length = head.content_length;
    size_t room = REQUEST_ROOM + head.method_text.n + head.path.n + head.query.n + head.host.n;
    for (uint32_t i = 0; i < head.fields.count; i++)
        room += head.fields.v[i].name.n + head.fields.v[i].value.n + 4;
    char *out = arena_bytes(&c->mem, room);
    ptrdiff_t n = h1_write_request(out, room, &head);
    c->request = span_make(out, n > 0 ? (size_t)n : 0);
    if (n < 0 || arena_overflowed(&c->mem)) {
        c->err = n < 0 ? (int)n : ERR_TOO_BIG;
        c->err_text = "the request cannot be told";
    }
}

static void set_target(struct call *c, const struct call_spec *spec)
{
    const struct client_target *t = spec->target;
    bool is_secure = t->scheme == SCHEME_HTTPS;
    c->where = (struct dial_spec){
        .host = arena_cstr(&c->mem, span_of(t->host)),
        .port = t->port,
        .tls = is_secure ? t->tls : NULL,
        .tls_name = t->tls_name != NULL ? arena_cstr(&c->mem, span_of(t->tls_name)) : NULL,
        .timeout_ms = spec->connect_ms,
    };
    const char *name = is_secure && t->tls_name != NULL ? t->tls_name : "";
    c->key = arena_printf(&c->mem, "%d %d %p %s %s", (int)t->scheme, t->port, (void *)c->where.tls,
                          t->host, name);
    if (is_secure && t->tls == NULL && c->err == 0) {
        c->err = ERR_TLS;
        c->err_text = "no TLS settings for an https target";
    }
}

/* RFC 9110 s.9.2.2 */
static bool is_idempotent(enum method m)
{
    return method_is_safe(m) || m == METHOD_PUT || m == METHOD_DELETE;
}

/* From the pool, but not to an address that the name has no more. */
static struct conn *rested_conn(struct call *c)
{
    struct client *client = c->client;
    struct conn *rested;
    while ((rested = client_pool_get(&client->pool, c->key)) != NULL &&
           !resolve_has(client->loop, c->where.host, conn_peer(rested)))
        conn_close(&rested);
    return rested;
}

struct call *call_start(struct client *client, const struct call_spec *spec,
                        const struct call_events *events, void *ctx)
{
    CHECK_OBJ(client, CLIENT_MAGIC);
    struct call *c = mem_zalloc(sizeof *c);
    c->magic = CALL_MAGIC;
    c->client = client;
    c->events = events;
    c->ctx = ctx;
    c->method = spec->request->method;
    c->body = spec->body;
    c->is_repeatable = spec->body == NULL && is_idempotent(c->method);
    c->takes_zstd = span_eq(fields_value(&spec->request->fields, FIELD_TE), SPAN("zstd"));
    arena_init(&c->mem, CALL_MEM_BYTES);
    list_push_back(&client->calls, &c->link);
    deadline_init(&c->deadline);
    loop_task_init(&c->turn, on_turn);
    c->first_byte = times_of(client, spec->first_byte_ms);
    c->stall = times_of(client, spec->stall_ms);
    if (c->body != NULL) {
        c->body->on_ready = on_body_ready;
        c->body->ctx = c;
    }
    set_request(c, spec);
    set_target(c, spec);
    struct conn *rested = c->err == 0 ? rested_conn(c) : NULL;
    if (rested != NULL) {
        c->was_reused = true;
        begin_on(c, rested);
    } else if (c->err == 0) {
        dial_fresh(c);
    }
    if (c->dial == NULL)
        loop_defer(client->loop, &c->turn);
    return c;
}

ssize_t call_read(struct call *c, void *dst, size_t room)
{
    CHECK_OBJ(c, CALL_MAGIC);
    if (c->err != 0)
        return c->err;
    CHECK(c->state == CALL_BODY);
    ssize_t n = client_h1_read(c, dst, room);
    c->is_read_wanted = c->is_read_wanted && n == ERR_AGAIN;
    if (n == ERR_AGAIN)
        want_read(c);
    else if (n < 0)
        c->err = (int)n;
    return n;
}

void call_end(struct call **pc)
{
    struct call *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    CHECK_OBJ(c, CALL_MAGIC);
    if (c->conn != NULL && c->err == 0 && client_h1_is_reusable(c)) {
        leave_conn(c);
        client_pool_put(&c->client->pool, c->key, &c->conn);
    } else {
        drop_conn(c);
    }
    if (c->dial != NULL)
        dial_cancel(&c->dial);
    body_close(&c->body);
    deadline_stop(&c->deadline);
    loop_undefer(&c->turn);
    list_remove(&c->link);
    c->is_ended = true;
    if (!c->is_running)
        call_free(c);
}

const struct response_head *call_head(const struct call *c)
{
    return c->has_head ? &c->head : NULL;
}

const struct addr *call_peer(const struct call *c)
{
    return c->has_peer ? &c->peer : NULL;
}

bool call_was_reused(const struct call *c)
{
    return c->was_reused;
}

uint64_t call_bytes_in(const struct call *c)
{
    return c->bytes_in + (c->conn != NULL ? conn_bytes_in(c->conn) - c->conn_in : 0);
}

uint64_t call_bytes_out(const struct call *c)
{
    return c->bytes_out + (c->conn != NULL ? conn_bytes_out(c->conn) - c->conn_out : 0);
}

uint64_t call_bytes_decoded(const struct call *c)
{
    return c->decoded;
}

uint64_t call_bytes_unread(const struct call *c)
{
    return c->conn != NULL ? progress_unread(c->conn) : 0;
}

/* The client itself */

struct client *client_create(struct loop *l, const struct client_config *config)
{
    struct client *client = mem_zalloc(sizeof *client);
    client->magic = CLIENT_MAGIC;
    client->loop = l;
    client->config = *config;
    if (client->config.head_bytes > LOOP_BUF_BYTES)
        client->config.head_bytes = LOOP_BUF_BYTES;
    list_init(&client->calls);
    list_init(&client->times);
    client_pool_init(&client->pool, l, config->idle_per_target, config->idle_ms);
    return client;
}

/* The call stays its owner's to end, but nothing moves it any more. */
static void cancel(struct call *c)
{
    drop_conn(c);
    if (c->dial != NULL)
        dial_cancel(&c->dial);
    body_close(&c->body);
    deadline_stop(&c->deadline);
    loop_undefer(&c->turn);
    list_remove(&c->link);
    c->state = CALL_OVER;
    c->err = ERR_CANCELLED;
    c->client = NULL;
}

void client_destroy(struct client **pclient)
{
    struct client *client = *pclient;
    *pclient = NULL;
    if (client == NULL)
        return;
    CHECK_OBJ(client, CLIENT_MAGIC);
    while (!list_is_empty(&client->calls))
        cancel(LIST_THING(client->calls.next, struct call, link));
    struct list *l;
    while ((l = list_pop(&client->times)) != NULL) {
        struct call_times *t = LIST_THING(l, struct call_times, link);
        deadlines_finish(&t->deadlines);
        mem_free(t);
    }
    client_pool_finish(&client->pool);
    client->magic = 0;
    mem_free(client);
}
