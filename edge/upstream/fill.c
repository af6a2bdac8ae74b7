/* SPDX-License-Identifier: MIT
 *
 * A fill: from the socket of an origin straight into blocks of the store. How far it may run is
 * told by the readers of the generation, wherever they are; when it breaks it asks for the rest
 * from the exact byte on, where the validator proves that the rest is of the same bytes.
 *
 *    run of blocks:   |==present==|==filling>..|..claimed..|   absent   |  next one not absent
 *                                  ^pos         ^claimed_end            ^ last
 *
 * Where an origin answers a range with the whole, nothing that passes by is wasted: every absent
 * block is claimed, and the body is streamed into all of them, run by run, once.
 *
 * `last` shrinks when a block that is claimed or present already is met: another brings it. Where
 * no second request can fetch bytes of this generation (no strong validator, an origin that
 * ignores ranges, no length), everything is claimed at once: all readers wait for this fill. */
#include "edge/upstream/fill_inner.h"
#include "edge/upstream/item_turn.h"

#include "edge/upstream/answer.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define TURN_BYTES     (128 * 1024) /* read in one turn of the loop, so that others get theirs */
#define LOOK_BYTES     (128 * 1024) /* between looks at where the readers are */
#define WORTH_BYTES    (64 * 1024)  /* an answer that brings so many was worth its request */
#define RESUME_MIN_MS  50           /* between two looks for the rest, doubling .. */
#define RESUME_MAX_MS  1000
#define RESUME_DOUBLES 5
#define YIELD_MS       1000 /* a fill may rest so long on a place that others want */

static void flow(struct fill *f);

static void fill_free(struct fill *f)
{
    source_unref(&f->source);
    object_unref(&f->object);
    generation_unref(&f->generation);
    block_runs_finish(&f->runs);
    mem_free((void *)(uintptr_t)f->validators.etag.p);
    f->magic = 0;
    mem_free(f);
}

/* To the next run; the body at hand stands at f->pos. False: there is none. */
static bool next_run(struct fill *f)
{
    struct block_run run;
    int64_t size = generation_length(f->generation);
    if (!block_runs_take(&f->runs, &run))
        return false;
    f->skip = run.first * f->block_bytes - f->pos;
    f->pos = f->looked_at = run.first * f->block_bytes;
    f->claimed_end = run.end;
    f->last = run.end * f->block_bytes - 1;
    if (f->last > size - 1)
        f->last = size - 1;
    return true;
}

/* The body at hand is the whole though a range was asked. What it has before our first byte is
 * stored as well, unless we stand within a block already. */
static void take_whole(struct fill *f)
{
    struct block_run ours = {fill_block_of(f, f->pos), f->claimed_end};
    if (f->claims_all)
        return; /* as it did before */
    if (f->runs.count == 0)
        block_runs_claim(&f->runs, f->generation);
    f->claims_all = true;
    if (!f->is_writing || f->writer.filled > 0) {
        block_runs_release(&f->runs, f->generation, ours.first);
        return;
    }
    block_write_abort(&f->writer);
    f->is_writing = false;
    block_runs_insert(&f->runs, ours);
    f->pos = 0;
    next_run(f);
}

void fill_end(struct fill *f)
{
    fill_end_gathering(f);
    int64_t first = fill_block_of(f, f->pos + f->block_bytes - 1);
    if (f->is_writing) {
        first = f->writer.index;
        block_write_abort(&f->writer);
    }
    if (f->claimed_end > first)
        generation_release(f->generation, first, f->claimed_end - first);
    block_runs_release(&f->runs, f->generation, INT64_MAX);
    fetch_end(&f->fetch);
    timer_finish(&f->grace);
    timer_finish(&f->again);
    pace_finish(&f->pace);
    loop_undefer(&f->turn);
    loop_undefer(&f->ask);
    list_remove(&f->link);
    f->is_ending = true;
    if (generation_fill_detach(f->generation, &f->watch))
        fill_free(f);
}

