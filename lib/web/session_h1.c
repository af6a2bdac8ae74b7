/* SPDX-License-Identifier: MIT
 * The life of one HTTP/1 connection: which state it is in, and what moves it (RFC 9112). Reading is
 * h1_intake's, writing h1_flush's, what an application calls h1_exchange's. One function, run(),
 * moves the state, and never from inside itself: what an application does in a callback takes
 * effect when the callback has returned; and it gives the session away when the connection rests.
 * Runs on the server's loop. */
#include "lib/web/session_h1.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/web/h1_batch.h"
#include "lib/web/h1_flush.h"
#include "lib/web/progress.h"
#include "lib/web/session_h2.h"

#include <sys/ioctl.h>

/* After our end: read away so much before we give up on the client's end. */
#define LINGER_BYTES (256u << 10)
/* Pipelined requests: so many answers, none longer than this, wait for a write in common. */
#define PIPELINE       16
#define PIPELINE_BYTES 8192
#define FIELDS_MAX     100
/* A client's share of one turn of the loop; then the others have theirs. */
#define TURN_REQUESTS   64
#define TURN_BYTES      (256u << 10)
#define TURN_FILE_BYTES (1u << 20) /* where the kernel sends files: see h1_out.c */

/* Ends */

static void end_exchanges(struct h1_session *s, int err)
{
    while (!list_is_empty(&s->answers))
        h1_exchange_end(LIST_THING(s->answers.next, struct h1_exchange, link), err);
    if (s->current != NULL)
        h1_exchange_end(s->current, err);
}

/* What the client's kernel has not taken when the connection is reset will never reach it. Of the
 * answer that is being sent it counts as not sent; of answers that were handed over whole before,
 * it is counted by itself. */
static void forget_untaken(struct h1_session *s, bool is_cut)
{
    uint64_t queued = progress_queued(s->base->conn);
    if (queued == 0 || (!is_cut && !progress_is_reset(s->base->conn)))
        return;
    if (!list_is_empty(&s->answers))
        queued -=
            h1_out_untaken(&LIST_THING(s->answers.next, struct h1_exchange, link)->out, queued);
    counter_add(&s->base->server->count.untaken_bytes, queued);
}

/* Closes now. An answer that was cut must not look complete: the client gets a reset. */
static void close_session(struct h1_session *s)
{
    bool is_cut = !list_is_empty(&s->answers) || s->current != NULL;
    s->state = H1_CLOSED;
    h1_intake_release(&s->in);
    forget_untaken(s, is_cut);
    if (is_cut)
        conn_close_reset(&s->base->conn);
    else
        conn_close(&s->base->conn);
    end_exchanges(s, s->cut != 0 ? s->cut : ERR_CLOSED);
}

static void linger(struct h1_session *s)
{
    h1_intake_release(&s->in);
    s->in.body = H1_BODY_NONE;
    s->discarded_bytes = 0;
    s->has_said_end = false;
    s->state = H1_LINGER;
}

/* The current answer went out. */
static void go_on(struct h1_session *s)
{
    if (s->is_last) {
        /* Closing with bytes unread would make a reset that may overtake our answer. By TLS the
         * client says goodbye too. */
        bool has_more = h1_intake_waiting(&s->in) > 0 || conn_may_read(s->base->conn) ||
                        conn_is_tls(s->base->conn);
        if (s->lingers || s->in.body != H1_BODY_NONE || has_more)
            linger(s);
        else
            close_session(s);
        return;
    }
    s->discarded_bytes = 0;
    s->state = s->in.body != H1_BODY_NONE ? H1_DISCARD : H1_AWAIT;
}

/* The steps: each does what its state can do now, and returns whether it is worth another look. */

static const struct exchange_events refused_events = {NULL};

static void refuse(struct h1_session *s, int status, const char *why)
{
    if (s->current == NULL)
        s->current = h1_exchange_open(s);
    struct exchange *x = &s->current->x;
    counter_add(&s->base->server->count.bad_requests, 1);
    x->events = &refused_events;
    x->request = (struct request_head){.major_version = 1, .minor_version = 1};
    s->in.body = H1_BODY_NONE;
    s->is_last = s->lingers = true;
    s->state = H1_OPEN;
    exchange_reply(x, status, SPAN_NONE, span_of(why));
}

/* The beginning of what a client of HTTP/2 says first where it knows that we speak it (RFC 9113
 * s.3.4): as a head of HTTP/1 it is one of a version that is not ours. */
#define H2_PREFACE_HEAD SPAN("PRI * HTTP/2.0\r\n\r\n")

static bool is_preface(const struct h1_session *s, struct span head)
{
    return s->stub->requests == 1 && !conn_is_tls(s->base->conn) && span_eq(head, H2_PREFACE_HEAD);
}

