/* SPDX-License-Identifier: MIT
 *
 * One fetch of a key for everybody: asks, judges by policy, makes the object, lands. What is done
 * with the outcome is the requests' business. */
#include "edge/upstream/flight.h"

#include "edge/policy/interim.h"
#include "edge/upstream/answer.h"
#include "edge/upstream/fill.h"
#include "edge/upstream/record.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define FLIGHT_BYTES_MAX  ((size_t)256 * 1024)
#define INTERIM_BYTES_MAX ((size_t)32 * 1024)
#define PASS_MS           5000 /* how long a key that was not storable is remembered */

struct flight {
    uint32_t magic;
    bool is_of_memcached; /* what is being stored */
    bool is_forgotten, asks_range, may_stripe;
    struct list link; /* fetcher->flights */
    struct fetcher *fetcher;
    struct source *source;
    struct fetch *fetch;
    struct object *stale;
    struct hash128 flight_key;
    struct store_key key;
    struct fields withheld;
    struct request_head request; /* as the client sent it: policy looks at it */
    int64_t first, last;         /* what is asked for */
    int64_t want_last; /* what more is wanted in the end, where that is bytes `first` to .. */
    uint64_t moment;   /* of the store, when the fetch began */
    const struct flight_events *events;
    void *ctx;
    struct arena mem;
};
#define FLIGHT_MAGIC 0xf1194702U

void flight_cold_range(const struct range_spec *spec, int64_t block_bytes, int64_t out[2])
{
    out[0] = out[1] = -1;
    if (spec->first < 0) { /* the last n: up to a block more, to begin at a block's beginning */
        if (spec->last > 0 && spec->last < INT64_MAX - block_bytes)
            out[1] = spec->last + block_bytes - 1;
        return;
    }
    int64_t first = spec->first / block_bytes * block_bytes;
    int64_t last = INT64_MAX;
    if (spec->last >= 0 && spec->last < INT64_MAX - block_bytes)
        last = (spec->last / block_bytes + 1) * block_bytes - 1;
    if (first == 0 && last == INT64_MAX)
        return; /* the whole: no range */
    out[0] = first;
    out[1] = last;
}

/* What kept the answer out of the store is the leader's own: the others look again. */
static bool is_leaders_own(const struct flight_result *r)
{
    return r->outcome == COLLAPSE_PASS &&
           (r->why == STORABLE_AUTHORIZATION || r->why == STORABLE_ASKED_NOT);
}

/* The only way out: lands, tells the leader, frees. *r keeps what the leader takes. */
static void land(struct flight *f, struct flight_result *r, msec_t pass_ms)
{
    struct fetcher *fr = f->fetcher;
    struct collapse_landing landing = {.outcome = is_leaders_own(r) ? COLLAPSE_AGAIN : r->outcome,
                                       .err = r->err,
                                       .status = r->status,
                                       .object = r->object,
                                       .is_new = r->is_stored && !r->is_revalidated,
                                       .now = loop_now(fr->loop),
                                       .pass_ms = pass_ms};
    if (r->outcome == COLLAPSE_AGAIN && r->object != NULL) {
        landing.object = NULL; /* the leader asked before the purge; who came later must not */
        r->outcome = COLLAPSE_OBJECT;
    }
    if (landing.err == ERR_BUSY && f->source->is_errand)
        landing.outcome = COLLAPSE_AGAIN; /* it waited behind everybody: others need not */
    if (landing.outcome == COLLAPSE_PASS && answer_is_fault(r->status)) {
        landing.outcome = COLLAPSE_FAILED; /* one answer for all: none asks again for itself */
        landing.err = ERR_REFUSED;
    }
    list_remove(&f->link);
    counter_add(&fr->count.collapsed, collapse_land(fr->collapse, &f->flight_key, &landing));
    r->origin = f->fetch != NULL ? fetch_origin_name(f->fetch) : r->origin;
    if (!f->is_forgotten)
        f->events->landed(f->ctx, r);
    fetch_end(&r->fetch);
    object_unref(&r->object);
    fetch_end(&f->fetch);
    object_unref(&f->stale);
    source_unref(&f->source);
    arena_finish(&f->mem);
    f->magic = 0;
    mem_free(f);
}

static void land_failed(struct flight *f, int err, int status)
{
    struct flight_result r = {.outcome = COLLAPSE_FAILED, .err = err, .status = status, .at = -1};
    land(f, &r, 0);
}

