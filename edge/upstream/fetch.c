/* SPDX-License-Identifier: MIT
 *
 * One request to an upstream. Other edges come first (peer_turn.c). An origin that does not answer
 * is held back and the next one is asked, unless the request has a body (gone with the first) or is
 * not idempotent. Judges no answer: a 500 is an answer. Runs on its worker's thread. */
#include "edge/upstream/fetch_inner.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/http/date.h"

#define PROBE_CONNECT_MS 1000

const struct fetch_ask fetch_ask_plain = {.first = -1, .last = -1};

/* unread: came, and will never be read; whoever sent it has it on the bill. */
static void account(struct fetch *f, uint64_t unread)
{
    struct fetcher *fr = f->fetcher;
    struct fetcher_bytes more = {.in = call_bytes_in(f->call) + unread - f->bytes_in,
                                 .out = call_bytes_out(f->call) - f->bytes_out,
                                 .is_of_peer = f->turn.peer != NULL,
                                 .is_of_errand = f->source->is_errand};
    if (more.in == 0 && more.out == 0)
        return;
    f->bytes_in += more.in;
    f->bytes_out += more.out;
    counter_add(&fr->count.received_bytes, more.in);
    counter_add(&fr->count.sent_bytes, more.out);
    fr->on_bytes(fr->ctx, source_site(f->source), &more);
}

static void count_packed(struct fetch *f)
{
    uint64_t bytes = call_bytes_decoded(f->call);
    if (bytes == 0)
        return;
    counter_add(&f->fetcher->count.unpacked, 1);
    counter_add(&f->fetcher->count.unpacked_bytes, bytes);
    counter_add(&f->fetcher->count.unpacked_wire_bytes, call_bytes_in(f->call));
}

static void drop_call(struct fetch *f)
{
    if (f->call == NULL)
        return;
    account(f, call_bytes_unread(f->call));
    count_packed(f);
    call_end(&f->call);
    f->bytes_in = f->bytes_out = 0;
}

/* Whoever is being asked. */
static void leave_origin(struct fetch *f)
{
    drop_call(f);
    peer_turn_leave(&f->turn);
    item_turn_leave(&f->item);
    timer_stop(&f->queue);
    gate_leave(&f->ticket);
    f->hop = (struct fetch_hop){0};
}

static void on_info(void *ctx, struct call *c, const struct response_head *head)
{
    struct fetch *f = ctx;
    (void)c;
    if (f->events->on_info != NULL)
        f->events->on_info(f->ctx, f, head);
}

static void ask_next(struct fetch *f);
static void begin_call(struct fetch *f);

/* Nobody else will do better: the owner is told, not from inside. */
static void give_up(struct fetch *f, int err)
{
    f->err = err;
    leave_origin(f);
    loop_defer(f->fetcher->loop, &f->failing);
}

/* RFC 9110 s.10.2.3: seconds or a date. 0: not there, or nothing to go by. */
static msec_t retry_after_of(const struct response_head *head, msec_t wall)
{
    struct span text = fields_value(&head->fields, FIELD_RETRY_AFTER);
    uint64_t seconds;
    sec_t at;
    if (span_u64(text, &seconds))
        return seconds < INT32_MAX ? (msec_t)seconds * MSEC_PER_SEC : INT32_MAX;
    if (date_parse(text, wall / MSEC_PER_SEC, &at) && at * MSEC_PER_SEC > wall)
        return at * MSEC_PER_SEC - wall;
    return 0;
}

static bool is_overloaded(int status)
{
    return status == 429 || status == 503;
}

/* What an answer says about its origin, and about when to come back. */
static void judge_health(struct fetch *f, const struct response_head *head)
{
    msec_t now = loop_now(f->fetcher->loop);
    bool is_gateway_fault = head->status == 502 || head->status == 504;
    if (!is_overloaded(head->status) && !is_gateway_fault) {
        upstream_succeeded(f->origin);
        return;
    }
    msec_t most = source_site(f->source)->retry_after_max_ms;
    msec_t rest = is_overloaded(head->status) ? retry_after_of(head, f->answered_wall) : 0;
    rest = rest < most ? rest : most;
    if (head->status != 429)
        upstream_hold(f->origin, now);
    if (rest > 0)
        upstream_rest(f->origin, now + rest);
}

