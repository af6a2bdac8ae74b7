/* SPDX-License-Identifier: MIT
 *
 * Getting an object that is not there or must be validated: one flight for a key on this node, led
 * by the first who asks; everybody else is woken when it lands. */
#include "edge/request/req.h"

#include "edge/policy/vary.h"
#include "lib/base/err.h"

#define ROUNDS_MAX 4 /* looks into the store before this client is served alone */

static enum next again(struct req *r)
{
    object_unref(&r->stale);
    r->step = ++r->rounds < ROUNDS_MAX ? STEP_LOOKUP : STEP_PASS;
    return NEXT_STEP;
}

/* RFC 5861 s.4, RFC 9111 s.4.2.4. */
bool req_may_cover(const struct req *r)
{
    return r->stale != NULL && !generation_is_abandoned(r->stale->generation) &&
           object_may_cover(r->stale, loop_wall(r->worker->loop));
}

enum next req_cover(struct req *r, int err, int status)
{
    if (!req_may_cover(r))
        return status != 0 ? req_failed_as(r, status) : req_failed_with(r, err);
    r->object = r->stale;
    r->stale = NULL;
    r->cache.detail = "upstream-failed"; /* it was forwarded: no hit (RFC 9211 s.2.2) */
    counter_add(&r->worker->count.covered, 1);
    r->step = STEP_DELIVER;
    return NEXT_STEP;
}

static enum next passed(struct req *r)
{
    r->step = STEP_PASS;
    return NEXT_STEP;
}

/* The flight asked for the blocks of the client's first range only. That these lie beyond the end
 * is the client's answer where it asked for nothing else, and on no condition. */
static bool is_one_range(const struct req *r)
{
    static const enum field_id conditions[] = {FIELD_IF_RANGE, FIELD_IF_MATCH, FIELD_IF_NONE_MATCH,
                                               FIELD_IF_MODIFIED_SINCE, FIELD_IF_UNMODIFIED_SINCE};
    struct range_spec specs[RANGES_MAX];
    const struct fields *fs = &r->x->request.fields;
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        if (fields_find(fs, conditions[i], 0) != NULL)
            return false;
    }
    return range_parse(fields_value(fs, FIELD_RANGE), specs, RANGES_MAX) == 1;
}

static void keep_withheld(struct req *r, const struct fields *withheld)
{
    fields_init(&r->withheld, &r->x->mem);
    for (uint32_t i = 0; i < withheld->count; i++)
        fields_add_named(&r->withheld, arena_dup(&r->x->mem, withheld->v[i].name),
                         arena_dup(&r->x->mem, withheld->v[i].value));
}

/* An HTTP/1.0 client does without (RFC 9110 s.15.2). The client may be gone after it. */
static void on_interim(void *ctx, const struct response_head *head)
{
    struct req *r = ctx;
    (void)exchange_inform(r->x, head);
}

static void on_landed(void *ctx, struct flight_result *result)
{
    struct req *r = ctx;
    enum next n = NEXT_STEP;
    r->flight = NULL;
    r->cache.forward_status = result->status;
    r->cache.is_stored = result->is_stored;
    r->upstream = arena_dup(&r->x->mem, result->origin);
    switch (result->outcome) {
    case COLLAPSE_OBJECT:
        r->object = result->object;
        r->is_new = result->is_stored && !result->is_revalidated;
        result->object = NULL;
        keep_withheld(r, result->withheld);
        r->step = STEP_DELIVER;
        break;
    case COLLAPSE_PASS:
        if (result->status == 416 && !is_one_range(r)) {
            n = passed(r);
            break;
        }
        r->fetch = result->fetch;
        result->fetch = NULL;
        r->fetch_at = result->at;
        r->is_flights = true;
        r->cache.detail = result->why == STORABLE_YES ? "no-room" : storable_text(result->why);
        r->step = STEP_DIRECT;
        break;
    case COLLAPSE_AGAIN:
        n = again(r);
        break;
    case COLLAPSE_FAILED:
        n = req_cover(r, result->err, 0);
        break;
    }
    if (n == NEXT_STEP)
        req_run(r);
}

static const struct flight_events flight_events = {on_interim, on_landed};

/* What a flight of another brought: is it the variant that this request needs? */
static enum next take_object(struct req *r)
{
    struct object *o = r->waiter.object;
    r->waiter.object = NULL;
    if (store_is_purged(r->worker->store, o) || /* since it came, before we were told */
        !vary_matches(object_vary_names(o), object_vary_values(o), &r->x->request.fields,
                      &r->x->mem)) {
        object_unref(&o);
        return again(r);
    }
    r->object = o;
    r->is_new = r->waiter.is_new;
    r->step = STEP_DELIVER;
    return NEXT_STEP;
}

