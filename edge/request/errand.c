/* SPDX-License-Identifier: MIT
 *
 * A request without a client: an exchange whose other side is this file. It takes the answer's
 * head, and of the object behind it reads, and forgets, what was not here. */
#include "edge/request/errand.h"

#include "edge/request/req.h"
#include "edge/store/pin.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/http/url.h"

#define EXCHANGE_BYTES ((size_t)1 << 20)
#define TURN_BYTES     (512 * 1024) /* read in one turn of the loop */
#define DISK_WAIT_MS   20

struct errand {
    uint32_t magic;
    bool is_answered, is_pinned;
    struct exchange x;
    struct list link; /* req_worker->errands */
    struct req_worker *worker;
    struct errand_terms *terms;
    _Atomic uint64_t *brought;
    errand_done_fn done;
    void *ctx;
    struct loop_task turn;
    struct timer wait;
    const char *why; /* it has failed */
    bool is_lasting;
    int64_t block;     /* where the next absent run is looked for */
    struct body *body; /* of the run at hand; NULL: none */
    int64_t run_end;   /* the block after it */
    size_t taken;      /* bytes that may be read, and are not */
};
#define ERRAND_MAGIC 0xe44a4d0fU

static struct errand *errand_of(struct exchange *x)
{
    return CONTAINER_OF(x, struct errand, x);
}

static struct req *req_of(const struct errand *e)
{
    return e->x.owner;
}

static void fail(struct errand *e, const char *why, bool is_lasting)
{
    e->why = why;
    e->is_lasting = is_lasting;
}

/* What came from elsewhere, by the request's own account. */
static void tell(struct errand *e)
{
    const struct req *r = req_of(e);
    uint64_t sum = 0;
    for (int s = 0; s < LEDGER_SOURCE_COUNT; s++)
        sum += s != LEDGER_MEMORY && s != LEDGER_DISK ? r->by_source[s] : 0;
    atomic_store_explicit(e->brought, sum, memory_order_relaxed);
}

static void judge_answer(struct errand *e, int status)
{
    const struct req *r = req_of(e);
    bool has_no_room = r->cache.detail != NULL && strcmp(r->cache.detail, "no-room") == 0;
    if (r->object != NULL && r->object->status == 200)
        return;
    if (status == 421)
        fail(e, "This edge serves no such site.", true);
    else if (status >= 500 || status == 429)
        fail(e, "The origin cannot be had, or failed.", false);
    else if (status != 200)
        fail(e, "The origin's answer is not 200.", true);
    else if (has_no_room)
        fail(e, "There is no room for it.", false);
    else
        fail(e, "The answer may not be stored.", true);
}

static void pin(struct errand *e)
{
    struct generation *g = req_of(e)->object->generation;
    int64_t size = generation_length(g);
    msec_t until = e->terms->pin_until;
    if (until == 0 || e->is_pinned || size == LENGTH_UNKNOWN)
        return;
    e->is_pinned = generation_pinned_until(g) != 0 || errand_terms_pin(e->terms, size);
    if (e->is_pinned && generation_pinned_until(g) < until)
        generation_pin(g, until);
}

static void respond(struct exchange *x, const struct response_head *head, struct body *body)
{
    struct errand *e = errand_of(x);
    const struct req *r = req_of(e);
    e->is_answered = true;
    judge_answer(e, head->status);
    if (e->why == NULL && r->is_new) { /* all of it is absent, and on its way */
        e->body = body;
        e->run_end = INT64_MAX;
    } else {
        body_close(&body);
    }
    if (e->why == NULL)
        pin(e);
    loop_defer(x->loop, &e->turn);
}

static int inform(struct exchange *x, const struct response_head *head)
{
    (void)x;
    (void)head;
    return 0;
}

static struct body *request_body(struct exchange *x)
{
    (void)x;
    return NULL;
}

static void abort_it(struct exchange *x)
{
    struct errand *e = errand_of(x);
    fail(e, "It was cut off.", false);
    loop_defer(x->loop, &e->turn);
}

static const struct exchange_events no_events = {NULL};

static const struct exchange_ops ops = {respond, inform, request_body, abort_it};

static struct errand_result result_of(const struct errand *e)
{
    struct errand_result r = {.why = e->why, .is_lasting = e->is_lasting, .size = -1};
    const struct object *o = e->is_answered ? req_of(e)->object : NULL;
    r.status = e->is_answered ? e->x.status : 0;
    if (o == NULL)
        return r;
    int64_t each = generation_block_bytes(o->generation);
    r.size = generation_length(o->generation);
    r.kept_bytes = generation_present(o->generation, 0, INT64_MAX / each) * each;
    if (r.size >= 0 && r.kept_bytes > r.size)
        r.kept_bytes = r.size; /* the last block is shorter */
    r.is_pinned = e->is_pinned;
    if (r.why == NULL && r.kept_bytes < r.size)
        r.why = "There is no room for all of it.";
    return r;
}

/* The only way out; e is freed. */
static void end(struct errand *e, int err)
{
    list_remove(&e->link);
    loop_undefer(&e->turn);
    timer_finish(&e->wait);
    body_close(&e->body);
    exchange_done(&e->x, err);
    arena_finish(&e->x.mem);
    e->magic = 0;
    mem_free(e);
}

static void finish(struct errand *e)
{
    struct errand_result r = result_of(e);
    errand_done_fn done = e->done;
    void *ctx = e->ctx;
    end(e, 0);
    done(ctx, &r);
}

static void on_ready(void *ctx)
{
    struct errand *e = ctx;
    loop_defer(e->x.loop, &e->turn);
}