/* An answer that another origin may well not give. True: that one is being asked. */
static bool try_elsewhere(struct fetch *f, const struct response_head *head)
{
    struct upstream *u = f->source->upstream;
    if ((head->status < 500 && head->status != 429) || head->status == 501 || !f->may_repeat ||
        upstream_choose(u, f->tried, f->source->key, loop_now(f->fetcher->loop)) == NULL ||
        !upstream_may_retry(u))
        return false;
    counter_add(&f->fetcher->count.fetch_retries, 1);
    f->err = ERR_REFUSED;
    leave_origin(f);
    ask_next(f);
    return true;
}

/* The next one, instead of the peer at hand. */
static void pass_peer(struct fetch *f)
{
    const struct response_head *head = fetch_head(f);
    bool has_not = f->turn.tier == TIER_SIBLING && head != NULL && head->status == 504;
    struct fetcher_counters *count = &f->fetcher->count;
    counter_add(has_not ? &count->sibling_misses : &count->peer_passes, 1);
    leave_origin(f);
    ask_next(f);
}

static void on_peer_head(struct fetch *f, const struct response_head *head)
{
    if (peer_turn_judge(&f->turn, f->source, head->status, span_of(f->fetcher->node)))
        f->events->on_head(f->ctx, f, head);
    else
        pass_peer(f);
}

static void on_peer_dead(struct peer_turn *t)
{
    struct fetch *f = CONTAINER_OF(t, struct fetch, turn);
    if (fetch_head(f) == NULL) {
        pass_peer(f);
        return;
    }
    t->is_given_up = true;
    f->events->on_readable(f->ctx, f);
}

static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    struct fetch *f = ctx;
    (void)c;
    f->answered_wall = loop_wall(f->fetcher->loop);
    account(f, 0);
    if (f->turn.peer != NULL) {
        on_peer_head(f, head);
        return;
    }
    if (!f->hop.is_foreign)
        judge_health(f, head);
    int hop = fetch_redirect(f, head);
    if (hop > 0) {
        drop_call(f);
        begin_call(f);
    } else if (hop < 0) {
        give_up(f, hop);
    } else if (!try_elsewhere(f, head)) {
        f->events->on_head(f->ctx, f, head);
    }
}

static void on_readable(void *ctx, struct call *c)
{
    struct fetch *f = ctx;
    (void)c;
    f->events->on_readable(f->ctx, f);
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    struct fetch *f = ctx;
    struct span name = fetch_origin_name(f);
    (void)c;
    if (err == ERR_BODY) { /* the client's fault */
        give_up(f, err);
        return;
    }
    LOG_WARN_LIMITED("upstream-failed", "site=%s upstream=%.*s error=\"%s\" detail=\"%s\"",
                     source_site(f->source)->name, SPAN_FMT(name), err_text(err), text);
    if (f->turn.peer != NULL) {
        peer_failed(f->turn.peer);
        pass_peer(f);
        return;
    }
    if (!f->hop.is_foreign)
        upstream_failed(f->origin, err, loop_now(f->fetcher->loop));
    if (!f->may_repeat || !upstream_may_retry(f->source->upstream)) {
        give_up(f, err);
        return;
    }
    f->err = err;
    leave_origin(f);
    counter_add(&f->fetcher->count.fetch_retries, 1);
    ask_next(f);
}

static const struct call_events call_events = {on_info, on_head, on_readable, on_failed};

static void fail(struct loop_task *t)
{
    struct fetch *f = CONTAINER_OF(t, struct fetch, failing);
    f->has_failed = true;
    counter_add(&f->fetcher->count.fetch_failures, 1);
    f->events->on_failed(f->ctx, f, f->err);
}

/* A probe is somebody's request too: it should not wait long for one that is likely gone. */
static msec_t connect_ms_of(const struct fetch *f)
{
    const struct site *site = source_site(f->source);
    const struct upstream_origin *o = f->origin;
    if (f->turn.peer != NULL)
        return site->peer_ms;
    bool is_probe = upstream_is_broken(o) && site->connect_ms > PROBE_CONNECT_MS;
    return is_probe ? PROBE_CONNECT_MS : site->connect_ms;
}