static void turn_to_h2(struct h1_session *s)
{
    s->current->x.events = &refused_events;
    h1_exchange_end(s->current, 0);
    s->speaks_h2 = true;
    s->state = H1_CLOSED;
}

static void begin(struct h1_session *s, uint32_t head_bytes)
{
    struct server *sv = s->base->server;
    struct h1_exchange *hx = h1_exchange_open(s);
    struct h1_limits limits = {
        .scheme = conn_is_tls(s->base->conn) ? SCHEME_HTTPS : SCHEME_HTTP,
        .target_bytes = sv->config.target_bytes,
        .fields = FIELDS_MAX,
    };
    const char *why = "";
    s->current = hx;
    s->stub->requests++;
    s->turn_requests--;
    struct span head = arena_dup(&hx->x.mem, h1_intake_span(&s->in, head_bytes));
    h1_intake_take(&s->in, head_bytes);
    int status = h1_parse_request(&hx->x.request, head, &hx->x.mem, &limits, &why);
    if (status == 505 && is_preface(s, head)) {
        turn_to_h2(s);
        return;
    }
    if (status != 0) {
        refuse(s, status, why);
        return;
    }
    counter_add(&sv->count.requests, 1);
    h1_intake_begin_body(&s->in, hx->x.request.content_length);
    s->state = H1_OPEN;
    sv->on_request(sv->app, &hx->x);
    CHECK(hx->x.events != NULL);
}

/* What a read gave, where heads or nothing at all are expected. */
static bool has_read(struct h1_session *s, ssize_t n)
{
    if (n == ERR_AGAIN || n == ERR_NO_SPACE)
        return false;
    if (n >= 0)
        return true;
    if (s->stub->requests == 0 && conn_handshake_error(s->base->conn) != 0)
        counter_add(&s->base->server->count.handshakes_failed, 1);
    s->cut = ERR_CLOSED;
    return true;
}

static enum h1_flushed flush(struct h1_session *s)
{
    if (s->is_held)
        return s->flushed = H1_TURN_OVER; /* its batch comes back to it */
    s->flushed = h1_flush(s);
    if (s->flushed == H1_TURN_OVER)
        loop_defer(s->base->server->loop, &s->turn);
    return s->flushed;
}

static bool begin_in_turn(struct h1_session *s, uint32_t head_bytes)
{
    bool is_turn_over = s->turn_requests == 0 || s->turn_bytes == 0;
    if (is_turn_over)
        loop_defer(s->base->server->loop, &s->turn);
    else
        begin(s, head_bytes);
    return !is_turn_over;
}

static bool step_await(struct h1_session *s)
{
    int n = h1_intake_head(&s->in, s->base->server->config.head_bytes);
    if (n > 0)
        return begin_in_turn(s, (uint32_t)n);
    if (n < 0) {
        bool is_big = n == ERR_TOO_BIG;
        refuse(s, is_big ? 431 : 400, is_big ? "request head too large" : "malformed head");
        return true;
    }
    if (!list_is_empty(&s->answers)) {
        flush(s);
        return s->flushed == H1_FLUSHED || s->flushed == H1_CUT;
    }
    if (s->in.has_ended) {
        close_session(s);
        return false;
    }
    if (conn_may_read(s->base->conn) && has_read(s, h1_intake_read(&s->in)))
        return true;
    bool is_idle = h1_intake_waiting(&s->in) == 0 && s->stub->requests > 0;
    if (s->base->server->is_draining && is_idle)
        close_session(s);
    return false;
}

/* While the application or the client's reading is waited for: wakes who pulls the request's body,
 * and notices that the client is gone. Its mere end is not that: it may have closed its side after
 * the request, and still gets its answer. */
static bool watch(struct h1_session *s)
{
    struct h1_intake *in = &s->in;
    if (!conn_may_read(s->base->conn))
        return false;
    if (s->is_body_wanted) {
        s->is_body_wanted = false;
        body_ready(&s->current->request_body);
        return true;
    }
    if (in->has_ended || !h1_intake_has_room(in))
        return false;
    ssize_t n = h1_intake_read(in);
    if (n == 0 && in->body == H1_BODY_LENGTH &&
        in->body_left > in->piece.n + h1_intake_waiting(in)) {
        s->cut = ERR_CLOSED;
        return true;
    }
    return has_read(s, n);
}

static bool step_open(struct h1_session *s)
{
    if (!list_is_empty(&s->answers)) {
        flush(s);
        if (s->flushed == H1_CUT || s->state != H1_OPEN)
            return true;
    }
    return watch(s);
}