/* The next run that is absent. False: there is none. */
static bool next_run(struct errand *e)
{
    struct req *r = req_of(e);
    struct generation *g = r->object->generation;
    int64_t each = generation_block_bytes(g), size = generation_length(g), first = 0;
    int64_t blocks = size / each + (size % each != 0);
    int64_t held = size != LENGTH_UNKNOWN ? generation_run(g, e->block, &first) : 0;
    while (held > 0 && first == e->block) {
        e->block += held;
        held = generation_run(g, e->block, &first);
    }
    if (e->block == INT64_MAX || (size != LENGTH_UNKNOWN && e->block >= blocks))
        return false;
    e->run_end = size == LENGTH_UNKNOWN ? INT64_MAX : held > 0 ? first : blocks;
    int64_t last = size == LENGTH_UNKNOWN ? INT64_MAX : e->run_end * each - 1;
    e->body = req_body(r, e->block * each, size >= 0 && last >= size ? size - 1 : last);
    return true;
}

static const char *fault_of(int err)
{
    switch (err) {
    case ERR_NO_SPACE:
        return "There is no room for it.";
    case ERR_CHANGED:
        return "It changed while it came.";
    default:
        return "It broke off.";
    }
}

/* How long to wait before the next piece may be read; 0: now. */
static msec_t pace(struct errand *e)
{
    if (e->taken > 0)
        return 0;
    if (pin_must_wait(e->worker->store))
        return DISK_WAIT_MS;
    msec_t wait = errand_terms_take(e->terms, ERRAND_PIECE, loop_now(e->x.loop));
    e->taken = wait == 0 ? ERRAND_PIECE : 0;
    return wait;
}

/* A piece. > 0: its bytes; 0: the run is over; < 0: as body_peek. */
static ssize_t read_some(struct errand *e)
{
    struct body_piece piece;
    e->body->on_ready = on_ready;
    e->body->ctx = e;
    int n = body_peek(e->body, &piece);
    if (n <= 0)
        return n;
    size_t take = piece.len < e->taken ? piece.len : e->taken;
    body_advance(e->body, take);
    e->taken -= take;
    tell(e);
    return (ssize_t)take;
}

static void end_run(struct errand *e)
{
    body_close(&e->body);
    e->block = e->run_end;
    pin(e); /* its length may be known now */
}

/* One step. False: nothing more in this turn, or e is gone. */
static bool step(struct errand *e, size_t *budget)
{
    if (e->why != NULL || (e->body == NULL && !next_run(e))) {
        finish(e);
        return false;
    }
    msec_t wait = *budget > 0 ? pace(e) : 1;
    if (wait > 0) {
        timer_set(&e->wait, wait);
        return false;
    }
    ssize_t n = read_some(e);
    if (n > 0)
        *budget -= *budget < (size_t)n ? *budget : (size_t)n;
    else if (n == 0)
        end_run(e);
    else if (n != ERR_AGAIN)
        fail(e, fault_of((int)n), false);
    return n != ERR_AGAIN;
}

static void on_turn(struct loop_task *t)
{
    struct errand *e = CONTAINER_OF(t, struct errand, turn);
    size_t budget = TURN_BYTES;
    timer_stop(&e->wait);
    while (step(e, &budget))
        continue;
}

static void on_wait(struct timer *t)
{
    on_turn(&CONTAINER_OF(t, struct errand, wait)->turn);
}

/* What a client would send, no more. */
static void make_request(struct errand *e, const struct url *url)
{
    struct arena *mem = &e->x.mem;
    struct request_head *q = &e->x.request;
    *q = (struct request_head){.method = METHOD_GET,
                               .scheme = url->scheme,
                               .method_text = SPAN("GET"),
                               .host = arena_dup(mem, url->host),
                               .port = url->port,
                               .path = arena_dup(mem, url->path),
                               .major_version = 1,
                               .minor_version = 1};
    q->query = url->query.p != NULL ? arena_dup(mem, url->query) : SPAN_NONE;
    q->target = url_target(q->path, q->query, mem);
    fields_init(&q->fields, mem);
}

struct errand *errand_start(struct req_worker *w, const struct errand_spec *spec,
                            errand_done_fn done, void *ctx)
{
    struct errand *e = mem_zalloc(sizeof(*e));
    struct url url;
    e->magic = ERRAND_MAGIC;
    e->worker = w;
    e->terms = spec->terms;
    e->brought = spec->brought;
    e->done = done;
    e->ctx = ctx;
    e->x = (struct exchange){
        .magic = EXCHANGE_MAGIC, .ops = &ops, .loop = w->loop, .began_ns = clock_mono_ns()};
    arena_init(&e->x.mem, EXCHANGE_BYTES);
    loop_task_init(&e->turn, on_turn);
    timer_init(&e->wait, w->loop, on_wait);
    list_push_back(&w->errands, &e->link);
    if (url_parse(spec->url, &url) == 0) {
        make_request(e, &url);
        req_begin_errand(w, &e->x);
        return e;
    }
    e->x.events = &no_events;
    fail(e, "It is no absolute URL.", true);
    loop_defer(w->loop, &e->turn);
    return e;
}

void errand_cancel(struct errand **pe)
{
    struct errand *e = *pe;
    *pe = NULL;
    if (e == NULL)
        return;
    CHECK_OBJ(e, ERRAND_MAGIC);
    end(e, ERR_CANCELLED);
}

void errand_stop(struct req_worker *w)
{
    while (!list_is_empty(&w->errands)) {
        struct errand *e = LIST_THING(w->errands.next, struct errand, link);
        fail(e, "The edge stopped.", false);
        finish(e);
    }
}