static const struct client_target *target_of(const struct fetch *f)
{
    if (f->turn.peer != NULL)
        return &f->turn.peer->target;
    return f->hop.count > 0 ? &f->hop.target : &f->origin->target;
}

static void begin_call(struct fetch *f)
{
    const struct site *site = source_site(f->source);
    struct arena mem;
    struct request_head request;
    arena_init(&mem, FETCH_REQUEST_BYTES);
    fetch_request_of(f, &request, &mem);
    struct call_spec spec = {.target = target_of(f),
                             .request = &request,
                             .body = f->body,
                             .connect_ms = connect_ms_of(f),
                             .first_byte_ms = site->first_byte_ms,
                             .stall_ms = site->stall_ms};
    f->body = NULL;
    f->asked_wall = loop_wall(f->fetcher->loop);
    counter_add(&f->fetcher->count.fetches, 1);
    f->call = call_start(f->fetcher->client, &spec, &call_events, f);
    arena_finish(&mem);
}

static void on_admitted(void *ctx)
{
    struct fetch *f = ctx;
    timer_stop(&f->queue);
    begin_call(f);
}

static void on_queued_long(struct timer *t)
{
    struct fetch *f = CONTAINER_OF(t, struct fetch, queue);
    counter_add(&f->fetcher->count.queue_timeouts, 1);
    give_up(f, ERR_BUSY);
}

/* A place at the origin, or one in its queue. */
static void enter(struct fetch *f)
{
    struct loop *l = f->fetcher->loop;
    struct gate_entry entry = {.home = loop_mailbox(l),
                               .key = f->source->key,
                               .is_background = f->source->is_errand,
                               .admitted = on_admitted,
                               .ctx = f};
    f->ticket = gate_enter(f->origin->gate, &entry);
    if (gate_is_in(f->ticket)) {
        begin_call(f);
        return;
    }
    counter_add(&f->fetcher->count.queued, 1);
    timer_set(&f->queue, source_site(f->source)->queue_ms);
}

/* memcached has said what it has. */
static void on_item(struct item_turn *t)
{
    struct fetch *f = CONTAINER_OF(t, struct fetch, item);
    if (!t->has_item) {
        ask_next(f);
        return;
    }
    f->turn.tier = TIER_MEMCACHED;
    f->asked_wall = f->answered_wall = loop_wall(f->fetcher->loop);
    f->events->on_head(f->ctx, f, &t->head);
}

static bool ask_memcached(struct fetch *f)
{
    struct item_ask ask = {
        .source = f->source, .key = f->ask.object_key, .first = f->ask.first, .last = f->ask.last};
    if (f->ask.is_reload || f->ask.if_none != NULL)
        return false;
    f->item.on_over = on_item;
    return item_turn_begin(&f->item, f->fetcher, &ask, &f->mem);
}

static void ask_next(struct fetch *f)
{
    struct upstream *u = f->source->upstream;
    msec_t now = loop_now(f->fetcher->loop);
    if (ask_memcached(f))
        return;
    if (peer_turn_take(&f->turn, f->fetcher, f->source, f->ask.is_reload)) {
        begin_call(f);
        f->turn.on_dead = on_peer_dead;
        peer_turn_watch(&f->turn, f->fetcher->loop, f->call);
        return;
    }
    struct upstream_origin *o = upstream_take(u, f->tried, f->source->key, now);
    if (o == NULL) {
        loop_defer(f->fetcher->loop, &f->failing);
        return;
    }
    f->origin = o;
    f->tried |= 1U << upstream_index(u, o);
    if (o->gate != NULL)
        enter(f);
    else
        begin_call(f);
}

static void keep_validators(struct fetch *f, struct validators *kept,
                            const struct validators **asked)
{
    if (*asked == NULL)
        return;
    *kept = **asked;
    if (kept->etag.p != NULL)
        kept->etag = arena_dup(&f->mem, kept->etag);
    *asked = kept;
}

