/* SPDX-License-Identifier: MIT
 *
 * The life of a request: from the exchange to the account book. The steps are in req_steps.def and
 * each in its own file; here is the one loop that moves, and the one end. */
#include "edge/request/req.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

struct step {
    const char *name;
    req_step_fn run;
};
static const struct step steps[STEP_COUNT] = {
#define X(name, function, text) [STEP_##name] = {#name, function},
    REQ_STEPS(X)
#undef X
};

static const struct counter_row counter_rows[] = {
#define X(name, help) {#name, help, offsetof(struct req_counters, name)},
    REQ_COUNTERS(X)
#undef X
};
const struct counter_table req_counter_table = {"byeori_edge_", counter_rows,
                                                ARRAY_LEN(counter_rows)};

static void view_unref(struct site_view *v)
{
    if (v == NULL || --v->refs > 0)
        return;
    upstream_set_unref(&v->set);
    mem_free(v->rows);
    mem_free(v);
}

void req_worker_use(struct req_worker *w, struct upstream_set *set)
{
    uint32_t count = site_count(set->sites);
    struct site_view *v = mem_zalloc(sizeof(*v));
    v->refs = 1;
    upstream_set_ref(set);
    v->set = set;
    v->rows = mem_zarray(count + 1, sizeof(struct ledger_row *));
    for (uint32_t i = 0; i < count; i++)
        v->rows[i] = ledger_row(w->ledger, span_of(site_at(set->sites, i)->name), w->index);
    view_unref(w->view);
    w->view = v;
}

void req_worker_finish(struct req_worker *w)
{
    view_unref(w->view);
    w->view = NULL;
    while (w->free != NULL) {
        struct req *r = w->free;
        w->free = r->next_free;
        mem_free(r);
    }
    if (w->free_spare_bodies != NULL)
        w->free_spare_bodies(w);
    arena_finish(&w->scratch);
    access_log_finish(&w->log);
}

void req_worker_account(void *ctx, const struct site *site, const struct fetcher_bytes *bytes)
{
    struct req_worker *w = ctx;
    struct site_table *sites = w->view->set->sites;
    struct ledger_row *row;
    if (site->index < site_count(sites) && site_at(sites, site->index) == site)
        row = w->view->rows[site->index];
    else /* of a configuration that is on its way out */
        row = ledger_row(w->ledger, span_of(site->name), w->index);
    if (row == NULL)
        return;
    if (bytes->is_of_peer) {
        counter_add(&row->tier_in_bytes, bytes->in);
        return;
    }
    counter_add(&row->upstream_bytes, bytes->in);
    counter_add(&row->upstream_out_bytes, bytes->out);
    if (bytes->is_of_errand)
        counter_add(&row->prefill_bytes, bytes->in);
}

void req_run(struct req *r)
{
    enum next n;
    CHECK_OBJ(r, REQ_MAGIC);
    do {
        CHECK(r->x != NULL && r->step < STEP_COUNT);
        n = steps[r->step].run(r);
    } while (n == NEXT_STEP);
}

enum next req_refuse_with(struct req *r, int status, const char *why, const char *fault)
{
    r->refusal = status;
    r->why = why;
    r->fault = fault;
    r->step = STEP_REFUSE;
    return NEXT_STEP;
}

bool req_is_head(const struct req *r)
{
    return r->x->request.method == METHOD_HEAD;
}

struct source *req_source(struct req *r, bool is_passed)
{
    char ip[ADDR_TEXT_ROOM] = "unknown"; /* RFC 7239 s.6.2 */
    if (r->source != NULL)
        return r->source;
    size_t n = r->is_errand ? strlen(ip) : addr_ip_text(conn_peer(r->x->conn), ip);
    struct source_spec spec = {.set = r->view->set,
                               .site = r->site,
                               .request = &r->x->request,
                               .host = is_passed ? r->host : r->key.host,
                               .path = r->path,
                               .query = is_passed ? r->query : r->key.query,
                               .client_ip = span_make(ip, n),
                               .node = r->worker->config.node,
                               .hop = r->is_from_peer ? &r->hop : NULL,
                               .is_passed = is_passed,
                               .is_errand = r->is_errand};
    r->source = source_create(&spec);
    return r->source;
}

static void req_free(struct req *r)
{
    struct req_worker *w = r->worker;
    object_unref(&r->waiter.object);
    timer_finish(&r->deadline);
    view_unref(r->view);
    r->magic = 0;
    r->next_free = w->free;
    w->free = r;
}

static void on_woken_late(struct collapse_waiter *waiter)
{
    req_free(CONTAINER_OF(waiter, struct req, waiter));
}

static const char *fault_of(int err)
{
    switch (err) {
    case 0:
        return NULL;
    case ERR_CLOSED:
        return "client-gone";
    case ERR_TIMEOUT:
        return "client-stalled";
    default:
        return "body-broken";
    }
}