static void fill_fail(struct fill *f, int err)
{
    const char *site = source_site(f->source)->name;
    if (err == ERR_CHANGED || !answer_can_continue(&f->validators)) {
        generation_abandon(f->generation);
        counter_add(&f->fetcher->count.fill_changes, 1);
    }
    counter_add(&f->fetcher->count.fill_failures, 1);
    LOG_WARN_LIMITED("fill-failed", "site=%s path=%.*s at=%lld error=\"%s\"", site,
                     SPAN_FMT(f->source->path), (long long)f->pos, err_text(err));
    fill_end(f);
}

/* Everything came: one more read lets the connection be used again. */
void fill_finish(struct fill *f)
{
    char end;
    if (f->fetch != NULL && f->skip == 0)
        (void)fetch_read(f->fetch, &end, 1);
    if (!fill_next_run(f)) {
        fill_end(f);
        return;
    }
    fetch_end(&f->fetch);
    pace_stop(&f->pace);
    if (fill_ask_rest(f, 0) != 0)
        fill_broken(f, ERR_BUSY);
}

/* Bytes that one read may bring into the block at hand. */
static size_t read_bytes(const struct fill *f)
{
    size_t n = f->writer.room < TURN_BYTES ? f->writer.room : TURN_BYTES;
    return f->last - f->pos < (int64_t)n ? (size_t)(f->last - f->pos + 1) : n;
}

/* 0: what is read next has a place; else the fill is over (and has ended). */
static int make_room(struct fill *f)
{
    int err = 0;
    if (!f->is_writing)
        fill_claim_ahead(f);
    if (!f->is_writing && f->pos > f->last) {
        fill_finish(f);
        return ERR_CANCELLED;
    }
    if (!f->is_writing)
        err = block_write_begin(&f->writer, f->generation, fill_block_of(f, f->pos));
    f->is_writing = err == 0;
    if (err == 0 && block_write_prepare(&f->writer, read_bytes(f)) != 0)
        err = ERR_NO_SPACE;
    if (err != 0) {
        counter_add(&f->fetcher->count.no_space, err == ERR_NO_SPACE);
        fill_end(f);
    }
    return err;
}

static ssize_t skip_some(struct fill *f)
{
    char *scratch = loop_buf_get(f->fetcher->loop);
    size_t room = f->skip < LOOP_BUF_BYTES ? (size_t)f->skip : LOOP_BUF_BYTES;
    ssize_t n = fetch_read(f->fetch, scratch, room);
    loop_buf_put(f->fetcher->loop, scratch);
    if (n > 0) {
        f->skip -= n;
        f->pace.received += n;
    }
    return n;
}

/* The block at hand is whole with the n bytes that are about to be told. */
static void keep_for_others(struct fill *f, size_t n)
{
    const struct block_writer *w = &f->writer;
    struct item_block block = {.object = f->object,
                               .at = w->index * f->block_bytes,
                               .block_bytes = f->block_bytes,
                               .bytes = span_make(w->at - w->filled, w->filled + n),
                               .stamp = fetch_stamp(f->fetch)};
    if (fetch_tier(f->fetch) != TIER_MEMCACHED)
        item_keep(f->fetcher, &block);
}

static ssize_t store_some(struct fill *f)
{
    ssize_t n = fetch_read(f->fetch, f->writer.at, read_bytes(f));
    if (n <= 0)
        return n;
    f->writer.mark = (uint8_t)fetch_tier(f->fetch);
    if ((size_t)n == f->writer.room && f->object != NULL)
        keep_for_others(f, (size_t)n);
    block_write_add(&f->writer, (size_t)n);
    f->pos += n;
    f->pace.received += n;
    f->since_break += n;
    f->is_resting = false;
    if (f->since_break >= WORTH_BYTES)
        f->resumes = 0;
    if (f->writer.room > 0 && f->pos > f->last)
        block_write_end(&f->writer); /* its length was not known when the block was begun */
    if (f->writer.room == 0 || f->pos > f->last)
        f->is_writing = false;
    return n;
}