/* More requests wait behind this one: their answers may share its write. */
static bool may_gather(const struct h1_session *s)
{
    return h1_intake_waiting(&s->in) > 0 && !s->is_last && s->in.body == H1_BODY_NONE &&
           !s->current->is_body_open && s->answer_count < PIPELINE &&
           conn_may_write(s->base->conn) && h1_out_is_at_hand(&s->current->out, PIPELINE_BYTES);
}

static bool step_answer(struct h1_session *s)
{
    if (may_gather(s)) {
        s->current = NULL;
        s->state = H1_AWAIT;
        return true;
    }
    switch (flush(s)) {
    case H1_CUT:
        return true;
    case H1_FLUSHED:
        go_on(s);
        return true;
    case H1_TURN_OVER:
        return false;
    case H1_NO_ROOM:
    case H1_NO_BODY_YET:
        break;
    }
    return watch(s);
}

static bool step_discard(struct h1_session *s)
{
    struct span data;
    int r = h1_intake_body(&s->in, &data);
    if (r == 0) {
        s->state = H1_AWAIT;
        return true;
    }
    if (r == 1) {
        s->discarded_bytes += data.n;
        h1_intake_take_body(&s->in, data.n);
        if (s->discarded_bytes > H1_DISCARD_BYTES)
            linger(s);
        return true;
    }
    if (r == ERR_PROTOCOL)
        linger(s);
    else if (r != ERR_AGAIN)
        close_session(s);
    return r != ERR_AGAIN;
}

/* By TLS our end may have to wait for room behind the answer. */
static bool say_end(struct h1_session *s)
{
    int e = conn_end_write(s->base->conn);
    if (e == ERR_AGAIN)
        return false;
    s->has_said_end = true;
    if (e != 0 || s->in.has_ended)
        close_session(s);
    return true;
}

static bool step_linger(struct h1_session *s)
{
    if (!s->has_said_end)
        return say_end(s);
    if (!conn_may_read(s->base->conn))
        return false;
    ssize_t n = h1_intake_read(&s->in);
    if (n == ERR_AGAIN)
        return false;
    h1_intake_release(&s->in);
    s->discarded_bytes += n > 0 ? (uint64_t)n : 0;
    if (n <= 0 || s->discarded_bytes > LINGER_BYTES)
        close_session(s);
    return true;
}

static bool step(struct h1_session *s)
{
    if (s->cut != 0 && s->state != H1_CLOSED)
        close_session(s);
    switch (s->state) {
    case H1_AWAIT:
        return step_await(s);
    case H1_OPEN:
        return step_open(s);
    case H1_ANSWER:
        return step_answer(s);
    case H1_DISCARD:
        return step_discard(s);
    case H1_LINGER:
        return step_linger(s);
    case H1_CLOSED:
        break;
    }
    return false;
}

static enum session_wait waits_for(const struct h1_session *s)
{
    switch (s->state) {
    case H1_AWAIT:
        if (!list_is_empty(&s->answers))
            return s->flushed == H1_NO_ROOM ? WAIT_STALL : WAIT_NOTHING;
        return s->stub->requests == 0 || h1_intake_waiting(&s->in) > 0 ? WAIT_HEAD : WAIT_IDLE;
    case H1_OPEN:
        return s->is_body_wanted || s->flushed == H1_NO_ROOM ? WAIT_STALL : WAIT_NOTHING;
    case H1_ANSWER:
        return s->flushed == H1_NO_ROOM ? WAIT_STALL : WAIT_NOTHING;
    case H1_DISCARD:
        return WAIT_STALL;
    case H1_LINGER:
        return s->has_said_end ? WAIT_LINGER : WAIT_STALL;
    case H1_CLOSED:
        break;
    }
    return WAIT_NOTHING;
}

static void free_spare(struct list *link)
{
    mem_free(LIST_THING(link, struct h1_session, ready));
}

/* To the next that needs it: the stub is alone again. */
static void give_away(struct h1_session *s)
{
    s->stub->session = NULL;
    loop_undefer(&s->turn);
    list_remove(&s->ready);
    spares_put(&s->base->server->spare_sessions, &s->ready, free_spare);
}

/* Gives the connection to a session of HTTP/2, with what was read on it. Frees stub. */
static void hand_over(struct h1_stub *stub, const struct span *read, size_t count)
{
    session_h2_replace(&stub->base, read, count);
    mem_free(stub);
}

static void hand_over_preface(struct h1_session *s)
{
    struct h1_stub *stub = s->stub;
    struct h1_intake in = s->in; /* its buffer outlives s */
    struct span read[] = {H2_PREFACE_HEAD, h1_intake_span(&in, h1_intake_waiting(&in))};
    give_away(s);
    hand_over(stub, read, ARRAY_LEN(read));
    h1_intake_release(&in);
}