/* The answer at hand goes to the leader as it is; the others fetch for themselves. */
static void land_pass(struct flight *f, enum storable why, int64_t at)
{
    struct flight_result r = {.outcome = COLLAPSE_PASS, .why = why, .at = at};
    bool is_to_remember = storable_is_lasting(why);
    r.status = fetch_head(f->fetch)->status;
    r.origin = fetch_origin_name(f->fetch);
    if (r.status >= 400)
        is_to_remember = false; /* an error of the moment says nothing about the resource */
    r.fetch = f->fetch;
    f->fetch = NULL;
    land(f, &r, is_to_remember ? PASS_MS : 0);
}

/* ERR_CHANGED, ERR_DENIED: for the leader; nobody else may have it. */
static void land_object(struct flight *f, struct object *o, int status, int inserted)
{
    bool is_for_all = inserted != ERR_CHANGED && inserted != ERR_DENIED;
    bool is_old = inserted == ERR_CHANGED && f->is_of_memcached; /* for nobody, then */
    if (is_old) {
        f->source->passed_tiers |= 1U << TIER_MEMCACHED;
        object_unref(&o);
    }
    struct flight_result r = {.outcome = is_for_all ? COLLAPSE_OBJECT : COLLAPSE_AGAIN,
                              .object = o,
                              .status = status,
                              .at = -1,
                              .is_stored = inserted == 0,
                              .is_revalidated = status == 304,
                              .withheld = &f->withheld};
    land(f, &r, 0);
}

static struct record_of record_of(struct flight *f)
{
    return (struct record_of){.store = f->fetcher->store,
                              .site = source_site(f->source),
                              .request = &f->request,
                              .key = f->key,
                              .asked_wall = fetch_asked_wall(f->fetch),
                              .answered_wall = fetch_answered_wall(f->fetch),
                              .mem = &f->mem};
}

static void ask(struct flight *f);

static void on_not_modified(struct flight *f, const struct response_head *head)
{
    struct object *stale = f->stale;
    sec_t now_s = fetch_answered_wall(f->fetch) / MSEC_PER_SEC;
    bool is_gone = store_is_purged(f->fetcher->store, stale); /* since the client found it */
    struct validators validators = object_validators(stale);
    if (is_gone || !answer_is_about(head, &validators, now_s)) {
        object_unref(&f->stale);
        ask(f);
        return;
    }
    struct response_head merged = {.status = stale->status};
    struct fields fields = object_fields(stale);
    struct freshness freshness;
    struct record_of of = record_of(f);
    fields_init(&merged.fields, &f->mem);
    record_merge(&merged.fields, &fields, head);
    merged.content_length = generation_length(stale->generation);
    enum storable why = record_judge(&of, &merged, &freshness);
    struct record_parts parts = {&merged, &freshness, stale->generation};
    struct object *o = record_make(&of, &parts, &f->withheld);
    if (o == NULL) { /* no room for a new record: the old one is good for this once */
        object_ref(stale);
        land_object(f, stale, 304, ERR_NO_SPACE);
        return;
    }
    int inserted = ERR_DENIED;
    if (why == STORABLE_YES)
        inserted = store_insert(f->fetcher->store, o, f->moment);
    else if (storable_is_lasting(why))
        store_remove(f->fetcher->store, stale);
    counter_add(&f->fetcher->count.revalidated, 1);
    land_object(f, o, 304, inserted);
}

/* How far the fill that takes the answer goes: as far as was asked, though a part may end earlier
 * (RFC 9110 s.15.3.7). */
static int64_t last_of(const struct flight *f, const struct answer_body *body)
{
    if (body->end == LENGTH_UNKNOWN)
        return INT64_MAX;
    if (!f->asks_range || f->first < 0 || body->size < 0)
        return body->end - 1;
    int64_t wanted = f->last < body->size ? f->last : body->size - 1;
    return wanted >= body->end ? wanted : body->end - 1;
}