/* The body is over where the length was not known: this is it. */
static void end_unknown(struct fill *f)
{
    if (f->is_writing && f->writer.filled > 0) {
        block_write_end(&f->writer);
        f->is_writing = false;
    }
    generation_end(f->generation, f->pos);
    f->last = f->pos - 1;
    fill_finish(f);
}

/* Another edge whose bodies break, or make no sense, is asked for this one no more. */
static void doubt_peer(struct fill *f, int err)
{
    bool is_of_peer = f->fetch != NULL && fetch_is_of_peer(f->fetch);
    if (is_of_peer && (err == ERR_PROTOCOL || f->resumes > 0))
        f->source->passed_tiers |= 1U << fetch_tier(f->fetch);
}

/* The rest is looked for at once, then with pauses, as long as the site's patience lasts: an origin
 * that is started again costs its clients nothing but time. */
void fill_broken(struct fill *f, int err)
{
    msec_t now = loop_now(f->fetcher->loop);
    pace_stop(&f->pace);
    doubt_peer(f, err);
    if (f->resumes == 0)
        f->broken_at = now;
    if (!answer_can_continue(&f->validators) ||
        now - f->broken_at > source_site(f->source)->resume_ms) {
        fill_fail(f, err);
        return;
    }
    fetch_end(&f->fetch);
    f->since_break = 0;
    if (f->resumes == 0) {
        f->resumes = 1;
        counter_add(&f->fetcher->count.fill_resumes, 1);
        if (fill_ask_rest(f, 0) == 0)
            return;
    }
    bool may_soon = upstream_may_retry(f->source->upstream);
    timer_set(&f->again, may_soon ? RESUME_MIN_MS << (f->resumes - 1) : RESUME_MAX_MS);
    if (f->resumes < RESUME_DOUBLES)
        f->resumes++;
}

static void rest(struct fill *f)
{
    bool may_yield = !f->claims_all && answer_can_continue(&f->validators);
    pace_rest(&f->pace);
    if (may_yield && !f->is_resting && fetch_has_place(f->fetch)) {
        f->is_resting = true;
        timer_set(&f->again, YIELD_MS);
    }
}

/* Readers who are slow must not keep others from an origin that takes so many and no more. */
static void consider_yielding(struct fill *f)
{
    f->is_resting = false;
    if (!f->is_paused)
        return;
    if (!fetch_place_is_wanted(f->fetch)) {
        flow(f); /* rests on where it still must */
        return;
    }
    fetch_end(&f->fetch);
    pace_stop(&f->pace);
    f->is_yielded = true;
    if (f->source->is_errand) /* its reader may wait for it, and tell nothing */
        timer_set(&f->again, YIELD_MS);
    counter_add(&f->fetcher->count.fill_yields, 1);
}

/* After others had its place: where readers have come up, for another. */
static void go_on(struct fill *f)
{
    if (fill_must_pause(f))
        return;
    f->is_yielded = false;
    if (fill_ask_rest(f, 0) != 0)
        fill_broken(f, ERR_BUSY);
}

static void on_again(struct timer *t)
{
    struct fill *f = CONTAINER_OF(t, struct fill, again);
    if (f->is_gathering) {
        loop_defer(f->fetcher->loop, &f->ask);
        return;
    }
    if (f->fetch != NULL) {
        consider_yielding(f);
        return;
    }
    if (f->is_yielded) {
        go_on(f);
        return;
    }
    (void)fill_must_pause(f); /* who left meanwhile starts the grace */
    counter_add(&f->fetcher->count.fill_resumes, 1);
    if (fill_ask_rest(f, 0) != 0)
        fill_broken(f, ERR_BUSY);
}

/* Not silent, but too slow to be of use. */
static void on_slow(struct pace *p)
{
    struct fill *f = CONTAINER_OF(p, struct fill, pace);
    if (f->is_paused || !answer_can_continue(&f->validators))
        return;
    fetch_blame(f->fetch, ERR_TIMEOUT);
    fill_broken(f, ERR_TIMEOUT);
}

