/* SPDX-License-Identifier: MIT
 *
 * POST /v1/prefill orders a job, GET /v1/prefill tells of all, GET /v1/prefill/{id} of each of its
 * URLs, page by page, DELETE cancels it. */
#include "edge/admin/admin_rows.h"

#include "edge/admin/prefill.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#define PAGE_DEFAULT 1000
#define JSON_MAX     (16u << 20) /* a page of URLs, each byte of them escaped */

static void put_order(struct json_out *o, const struct prefill_order *order)
{
    char until[25];
    json_out_u64(o, "rate", order->rate_per_s);
    json_out_u64(o, "parallel", order->parallel);
    if (order->pin_until == 0)
        return;
    clock_iso(order->pin_until, until);
    json_out_text(o, "pin_until", span_of(until));
}

static void put_job(struct json_out *o, const struct prefill_job *j)
{
    struct prefill_report r;
    prefill_report(j, &r);
    prefill_report_write(&r, o);
    put_order(o, prefill_order_of(j));
}

static void put_task(struct json_out *o, const struct prefill_task *t)
{
    json_out_object(o, NULL);
    json_out_text(o, "url", t->url);
    json_out_text(o, "state", span_of(prefill_state_name(t->state)));
    json_out_u64(o, "tries", t->tries);
    if (t->status != 0)
        json_out_int(o, "status", t->status);
    if (t->size_bytes >= 0)
        json_out_int(o, "size_bytes", t->size_bytes);
    json_out_int(o, "kept_bytes", t->kept_bytes);
    json_out_u64(o, "brought_bytes", prefill_task_brought(t));
    json_out_bool(o, "pinned", t->is_pinned);
    if (t->why != NULL)
        json_out_text(o, "fault", span_of(t->why));
    json_out_end_object(o);
}

/* Tasks from `after` on. */
static void put_page(struct json_out *o, const struct prefill_job *j, size_t after, size_t limit)
{
    size_t count = prefill_task_count(j), end = count - after < limit ? count : after + limit;
    json_out_array(o, "tasks");
    for (size_t i = after; i < end; i++)
        put_task(o, prefill_task_at(j, i));
    json_out_end_array(o);
    if (end < count)
        json_out_u64(o, "next", end);
}

static void answer(struct exchange *x, int status, struct buf *text)
{
    buf_add_char(text, '\n');
    CHECK(!buf_overflowed(text));
    exchange_reply(x, status, SPAN("application/json"), buf_span(text));
    buf_finish(text);
}

static void answer_job(struct exchange *x, int status, const struct prefill_job *j)
{
    struct buf text;
    struct json_out o;
    buf_init(&text, JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    put_job(&o, j);
    json_out_end_object(&o);
    answer(x, status, &text);
}

static void order_now(struct admin *a, struct exchange *x, struct json_in *in, struct arena *mem)
{
    struct prefill_order order;
    struct prefill_job *j;
    prefill_order_read(in, in->root, loop_wall(x->loop), &order, mem);
    if (json_in_is_faulty(in) || arena_overflowed(mem)) {
        admin_problem(x, 400, in->fault[0] != '\0' ? in->fault : "The order is too large.");
        return;
    }
    int err = prefill_order(a->spec.prefill, &order, &j);
    if (err == ERR_EXISTS)
        admin_problem(x, 409, "There is a prefill of this id.");
    else if (err == ERR_BUSY)
        admin_problem(x, 503, "As many prefills run as may: ask again when one is over.");
    else if (err != 0)
        admin_problem(x, 500, "The prefill cannot be kept in its folder.");
    else
        answer_job(x, 202, j);
}

static void on_collected(void *owner, struct exchange *x, int err, struct span bytes)
{
    struct json_in in = {0};
    struct arena mem;
    if (err != 0) {
        admin_problem(x, 413, "The body is too large.");
        return;
    }
    arena_init(&mem, 4 * PREFILL_BODY_BYTES);
    err = json_in_parse(&in, bytes, PREFILL_BODY_BYTES);
    if (err == ERR_TOO_BIG)
        admin_problem(x, 413, "The body is too large.");
    else if (err != 0)
        admin_problem(x, 400, "The body is not JSON.");
    else
        order_now(owner, x, &in, &mem);
    json_in_finish(&in);
    arena_finish(&mem);
}

void admin_prefill_order(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    x->events = &router_no_events;
    x->owner = app;
    exchange_collect(x, PREFILL_BODY_BYTES, on_collected);
}

void admin_prefills(void *app, struct exchange *x, const struct router_match *m)
{
    struct admin *a = app;
    struct buf text;
    struct json_out o;
    (void)m;
    buf_init(&text, ADMIN_JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_array(&o, "prefills");
    for (size_t i = 0; i < prefill_count(a->spec.prefill); i++) {
        json_out_object(&o, NULL);
        put_job(&o, prefill_at(a->spec.prefill, i));
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    answer(x, 200, &text);
}

static struct prefill_job *job_of(struct admin *a, struct exchange *x, const struct router_match *m)
{
    struct prefill_job *j = prefill_find(a->spec.prefill, m->arg[0]);
    if (j == NULL)
        admin_problem(x, 404, "There is no such prefill, or it is too long ago.");
    return j;
}

void admin_prefill(void *app, struct exchange *x, const struct router_match *m)
{
    struct prefill_job *j = job_of(app, x, m);
    struct buf text;
    struct json_out o;
    int err = 0;
    uint64_t after = 0, limit = PAGE_DEFAULT;
    if (j == NULL)
        return;
    struct span from = router_query(m->query, "after", &x->mem, &err);
    struct span most = router_query(m->query, "limit", &x->mem, &err);
    if (err != 0 || (from.p != NULL && !span_u64(from, &after)) ||
        (most.p != NULL && !span_u64(most, &limit)) || after > prefill_task_count(j) || limit < 1 ||
        limit > PAGE_DEFAULT) {
        admin_problem(x, 400, "after is what \"next\" said, limit from 1 to 1000.");
        return;
    }
    buf_init(&text, JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    put_job(&o, j);
    put_page(&o, j, after, limit);
    json_out_end_object(&o);
    answer(x, 200, &text);
}

void admin_prefill_cancel(void *app, struct exchange *x, const struct router_match *m)
{
    struct admin *a = app;
    struct prefill_job *j = job_of(a, x, m);
    if (j == NULL)
        return;
    prefill_cancel(a->spec.prefill, j);
    answer_job(x, 200, j);
}