/* head: as it is to be stored (status 200 also where a 206 came). */
static void store_answer(struct flight *f, const struct response_head *head,
                         const struct freshness *freshness, const struct answer_body *body)
{
    struct fetcher *fr = f->fetcher;
    int64_t block_bytes = source_site(f->source)->block_bytes;
    int status = fetch_head(f->fetch)->status;
    struct generation *g = generation_create(fr->store, body->size, block_bytes);
    struct record_of of = record_of(f);
    struct record_parts parts = {head, freshness, g};
    struct object *o = g != NULL ? record_make(&of, &parts, &f->withheld) : NULL;
    int err = o != NULL ? 0 : ERR_NO_SPACE;
    if (err == 0) {
        struct span accepts = fields_value(&head->fields, FIELD_ACCEPT_RANGES);
        struct fill_spec fill = {.generation = g,
                                 .source = f->source,
                                 .validators = object_validators(o),
                                 .at = body->at,
                                 .last = last_of(f, body),
                                 .want_last = f->want_last,
                                 .object = o,
                                 .is_only_chance = (f->asks_range && status == 200) ||
                                                   span_ieq(accepts, SPAN("none"))};
        err = fill_adopt(fr, &fill, &f->fetch);
    }
    if (err != 0) {
        counter_add(&fr->count.no_space, 1);
        object_unref(&o);
        generation_unref(&g);
        land_pass(f, STORABLE_YES, f->asks_range && status == 206 ? body->at : -1);
        return;
    }
    int inserted = store_insert(fr->store, o, f->moment);
    generation_unref(&g);
    land_object(f, o, status, inserted);
}

/* RFC 9111 s.3.4: parts are joined by a strong validator only; one without would be the last. */
static bool is_complete_or_joinable(const struct flight *f, const struct response_head *head,
                                    const struct answer_body *body)
{
    struct validators v =
        validators_of(&head->fields, fetch_answered_wall(f->fetch) / MSEC_PER_SEC);
    v = source_version(f->source, &v);
    return (body->at == 0 && body->end == body->size) || answer_can_continue(&v);
}

/* What lay in memcached was not to be believed, or not to be stored: the next tier. */
static void pass_memcached(struct flight *f)
{
    f->source->passed_tiers |= 1U << TIER_MEMCACHED;
    ask(f);
}

/* It has one block, whatever was asked; and what a purge since its moment covers it has not. */
static void take_from_memcached(struct flight *f, const struct response_head *head)
{
    struct content_range cr;
    f->is_of_memcached = true;
    f->moment = fetch_moment(f->fetch);
    if (head->status != 206 || f->asks_range ||
        content_range_parse(fields_value(&head->fields, FIELD_CONTENT_RANGE), &cr) != 0)
        return;
    f->asks_range = true;
    f->first = 0;
    f->last = cr.size - 1;
}

static void on_answer(struct flight *f, const struct response_head *head)
{
    struct answer_body body = {.at = 0, .end = head->content_length, .size = head->content_length};
    struct response_head whole = *head;
    struct freshness freshness;
    int64_t at = -1;
    if (fetch_tier(f->fetch) == TIER_MEMCACHED)
        take_from_memcached(f, head);
    if (head->status == 206) {
        struct answer_expected expected = {
            .size = LENGTH_UNKNOWN, .first = f->first, .last = f->last};
        sec_t now_s = fetch_answered_wall(f->fetch) / MSEC_PER_SEC;
        if (!f->asks_range) {
            land_failed(f, ERR_PROTOCOL, head->status);
            return;
        }
        if (answer_judge(head, &expected, now_s, &body) != 0) {
            f->source->passed_tiers |= f->is_of_memcached ? 1U << TIER_MEMCACHED : 0;
            f->first = f->last = -1; /* ranges are not to be had: the whole, then */
            f->may_stripe = false;
            counter_add(&f->fetcher->count.fetch_retries, 1);
            ask(f);
            return;
        }
        at = body.at;
        whole.status = 200;
        whole.content_length = body.size;
    }
    struct record_of of = record_of(f);
    enum storable why = record_judge(&of, &whole, &freshness);
    if (why == STORABLE_YES && at >= 0 && !is_complete_or_joinable(f, head, &body))
        why = STORABLE_PART;
    if (why == STORABLE_YES) {
        store_answer(f, &whole, &freshness, &body);
        return;
    }
    if (f->is_of_memcached) {
        pass_memcached(f);
        return;
    }
    if (f->stale != NULL && !answer_is_fault(head->status) && storable_is_lasting(why))
        store_remove(f->fetcher->store, f->stale);
    land_pass(f, why, at);
}

static void on_info(void *ctx, struct fetch *fetch, const struct response_head *head)
{
    struct flight *f = ctx;
    struct response_head told;
    struct arena mem;
    (void)fetch;
    arena_init(&mem, INTERIM_BYTES_MAX);
    if (interim_told(source_site(f->source), head, &told, &mem)) {
        if (!f->is_forgotten)
            f->events->informed(f->ctx, &told);
        if (interim_is_for_all(&f->request, &told))
            collapse_inform(f->fetcher->collapse, &f->flight_key, &told);
    }
    arena_finish(&mem);
}

