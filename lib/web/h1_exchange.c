/* SPDX-License-Identifier: MIT
 * One request and its answer on HTTP/1: what the application may do with it (exchange_ops), its
 * request's body, its beginning and end. Changes the session only through marks that the session's
 * run() looks at. Runs on the session's loop. */
#include "lib/web/h1_exchange.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#define EXCHANGE_MEM_BYTES (1u << 20)

static void exchange_free(struct h1_exchange *hx)
{
    arena_finish(&hx->x.mem);
    mem_free(hx);
}

/* For what may be called by the application at any moment: never runs inside its caller. */
static void wake(struct h1_session *s)
{
    if (s->is_running)
        s->is_again = true;
    else
        loop_defer(s->base->server->loop, &s->turn);
}

static void enlist(struct h1_session *s, struct h1_exchange *hx)
{
    if (list_is_linked(&hx->link))
        return;
    list_push_back(&s->answers, &hx->link);
    s->answer_count++;
}

/* The request's body, pulled by the application */

static struct h1_exchange *exchange_of_body(struct body *b)
{
    return CONTAINER_OF(b, struct h1_exchange, request_body);
}

/* RFC 9110 s.10.1.1: not needed where the client did not wait. */
static void settle_continue(struct h1_session *s, struct h1_exchange *hx)
{
    if (hx->is_continue_settled)
        return;
    hx->is_continue_settled = true;
    if (!hx->x.request.expects_continue || h1_intake_waiting(&s->in) > 0 || hx->x.is_answered)
        return;
    h1_out_add(&hx->out, &hx->x.mem, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
    enlist(s, hx);
    wake(s);
}

static int request_peek(struct body *b, struct body_piece *out)
{
    struct h1_exchange *hx = exchange_of_body(b);
    struct h1_session *s = hx->session;
    if (s == NULL || s->cut != 0)
        return ERR_CLOSED;
    settle_continue(s, hx);
    struct span data;
    int r = h1_intake_body(&s->in, &data);
    if (r == 1) {
        *out = (struct body_piece){.mem = (const uint8_t *)data.p, .fd = -1, .len = data.n};
    } else if (r == ERR_AGAIN) {
        s->is_body_wanted = true;
        if (!s->is_running)
            session_wait_for(s->base, WAIT_STALL);
    } else if (r == ERR_PROTOCOL) {
        s->is_last = s->lingers = true;
    } else if (r < 0) {
        s->cut = ERR_CLOSED;
        wake(s);
    }
    return r;
}

static void request_advance(struct body *b, size_t n)
{
    struct h1_exchange *hx = exchange_of_body(b);
    if (hx->session == NULL)
        return;
    h1_intake_take_body(&hx->session->in, n);
    hx->x.body_bytes_in += n;
}

static void request_close(struct body *b)
{
    struct h1_exchange *hx = exchange_of_body(b);
    hx->is_body_open = false;
    if (hx->session != NULL)
        hx->session->is_body_wanted = false;
    else if (hx->is_ended)
        exchange_free(hx);
}

static const struct body_ops request_ops = {"request", request_peek, request_advance,
                                            request_close};

/* What the application may do with an exchange */

static struct body *h1_request_body(struct exchange *x)
{
    struct h1_exchange *hx = CONTAINER_OF(x, struct h1_exchange, x);
    if (x->request.content_length == 0)
        return NULL;
    CHECK(!hx->is_body_asked);
    hx->is_body_asked = hx->is_body_open = true;
    hx->request_body = (struct body){.ops = &request_ops};
    return &hx->request_body;
}

static enum h1_framing framing_of(const struct exchange *x, const struct response_head *head,
                                  const struct body *body)
{
    if (!status_has_body(head->status) || x->request.method == METHOD_HEAD)
        return H1_NO_BODY;
    if ((head->content_length != LENGTH_UNKNOWN && !head->is_zstd) || body == NULL)
        return H1_LENGTH;
    return x->request.minor_version >= 1 ? H1_CHUNKS : H1_UNTIL_CLOSE;
}

/* Whether the rest of the request's body is too much to be read away after the answer, or may never
 * come because the client waits for a 100 (Continue) that it will not get. */
static bool leaves_body_behind(const struct h1_session *s, const struct h1_exchange *hx)
{
    const struct h1_intake *in = &s->in;
    if (in->body == H1_BODY_NONE || hx->is_body_open)
        return false;
    if (hx->x.request.expects_continue && !hx->is_continue_settled && h1_intake_waiting(in) == 0)
        return true;
    return in->body == H1_BODY_LENGTH && in->body_left > H1_DISCARD_BYTES;
}

static bool is_last_answer(const struct h1_session *s, const struct h1_exchange *hx,
                           enum h1_framing framing)
{
    const struct server *sv = s->base->server;
    uint32_t bound = sv->config.requests_per_conn;
    return s->is_last || s->lingers || !hx->x.request.keeps_alive || framing == H1_UNTIL_CLOSE ||
           sv->is_draining || s->in.has_ended || (bound > 0 && s->stub->requests >= bound);
}

static void own_body_ready(void *ctx)
{
    struct h1_session *s = ctx;
    s->base->ops->run(s->base);
}

static void h1_respond(struct exchange *x, const struct response_head *head, struct body *body)
{
    struct h1_exchange *hx = CONTAINER_OF(x, struct h1_exchange, x);
    struct h1_session *s = hx->session;
    CHECK(s != NULL && s->current == hx && s->state == H1_OPEN);
    struct server *sv = s->base->server;
    struct response_head told = *head;
    enum h1_framing framing = framing_of(x, head, body);
    if (framing == H1_NO_BODY)
        body_close(&body);
    else if (body == NULL && told.content_length == LENGTH_UNKNOWN)
        told.content_length = 0;
    s->lingers = s->lingers || leaves_body_behind(s, hx);
    s->is_last = is_last_answer(s, hx, framing);
    struct h1_answer_spec spec = {
        .head = &told,
        .date_line = server_date_line(sv),
        .server_line = span_make(sv->server_line, sv->server_line_bytes),
        .framing = framing,
        .closes = s->is_last,
    };
    if (body != NULL) {
        body->on_ready = own_body_ready;
        body->ctx = s;
    }
    if (!h1_answer_begin(&hx->out, x, &spec, body))
        s->is_last = true;
    enlist(s, hx);
    s->state = H1_ANSWER;
    /* Its batch runs it again, to write; until then there is only what may share that write. */
    if (!s->is_held || h1_intake_waiting(&s->in) > 0)
        s->base->ops->run(s->base);
}

static int h1_inform(struct exchange *x, const struct response_head *head)
{
    struct h1_exchange *hx = CONTAINER_OF(x, struct h1_exchange, x);
    struct h1_session *s = hx->session;
    if (x->request.minor_version == 0)
        return ERR_UNSUPPORTED;
    int err = h1_answer_inform(&hx->out, x, head);
    if (err != 0)
        return err;
    enlist(s, hx);
    wake(s);
    return 0;
}

static void h1_abort(struct exchange *x)
{
    struct h1_session *s = CONTAINER_OF(x, struct h1_exchange, x)->session;
    s->cut = ERR_CANCELLED;
    s->base->ops->run(s->base);
}

const struct exchange_ops h1_exchange_ops = {h1_respond, h1_inform, h1_request_body, h1_abort};

/* Beginning and end */

struct h1_exchange *h1_exchange_open(struct h1_session *s)
{
    struct server *sv = s->base->server;
    struct list *spare = spares_take(&sv->spare_exchanges);
    struct h1_exchange *hx;
    struct arena mem;
    if (spare != NULL) {
        hx = LIST_THING(spare, struct h1_exchange, link);
        mem = hx->x.mem;
    } else {
        hx = mem_alloc(sizeof *hx);
        arena_init(&mem, EXCHANGE_MEM_BYTES);
    }
    *hx = (struct h1_exchange){
        .x = {.magic = EXCHANGE_MAGIC,
              .ops = &h1_exchange_ops,
              .loop = sv->loop,
              .conn = s->base->conn,
              .listener_tag = s->base->tag,
              .id = ++sv->next_id,
              .began_ns = clock_mono_ns(),
              .mem = mem},
        .session = s,
    };
    list_init(&hx->link);
    return hx;
}

static void free_spare(struct list *link)
{
    exchange_free(LIST_THING(link, struct h1_exchange, link));
}

static void spare(struct server *sv, struct h1_exchange *hx)
{
    arena_reset(&hx->x.mem);
    spares_put(&sv->spare_exchanges, &hx->link, free_spare);
}

void h1_exchange_end(struct h1_exchange *hx, int err)
{
    struct h1_session *s = hx->session;
    struct server *sv = s->base->server;
    if (list_is_linked(&hx->link)) {
        list_remove(&hx->link);
        s->answer_count--;
    }
    if (s->current == hx) {
        s->current = NULL;
        s->is_body_wanted = false;
    }
    hx->session = NULL;
    body_close(&hx->out.body);
    hx->x.head_bytes_out = hx->out.head_bytes;
    hx->x.body_bytes_out = hx->out.body_bytes;
    if (err != 0)
        counter_add(&sv->count.aborted, 1);
    exchange_done(&hx->x, err);
    hx->is_ended = true;
    if (!hx->is_body_open)
        spare(sv, hx);
}