void fill_watch_pace(struct fill *f)
{
    const struct site *site = source_site(f->source);
    pace_start(&f->pace, site->min_rate_bytes_per_s, site->stall_ms);
}

static void ask_on(struct fill *f)
{
    if (fill_ask_rest(f, 0) != 0)
        fill_broken(f, ERR_BUSY);
}

/* One step. False: nothing more now (or f is gone). */
static bool flow_step(struct fill *f)
{
    ssize_t n;
    if (f->skip > 0) {
        f->is_paused = false; /* what nobody needs to keep up with */
        n = skip_some(f);
    } else {
        if (f->pos - f->looked_at >= LOOK_BYTES || f->is_paused)
            f->is_paused = fill_must_pause(f);
        if (f->is_paused) {
            counter_add(&f->fetcher->count.fill_pauses, 1);
            rest(f);
            return false;
        }
        if (make_room(f) != 0)
            return false;
        n = store_some(f);
    }
    if (n > 0)
        return true;
    if (n == 0 && f->last == INT64_MAX && f->skip == 0)
        end_unknown(f);
    else if (n == 0 && fetch_tier(f->fetch) == TIER_MEMCACHED) /* it has a block at a time */
        ask_on(f);
    else if (n != ERR_AGAIN)
        fill_broken(f, n == 0 ? ERR_TRUNCATED : (int)n);
    return false;
}

static void flow(struct fill *f)
{
    int64_t began = f->pos;
    if (f->is_yielded) {
        go_on(f);
        return;
    }
    if (f->fetch == NULL || fetch_head(f->fetch) == NULL)
        return;
    while (flow_step(f)) {
        bool is_done = f->skip == 0 && !f->is_writing && f->pos > f->last;
        if (is_done && !next_run(f)) {
            fill_finish(f);
            return;
        }
        if (f->pos - began >= TURN_BYTES) {
            loop_defer(f->fetcher->loop, &f->turn);
            return;
        }
    }
}

static void on_turn(struct loop_task *t)
{
    flow(CONTAINER_OF(t, struct fill, turn));
}

/* A client wants what an errand asked for: from here it is a client's. False: f may be gone. */
static bool promote(struct fill *f)
{
    f->source->is_errand = false;
    if (f->fetch == NULL || !fetch_is_queued(f->fetch))
        return true;
    ask_on(f); /* not behind everybody any more */
    return false;
}

static void on_moved(struct generation_fill *w)
{
    struct fill *f = CONTAINER_OF(w, struct fill, watch);
    if (f->is_ending) {
        fill_free(f);
        return;
    }
    if (f->source->is_errand && generation_has_client(f->generation) && !promote(f))
        return;
    if (!f->is_paused && !f->has_no_reader && f->pos - f->looked_at < LOOK_BYTES) {
        f->looked_at = f->pos - LOOK_BYTES; /* it flows: let it look at its next step */
        return;
    }
    f->is_paused = true; /* look again, now */
    flow(f);
}

static void on_grace(struct timer *t)
{
    struct fill *f = CONTAINER_OF(t, struct fill, grace);
    counter_add(&f->fetcher->count.fill_graces, 1);
    fill_end(f);
}

/* An answer that does not go with what is there. That the bytes changed only an origin can say. */
static void on_useless(struct fill *f, int err)
{
    bool is_of_peer = fetch_is_of_peer(f->fetch);
    if (err == ERR_CHANGED && !is_of_peer) {
        fill_fail(f, err);
        return;
    }
    if (is_of_peer)
        f->source->passed_tiers |= 1U << fetch_tier(f->fetch);
    fetch_blame(f->fetch, err);
    if (fill_ask_rest(f, fetch_tried(f->fetch)) != 0)
        fill_broken(f, err);
}