static void end(struct h1_session *s)
{
    struct h1_stub *stub = s->stub;
    give_away(s);
    session_close(&stub->base);
    mem_free(stub);
}

/* Nothing of a request has come, and nothing of an answer is left. */
static bool is_at_rest(const struct h1_session *s)
{
    return s->state == H1_AWAIT && h1_intake_waiting(&s->in) == 0 && list_is_empty(&s->answers);
}

static void run(struct h1_session *s)
{
    if (s->is_running) {
        s->is_again = true;
        return;
    }
    s->is_running = true;
    s->turn_requests = TURN_REQUESTS;
    s->turn_bytes = conn_has_sendfile(s->base->conn) ? TURN_FILE_BYTES : TURN_BYTES;
    do {
        s->is_again = false;
        while (step(s)) {
        }
    } while (s->is_again);
    s->is_running = false;
    if (s->state == H1_CLOSED && s->speaks_h2) {
        hand_over_preface(s);
        return;
    }
    if (s->state == H1_CLOSED) {
        end(s);
        return;
    }
    h1_intake_rest(&s->in);
    if (s->is_held)
        return;
    session_wait_for(s->base, waits_for(s));
    if (is_at_rest(s))
        give_away(s);
}

/* What the server and the connection tell */

static void on_turn(struct loop_task *t)
{
    run(CONTAINER_OF(t, struct h1_session, turn));
}

static struct h1_stub *stub_of(struct session *base)
{
    return CONTAINER_OF(base, struct h1_stub, base);
}

/* The session of stub, which rests no longer; run() lets it rest again. */
static struct h1_session *awake(struct h1_stub *stub)
{
    struct server *sv = stub->base.server;
    if (stub->session != NULL)
        return stub->session;
    struct list *spare = spares_take(&sv->spare_sessions);
    struct h1_session *s =
        spare != NULL ? LIST_THING(spare, struct h1_session, ready) : mem_alloc(sizeof *s);
    *s = (struct h1_session){.base = &stub->base, .stub = stub};
    list_init(&s->answers);
    list_init(&s->ready);
    loop_task_init(&s->turn, on_turn);
    h1_intake_init(&s->in, stub->base.conn, &sv->count.received_bytes);
    stub->session = s;
    return s;
}

static void h1_run(struct session *base)
{
    run(awake(stub_of(base)));
}

/* It rests, and something came: likely a request. What a read tells of an end or a fault it tells
 * again. */
static bool has_read_for_batch(struct h1_session *s)
{
    return s->state == H1_AWAIT && !s->is_running && list_is_empty(&s->answers) &&
           conn_may_read(s->base->conn) && h1_intake_read(&s->in) > 0;
}

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    struct h1_session *s = awake(ctx);
    (void)c;
    (void)ready;
    if (list_is_linked(&s->ready))
        return; /* runs in this turn anyway */
    if (has_read_for_batch(s))
        h1_batch_add(s);
    else
        run(s);
}

static const struct conn_events h1_conn_events = {on_ready};

/* The handshake is over: which protocol was agreed? */
static void on_first_ready(void *ctx, struct conn *c, unsigned ready)
{
    if (conn_handshake_error(c) == 0 && span_eq(conn_alpn(c), SPAN("h2"))) {
        hand_over(ctx, NULL, 0);
        return;
    }
    conn_set_events(c, &h1_conn_events, ctx);
    on_ready(ctx, c, ready);
}

static const struct conn_events first_conn_events = {on_first_ready};

static void h1_cut(struct session *base)
{
    struct h1_session *s = awake(stub_of(base));
    s->cut = ERR_CLOSED;
    run(s);
}

static void h1_time_out(struct session *base, enum session_wait kind)
{
    (void)kind;
    struct h1_session *s = awake(stub_of(base));
    s->cut = ERR_TIMEOUT;
    run(s);
}

/* What has arrived but was not read yet is still served: its event follows. */
static void h1_drain(struct session *base)
{
    const struct h1_session *s = stub_of(base)->session;
    int unread = 0;
    bool is_idle = s == NULL || (is_at_rest(s) && !s->is_running);
    if (!is_idle || (ioctl(conn_fd(base->conn), FIONREAD, &unread) == 0 && unread > 0))
        return;
    h1_cut(base);
}

static const struct session_ops h1_session_ops = {h1_run, h1_drain, h1_cut, h1_time_out};

void session_h1_start(struct server *sv, struct conn *c, void *tag)
{
    struct h1_stub *stub = mem_zalloc(sizeof *stub);
    session_open(&stub->base, sv, &h1_session_ops, tag);
    stub->base.conn = c;
    conn_set_events(c, conn_is_tls(c) ? &first_conn_events : &h1_conn_events, stub);
    session_wait_for(&stub->base, WAIT_HEAD);
}