/* Of another's kind: what it gets is likely not to be stored, so it should not lead next. */
static bool is_alone(const struct req *r)
{
    return fields_find(&r->x->request.fields, FIELD_AUTHORIZATION, 0) != NULL;
}

static bool is_error(int status)
{
    return status >= 400;
}

static void on_woken(struct collapse_waiter *waiter)
{
    struct req *r = CONTAINER_OF(waiter, struct req, waiter);
    enum next n;
    r->is_waiting = false;
    timer_stop(&r->deadline);
    r->cache.is_collapsed = true;
    if (r->is_late) {
        n = req_cover(r, ERR_TIMEOUT, 0);
    } else if (waiter->outcome == COLLAPSE_OBJECT) {
        n = take_object(r);
    } else if (waiter->outcome == COLLAPSE_PASS) {
        n = passed(r);
    } else if (waiter->outcome == COLLAPSE_AGAIN || waiter->err == ERR_CANCELLED) {
        n = is_alone(r) ? passed(r) : again(r);
    } else {
        n = req_cover(r, waiter->err, is_error(waiter->status) ? waiter->status : 0);
    }
    if (n == NEXT_STEP)
        req_run(r);
}

static void on_told(struct collapse_waiter *waiter, const struct response_head *head)
{
    struct req *r = CONTAINER_OF(waiter, struct req, waiter);
    if (r->x != NULL && r->is_waiting) /* else it was late, or is gone */
        on_interim(r, head);
}

static void on_deadline(struct timer *t)
{
    struct req *r = CONTAINER_OF(t, struct req, deadline);
    r->is_late = true;
    if (!collapse_leave(r->worker->collapse, &r->flight_key, &r->waiter))
        return; /* its mail comes, and finds it late */
    r->is_waiting = false;
    if (req_cover(r, ERR_TIMEOUT, 0) == NEXT_STEP)
        req_run(r);
}

static enum next wait(struct req *r)
{
    r->is_waiting = true;
    if (r->deadline.run == NULL) /* else it waited in an earlier round */
        timer_init(&r->deadline, r->worker->loop, on_deadline);
    timer_set(&r->deadline, r->site->connect_ms + r->site->first_byte_ms);
    return NEXT_WAIT;
}

/* A range on a cold object: only its blocks are asked for. If-Range is left to the delivery, which
 * knows the validator then. */
static void cold_range(const struct req *r, int64_t range[2])
{
    struct range_spec specs[RANGES_MAX];
    const struct fields *fs = &r->x->request.fields;
    if (fields_count(fs, FIELD_RANGE) == 1 &&
        range_parse(fields_value(fs, FIELD_RANGE), specs, RANGES_MAX) > 0)
        flight_cold_range(&specs[0], r->site->block_bytes, range);
}

static enum next lead(struct req *r)
{
    struct req_worker *w = r->worker;
    int64_t range[2] = {-1, -1};
    struct source *source = req_source(r, false);
    if (source == NULL) {
        struct collapse_landing nothing = {.outcome = COLLAPSE_AGAIN, .now = loop_now(w->loop)};
        collapse_land(w->collapse, &r->flight_key, &nothing);
        return req_refuse_with(r, 431, "The request's fields are too large to be sent on.", NULL);
    }
    if (r->stale == NULL)
        cold_range(r, range);
    struct flight_spec spec = {.source = source,
                               .flight_key = r->flight_key,
                               .request = &r->x->request,
                               .key = {r->key.text, r->key.hash},
                               .stale = r->stale,
                               .first = range[0],
                               .last = range[1]};
    r->flight = flight_start(w->fetcher, &spec, &flight_events, r);
    return NEXT_WAIT;
}

enum next req_obtain(struct req *r)
{
    struct req_worker *w = r->worker;
    r->waiter.home = loop_mailbox(w->loop);
    r->waiter.woken = on_woken;
    r->waiter.informed = on_told;
    if (r->rounds == 0 && !r->is_errand)
        counter_add(&w->count.misses, 1);
    switch (collapse_join(w->collapse, &r->flight_key, &r->waiter, loop_now(w->loop))) {
    case COLLAPSE_LEAD:
        return lead(r);
    case COLLAPSE_WAIT:
        return wait(r);
    case COLLAPSE_NOT_STORABLE:
        break;
    }
    r->cache.detail = "not-storable";
    return passed(r);
}