/* The answer to a question of ours: for bytes from pos on, of the generation at hand. */
static void on_head(void *ctx, struct fetch *fetch, const struct response_head *head)
{
    struct fill *f = ctx;
    struct answer_body answer;
    struct answer_expected expected = {.validators = &f->validators,
                                       .version_by = source_site(f->source)->version_by,
                                       .size = generation_length(f->generation),
                                       .first = f->pos,
                                       .last = f->last == INT64_MAX ? -1 : f->last};
    int err = answer_judge(head, &expected, fetch_answered_wall(fetch) / MSEC_PER_SEC, &answer);
    if (fetch_tier(fetch) == TIER_MEMCACHED &&
        store_was_purged(f->fetcher->store, f->object, fetch_moment(fetch)))
        err = ERR_CHANGED;
    if (err != 0) {
        on_useless(f, err);
        return;
    }
    bool is_whole = head->status == 200 && f->last != INT64_MAX;
    if (head->status == 206 || (is_whole && (f->pos > 0 || f->last < answer.size - 1)))
        fetch_note_ranges(fetch, is_whole);
    if (is_whole)
        take_whole(f);
    else
        block_runs_release(&f->runs, f->generation, INT64_MAX);
    if (f->last == INT64_MAX && answer.size >= 0) {
        f->last = answer.size - 1;
        generation_end(f->generation, answer.size);
    }
    f->skip = f->pos - answer.at;
    f->is_paused = true;
    fill_watch_pace(f);
    flow(f);
}

static void on_readable(void *ctx, struct fetch *fetch)
{
    struct fill *f = ctx;
    (void)fetch;
    if (!f->is_paused)
        flow(f);
}

static void on_failed(void *ctx, struct fetch *fetch, int err)
{
    (void)fetch;
    fill_broken(ctx, err);
}

const struct fetch_events fill_events = {NULL, on_head, on_readable, on_failed};

int fill_ask_rest(struct fill *f, uint32_t tried)
{
    struct fetch_ask ask = fetch_ask_plain;
    struct hash128 key;
    msec_t now = loop_now(f->fetcher->loop);
    if (!source_has_peer(f->source) &&
        upstream_choose(f->source->upstream, tried, f->source->key, now) == NULL)
        return ERR_UNSUPPORTED;
    fetch_end(&f->fetch);
    ask.first = f->pos;
    ask.last = f->last;
    ask.if_range = &f->validators;
    ask.tried = tried;
    if (f->object != NULL) {
        key = object_key(f->object).hash;
        ask.object_key = &key;
    }
    f->fetch = fetch_start(f->fetcher, f->source, &ask, &fill_events, f);
    return 0;
}

static void keep_validators(struct fill *f, const struct validators *v)
{
    f->validators = source_version(f->source, v);
    if (f->validators.etag.p != NULL)
        f->validators.etag = span_make(mem_strndup(v->etag.p, v->etag.n), v->etag.n);
}

struct fill *fill_new(struct fetcher *fr, const struct fill_spec *spec)
{
    struct fill *f = mem_zalloc(sizeof(*f));
    f->magic = FILL_MAGIC;
    f->fetcher = fr;
    source_ref(spec->source);
    f->source = spec->source;
    generation_ref(spec->generation);
    f->generation = spec->generation;
    f->object = spec->object;
    if (f->object != NULL)
        object_ref(f->object);
    f->block_bytes = generation_block_bytes(spec->generation);
    keep_validators(f, &spec->validators);
    timer_init(&f->grace, fr->loop, on_grace);
    timer_init(&f->again, fr->loop, on_again);
    pace_init(&f->pace, fr->loop, on_slow);
    loop_task_init(&f->turn, on_turn);
    loop_task_init(&f->ask, fill_on_gathered);
    f->want_last = -1;
    f->watch.home = loop_mailbox(fr->loop);
    f->watch.moved = on_moved;
    generation_fill_attach(f->generation, &f->watch);
    list_push_back(&fr->fills, &f->link);
    counter_add(&fr->count.fills, 1);
    return f;
}

void fill_stop(struct fetcher *fr)
{
    while (!list_is_empty(&fr->fills))
        fill_end(LIST_THING(fr->fills.next, struct fill, link));
}