static void on_head(void *ctx, struct fetch *fetch, const struct response_head *head)
{
    struct flight *f = ctx;
    msec_t now_wall = fetch_answered_wall(fetch);
    if (head->status == 304 && f->stale != NULL)
        on_not_modified(f, head);
    else if (head->status == 304)
        land_failed(f, ERR_PROTOCOL, head->status);
    else if (answer_is_fault(head->status) && f->stale != NULL &&
             object_may_cover(f->stale, now_wall))
        land_failed(f, ERR_REFUSED, head->status);
    else
        on_answer(f, head);
}

static void on_readable(void *ctx, struct fetch *fetch)
{
    (void)ctx;
    (void)fetch; /* whoever gets the body reads it */
}

static void on_failed(void *ctx, struct fetch *fetch, int err)
{
    (void)fetch;
    land_failed(ctx, err, 0);
}

static const struct fetch_events fetch_events = {on_info, on_head, on_readable, on_failed};

/* A client had something fresh validated: caches in between should not answer for the origin. */
static bool wants_origins_word(const struct flight *f)
{
    return f->stale != NULL && !object_is(f->stale, OBJECT_SOFT_PURGED) &&
           object_left_ms(f->stale, loop_wall(f->fetcher->loop)) > 0;
}

/* Where a site wants several ranges at once, the first is the first of them. */
static void set_stripe(struct flight *f)
{
    const struct site *site = source_site(f->source);
    int64_t stripe = fill_stripe_blocks(site) * site->block_bytes;
    int64_t first = f->first >= 0 ? f->first : 0;
    bool is_whole = f->first < 0 && f->last < 0;
    f->want_last = -1;
    if (!f->may_stripe || stripe == 0 || f->stale != NULL ||
        (!is_whole && (f->first < 0 || f->last - first < stripe)))
        return;
    f->want_last = is_whole ? INT64_MAX : f->last;
    f->first = first;
    f->last = first + stripe - 1;
}

static void ask(struct flight *f)
{
    struct fetch_ask ask = fetch_ask_plain;
    fetch_end(&f->fetch);
    set_stripe(f);
    f->moment = store_moment(f->fetcher->store);
    struct validators stale;
    if (f->stale != NULL)
        stale = object_validators(f->stale);
    if (f->stale != NULL)
        ask.if_none = &stale;
    ask.first = f->first;
    ask.last = f->last;
    ask.is_reload = wants_origins_word(f);
    ask.object_key = &f->key.hash;
    f->is_of_memcached = false;
    f->asks_range = f->last >= 0;
    f->fetch = fetch_start(f->fetcher, f->source, &ask, &fetch_events, f);
}

static void copy_request(struct flight *f, const struct request_head *r)
{
    f->request = *r;
    f->request.method = METHOD_GET; /* HEAD too is answered from what GET brings */
    f->request.method_text = SPAN("GET");
    f->request.target = SPAN_NONE;
    f->request.host = f->source->host;
    f->request.path = f->source->path;
    f->request.query = f->source->query;
    fields_init(&f->request.fields, &f->mem);
    for (uint32_t i = 0; i < r->fields.count; i++) {
        const struct field *one = &r->fields.v[i];
        fields_add_named(&f->request.fields, arena_dup(&f->mem, one->name),
                         arena_dup(&f->mem, one->value));
    }
}

struct flight *flight_start(struct fetcher *fr, const struct flight_spec *spec,
                            const struct flight_events *events, void *ctx)
{
    struct flight *f = mem_zalloc(sizeof(*f));
    f->magic = FLIGHT_MAGIC;
    f->fetcher = fr;
    arena_init(&f->mem, FLIGHT_BYTES_MAX);
    source_ref(spec->source);
    f->source = spec->source;
    f->flight_key = spec->flight_key;
    f->key = (struct store_key){arena_dup(&f->mem, spec->key.text), spec->key.hash};
    copy_request(f, spec->request);
    f->stale = spec->stale;
    if (f->stale != NULL)
        object_ref(f->stale);
    f->first = spec->first;
    f->last = spec->last;
    f->may_stripe = true;
    f->events = events;
    f->ctx = ctx;
    f->is_forgotten = events == NULL;
    list_push_back(&fr->flights, &f->link);
    counter_add(&fr->count.flights, 1);
    ask(f);
    return f;
}

void flight_forget(struct flight *f)
{
    CHECK_OBJ(f, FLIGHT_MAGIC);
    f->is_forgotten = true;
}

void flight_stop(struct fetcher *fr)
{
    while (!list_is_empty(&fr->flights))
        land_failed(LIST_THING(fr->flights.next, struct flight, link), ERR_CANCELLED, 0);
}