static void write_access_line(struct req *r, struct exchange *x, int err)
{
    const struct request_head *q = &x->request;
    struct access_entry e = {.wall = loop_wall(x->loop),
                             .id = x->id,
                             .took_ns = clock_mono_ns() - x->began_ns,
                             .site = r->site != NULL ? span_of(r->site->name) : SPAN_NONE,
                             .method = q->method_text,
                             .scheme = scheme_text(q->scheme),
                             .host = q->host,
                             .target = q->target,
                             .range = fields_value(&q->fields, FIELD_RANGE),
                             .user_agent = fields_value(&q->fields, FIELD_USER_AGENT),
                             .referer = fields_value(&q->fields, FIELD_REFERER),
                             .status = x->status,
                             .head_bytes = x->head_bytes_out,
                             .body_bytes = x->body_bytes_out,
                             .cache = r->cache_text,
                             .upstream = r->upstream,
                             .fault = fault_of(err),
                             .major_version = q->major_version,
                             .minor_version = q->minor_version};
    char ip[ADDR_TEXT_ROOM];
    e.client = span_make(ip, addr_ip_text(conn_peer(x->conn), ip));
    memcpy(e.by_source, r->by_source, sizeof(e.by_source));
    access_log_add(&r->worker->log, &e);
}

/* Every byte of a body has a source: what no source gave (errors of our own, the lines between the
 * parts of a multipart answer) was made here, and what was pulled but never sent counts nowhere. */
static void settle_sources(struct req *r, const struct exchange *x)
{
    uint64_t sum = 0, sent = x->body_bytes_out;
    for (int s = 0; s < LEDGER_SOURCE_COUNT; s++)
        sum += r->by_source[s];
    if (sum <= sent)
        r->by_source[LEDGER_MEMORY] += sent - sum;
    for (int s = LEDGER_SOURCE_COUNT - 1; s >= 0 && sum > sent; s--) {
        uint64_t less = sum - sent < r->by_source[s] ? sum - sent : r->by_source[s];
        r->by_source[s] -= less;
        sum -= less;
    }
}

/* Another edge is no client: what that one gives its clients stands on its own account. Who only
 * says that he is one is a client. */
static void account_row(struct req *r, const struct exchange *x)
{
    struct ledger_row *row = r->row;
    if (r->is_tier) {
        counter_add(&row->tier_out_bytes, x->body_bytes_out);
        return;
    }
    counter_add(&row->requests, 1);
    if (r->cache.is_hit && !r->has_waited)
        counter_add(&row->hits, 1);
    for (int s = 0; s < LEDGER_SOURCE_COUNT; s++) {
        if (r->by_source[s] > 0)
            counter_add(&row->out_bytes[s], r->by_source[s]);
    }
}

static void account(struct req *r, struct exchange *x, int err)
{
    struct req_worker *w = r->worker;
    settle_sources(r, x);
    if (err != 0)
        counter_add(&w->count.aborted, 1);
    if (x->status >= 500)
        counter_add(&w->count.errors, 1);
    if (w->log.sink != NULL)
        write_access_line(r, x, err);
    if (r->row != NULL)
        account_row(r, x);
}

/* Whatever step it is in, the exchange is over: let go of everything. */
static void on_done(void *owner, struct exchange *x, int err)
{
    struct req *r = owner;
    CHECK_OBJ(r, REQ_MAGIC);
    if (!r->is_errand)
        account(r, x, err);
    r->x = NULL;
    if (r->flight != NULL)
        flight_forget(r->flight);
    r->flight = NULL;
    timer_stop(&r->deadline);
    fetch_end(&r->fetch);
    source_unref(&r->source);
    object_unref(&r->object);
    object_unref(&r->stale);
    if (r->is_waiting && !collapse_leave(r->worker->collapse, &r->flight_key, &r->waiter)) {
        r->waiter.woken = on_woken_late; /* its mail is on its way */
        return;
    }
    req_free(r);
}

static const struct exchange_events events = {on_done};

static struct req *req_take(struct req_worker *w)
{
    struct req *r = w->free;
    if (r == NULL)
        r = mem_alloc(sizeof(*r));
    else
        w->free = r->next_free;
    memset(r, 0, sizeof(*r));
    return r;
}

static struct req *req_make(struct req_worker *w, struct exchange *x)
{
    struct req *r = req_take(w);
    r->magic = REQ_MAGIC;
    r->worker = w;
    r->x = x;
    r->view = w->view;
    r->view->refs++;
    r->fetch_at = -1;
    x->events = &events;
    x->owner = r;
    r->step = STEP_ADMIT;
    return r;
}

void req_begin(void *app, struct exchange *x)
{
    struct req_worker *w = app;
    counter_add(&w->count.requests, 1);
    req_run(req_make(w, x));
}

void req_begin_errand(struct req_worker *w, struct exchange *x)
{
    struct req *r = req_make(w, x);
    r->is_errand = true;
    req_run(r);
}