struct fetch *fetch_start(struct fetcher *fr, struct source *s, const struct fetch_ask *ask,
                          const struct fetch_events *events, void *ctx)
{
    struct fetch *f = mem_zalloc(sizeof(*f));
    f->magic = FETCH_MAGIC;
    f->fetcher = fr;
    source_ref(s);
    f->source = s;
    f->events = events;
    f->ctx = ctx;
    f->ask = *ask;
    f->tried = ask->tried;
    f->body = ask->body;
    f->may_repeat = ask->body == NULL && s->method != METHOD_POST && s->method != METHOD_PATCH &&
                    s->method != METHOD_OTHER;
    f->err = ERR_BUSY; /* where no origin may be asked now */
    arena_init(&f->mem, LOOP_BUF_BYTES);
    keep_validators(f, &f->if_range, &f->ask.if_range);
    keep_validators(f, &f->if_none, &f->ask.if_none);
    if (ask->object_key != NULL) {
        f->object_key = *ask->object_key;
        f->ask.object_key = &f->object_key;
        purge_clock_applied(fr->purges, &f->stamp);
    }
    loop_task_init(&f->failing, fail);
    timer_init(&f->queue, fr->loop, on_queued_long);
    upstream_count_request(s->upstream);
    ask_next(f);
    return f;
}

void fetch_hand_over(struct fetch *f, const struct fetch_events *events, void *ctx)
{
    CHECK_OBJ(f, FETCH_MAGIC);
    f->events = events;
    f->ctx = ctx;
}

ssize_t fetch_read(struct fetch *f, void *dst, size_t room)
{
    CHECK_OBJ(f, FETCH_MAGIC);
    if (f->item.has_item)
        return item_turn_read(&f->item, dst, room);
    if (f->call == NULL)
        return ERR_CLOSED;
    ssize_t n = f->turn.is_given_up ? ERR_TIMEOUT : call_read(f->call, dst, room);
    account(f, 0);
    f->turn.is_hungry = n == ERR_AGAIN;
    if (n < 0 && n != ERR_AGAIN) {
        f->err = (int)n;
        fetch_blame(f, f->err);
    }
    return n;
}

void fetch_note_ranges(struct fetch *f, bool are_ignored)
{
    if (!fetch_is_of_peer(f))
        upstream_note_ranges(f->origin, are_ignored, loop_now(f->fetcher->loop));
}

void fetch_blame(struct fetch *f, int err)
{
    if (!f->hop.is_foreign && !fetch_is_of_peer(f))
        upstream_failed(f->origin, err, loop_now(f->fetcher->loop));
}

bool fetch_is_of_peer(const struct fetch *f)
{
    return f->turn.peer != NULL || f->item.has_item;
}

uint64_t fetch_moment(const struct fetch *f)
{
    return f->item.moment;
}

const struct purge_stamp *fetch_stamp(const struct fetch *f)
{
    return &f->stamp;
}

enum tier fetch_tier(const struct fetch *f)
{
    return f->turn.tier;
}

bool fetch_is_queued(const struct fetch *f)
{
    return f->ticket != NULL && !gate_is_in(f->ticket);
}

bool fetch_has_place(const struct fetch *f)
{
    return f->ticket != NULL;
}

bool fetch_place_is_wanted(const struct fetch *f)
{
    return f->ticket != NULL && gate_has_waiting(f->ticket);
}

void fetch_end(struct fetch **pf)
{
    struct fetch *f = *pf;
    *pf = NULL;
    if (f == NULL)
        return;
    CHECK_OBJ(f, FETCH_MAGIC);
    loop_undefer(&f->failing);
    leave_origin(f);
    timer_finish(&f->queue);
    body_close(&f->body);
    source_unref(&f->source);
    arena_finish(&f->mem);
    f->magic = 0;
    mem_free(f);
}

const struct response_head *fetch_head(const struct fetch *f)
{
    if (f->item.has_item)
        return &f->item.head;
    return f->call != NULL ? call_head(f->call) : NULL;
}

struct fetcher *fetch_fetcher(const struct fetch *f)
{
    return f->fetcher;
}

msec_t fetch_asked_wall(const struct fetch *f)
{
    return f->asked_wall;
}

msec_t fetch_answered_wall(const struct fetch *f)
{
    return f->answered_wall;
}

uint32_t fetch_tried(const struct fetch *f)
{
    return f->tried;
}

struct span fetch_origin_name(const struct fetch *f)
{
    if (f->item.has_item)
        return SPAN("memcached");
    if (f->turn.peer != NULL)
        return f->turn.peer->name;
    return f->origin != NULL ? f->origin->name : SPAN_NONE;
}
