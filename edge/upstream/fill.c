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
#include "edge/upstream/fill.h"

#include "edge/upstream/answer.h"
#include "edge/upstream/block_runs.h"
#include "edge/upstream/pace.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define TURN_BYTES     (512 * 1024) /* read in one turn of the loop, so that others get theirs */
#define LOOK_BYTES     (128 * 1024) /* between looks at where the readers are */
#define RESUME_MIN_MS  50           /* between two looks for the rest, doubling .. */
#define RESUME_MAX_MS  1000
#define RESUME_DOUBLES 5
#define AHEAD_BLOCKS   2

struct fill {
    uint32_t magic;
    bool is_paused, is_writing, claims_all, is_ending, has_no_reader;
    uint8_t resumes;  /* in a row without a byte */
    struct list link; /* fetcher->fills */
    struct fetcher *fetcher;
    struct source *source;
    struct generation *generation;
    struct fetch *fetch;
    struct validators validators; /* etag: our copy */
    int64_t block_bytes;
    int64_t pos, last;   /* next byte to store; the last one (INT64_MAX: unknown) */
    int64_t skip;        /* bytes of the body at hand that come before pos */
    int64_t claimed_end; /* the block after the last claimed one; blocks from pos's on are ours */
    int64_t begun_at;    /* pos at the beginning */
    int64_t looked_at;   /* pos when readers were last looked for */
    int64_t alone_at;    /* pos when the last reader was gone */
    struct block_runs runs; /* to be filled from the same body */
    msec_t broken_at;
    struct block_writer writer;
    struct generation_fill watch;
    struct timer grace, again;
    struct pace pace;
    struct loop_task turn;
};
#define FILL_MAGIC 0xf1110c17U

static void flow(struct fill *f);
static int ask_rest(struct fill *f, uint32_t tried);
static void on_broken(struct fill *f, int err);

static int64_t block_of(const struct fill *f, int64_t pos)
{
    return pos / f->block_bytes;
}

static void fill_free(struct fill *f)
{
    source_unref(&f->source);
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
    struct block_run ours = {block_of(f, f->pos), f->claimed_end};
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

/* The only way out. What is finished stays; what is begun or claimed goes back, and nothing else: a
 * block that was finished may be another's by now. */
static void fill_end(struct fill *f)
{
    int64_t first = block_of(f, f->pos + f->block_bytes - 1);
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
static void fill_finish(struct fill *f)
{
    char end;
    if (f->fetch != NULL && f->skip == 0)
        (void)fetch_read(f->fetch, &end, 1);
    fill_end(f);
}

/* How far to run ahead: as far as readers have come since it began, so that it doubles while they
 * go on, up to the site's bound. */
static int64_t ahead_of(const struct fill *f)
{
    int64_t most = source_site(f->source)->read_ahead_bytes;
    int64_t ahead = f->pos - f->begun_at;
    if (ahead < AHEAD_BLOCKS * f->block_bytes)
        ahead = AHEAD_BLOCKS * f->block_bytes;
    return ahead < most ? ahead : most;
}

static int64_t window_blocks(const struct fill *f)
{
    int64_t ahead = ahead_of(f) / f->block_bytes;
    return ahead > 0 ? ahead + 1 : 2;
}

/* Claims up to the window's end, or shortens the run where somebody else's block begins. */
static void claim_ahead(struct fill *f)
{
    int64_t end = f->last == INT64_MAX ? INT64_MAX : block_of(f, f->last) + 1;
    int64_t want = block_of(f, f->pos) + window_blocks(f);
    int64_t first;
    if (f->claims_all || want > end)
        want = end;
    if (want <= f->claimed_end)
        return;
    int64_t ask = want == INT64_MAX ? INT64_MAX : want - f->claimed_end;
    int64_t count = generation_claim(f->generation, f->claimed_end, ask, &first);
    if (count > 0 && first == f->claimed_end) {
        f->claimed_end = want == INT64_MAX ? want : f->claimed_end + count;
        return;
    }
    if (count > 0)
        generation_release(f->generation, first, count);
    f->last = f->claimed_end * f->block_bytes - 1;
}

/* Whether to wait: far enough ahead of every reader, or of where the last one left. */
static bool must_pause(struct fill *f)
{
    int64_t ahead = ahead_of(f), furthest = 0;
    int64_t to = f->claims_all ? INT64_MAX : f->claimed_end * f->block_bytes;
    f->looked_at = f->pos;
    if (generation_readers(f->generation, f->pos, to, &furthest) > 0) {
        if (f->has_no_reader)
            timer_stop(&f->grace);
        f->has_no_reader = false;
        return f->pos >= furthest + ahead;
    }
    if (!f->has_no_reader) {
        f->has_no_reader = true;
        f->alone_at = f->pos;
        timer_set(&f->grace, source_site(f->source)->grace_ms);
    }
    return f->pos >= f->alone_at + ahead;
}

/* 0: the next byte has a place; else the fill is over (and has ended). */
static int make_room(struct fill *f)
{
    if (f->is_writing)
        return 0;
    claim_ahead(f);
    if (f->pos > f->last) {
        fill_finish(f);
        return ERR_CANCELLED;
    }
    int err = block_write_begin(&f->writer, f->generation, block_of(f, f->pos));
    if (err != 0) {
        counter_add(&f->fetcher->count.no_space, err == ERR_NO_SPACE);
        fill_end(f);
        return err;
    }
    f->is_writing = true;
    return 0;
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

static ssize_t store_some(struct fill *f)
{
    size_t room = f->writer.room;
    if (f->last - f->pos < (int64_t)room)
        room = (size_t)(f->last - f->pos + 1);
    ssize_t n = fetch_read(f->fetch, f->writer.at, room);
    if (n <= 0)
        return n;
    block_write_add(&f->writer, (size_t)n);
    f->pos += n;
    f->pace.received += n;
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

/* The rest is looked for at once, then with pauses, as long as the site's patience lasts: an origin
 * that is started again costs its clients nothing but time. */
static void on_broken(struct fill *f, int err)
{
    msec_t now = loop_now(f->fetcher->loop);
    pace_stop(&f->pace);
    if (f->resumes == 0)
        f->broken_at = now;
    if (!answer_can_continue(&f->validators) ||
        now - f->broken_at > source_site(f->source)->resume_ms) {
        fill_fail(f, err);
        return;
    }
    fetch_end(&f->fetch);
    if (f->resumes == 0) {
        f->resumes = 1;
        counter_add(&f->fetcher->count.fill_resumes, 1);
        if (ask_rest(f, 0) == 0)
            return;
    }
    bool may_soon = upstream_may_retry(f->source->upstream);
    timer_set(&f->again, may_soon ? RESUME_MIN_MS << (f->resumes - 1) : RESUME_MAX_MS);
    if (f->resumes < RESUME_DOUBLES)
        f->resumes++;
}

static void on_again(struct timer *t)
{
    struct fill *f = CONTAINER_OF(t, struct fill, again);
    (void)must_pause(f); /* who left meanwhile starts the grace */
    counter_add(&f->fetcher->count.fill_resumes, 1);
    if (ask_rest(f, 0) != 0)
        on_broken(f, ERR_BUSY);
}

/* Not silent, but too slow to be of use. */
static void on_slow(struct pace *p)
{
    struct fill *f = CONTAINER_OF(p, struct fill, pace);
    if (f->is_paused || !answer_can_continue(&f->validators))
        return;
    fetch_blame(f->fetch, ERR_TIMEOUT);
    on_broken(f, ERR_TIMEOUT);
}

static void watch_pace(struct fill *f)
{
    const struct site *site = source_site(f->source);
    pace_start(&f->pace, site->min_rate_bytes_per_s, site->stall_ms);
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
            f->is_paused = must_pause(f);
        if (f->is_paused) {
            pace_rest(&f->pace);
            counter_add(&f->fetcher->count.fill_pauses, 1);
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
    else if (n != ERR_AGAIN)
        on_broken(f, n == 0 ? ERR_TRUNCATED : (int)n);
    return false;
}

static void flow(struct fill *f)
{
    int64_t began = f->pos;
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

static void on_moved(struct generation_fill *w)
{
    struct fill *f = CONTAINER_OF(w, struct fill, watch);
    if (f->is_ending) {
        fill_free(f);
        return;
    }
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

/* The answer to a question of ours: for bytes from pos on, of the generation at hand. */
static void on_head(void *ctx, struct fetch *fetch, const struct response_head *head)
{
    struct fill *f = ctx;
    struct answer_body answer;
    struct answer_expected expected = {.validators = &f->validators,
                                       .size = generation_length(f->generation),
                                       .first = f->pos,
                                       .last = f->last == INT64_MAX ? -1 : f->last};
    int err = answer_judge(head, &expected, fetch_answered_wall(fetch) / MSEC_PER_SEC, &answer);
    if (err == ERR_CHANGED) {
        fill_fail(f, err);
        return;
    }
    if (err != 0) {
        fetch_blame(fetch, err);
        if (ask_rest(f, fetch_tried(fetch)) != 0)
            on_broken(f, err);
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
    watch_pace(f);
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
    on_broken(ctx, err);
}

static const struct fetch_events events = {NULL, on_head, on_readable, on_failed};

/* Asks for what is still to come, of origins that are not in `tried`. */
static int ask_rest(struct fill *f, uint32_t tried)
{
    struct fetch_ask ask = fetch_ask_plain;
    if (upstream_choose(f->source->upstream, tried, loop_now(f->fetcher->loop)) == NULL)
        return ERR_UNSUPPORTED;
    fetch_end(&f->fetch);
    ask.first = f->pos;
    ask.last = f->last;
    ask.if_range = &f->validators;
    ask.tried = tried;
    f->fetch = fetch_start(f->fetcher, f->source, &ask, &events, f);
    return 0;
}

/* Whether who is asked next is known to answer with the whole. */
static bool expects_whole(const struct fill *f)
{
    msec_t now = loop_now(f->fetcher->loop);
    const struct upstream_origin *o = upstream_choose(f->source->upstream, 0, now);
    return o != NULL && upstream_ignores_ranges(o, now);
}

static void keep_validators(struct fill *f, const struct validators *v)
{
    f->validators = *v;
    if (v->etag.p != NULL)
        f->validators.etag = span_make(mem_strndup(v->etag.p, v->etag.n), v->etag.n);
}

static struct fill *fill_new(struct fetcher *fr, const struct fill_spec *spec)
{
    struct fill *f = mem_zalloc(sizeof(*f));
    f->magic = FILL_MAGIC;
    f->fetcher = fr;
    source_ref(spec->source);
    f->source = spec->source;
    generation_ref(spec->generation);
    f->generation = spec->generation;
    f->block_bytes = generation_block_bytes(spec->generation);
    keep_validators(f, &spec->validators);
    timer_init(&f->grace, fr->loop, on_grace);
    timer_init(&f->again, fr->loop, on_again);
    pace_init(&f->pace, fr->loop, on_slow);
    loop_task_init(&f->turn, on_turn);
    f->watch.home = loop_mailbox(fr->loop);
    f->watch.moved = on_moved;
    generation_fill_attach(f->generation, &f->watch);
    list_push_back(&fr->fills, &f->link);
    counter_add(&fr->count.fills, 1);
    return f;
}

int fill_adopt(struct fetcher *fr, const struct fill_spec *spec, struct fetch **fetch)
{
    struct fill *f = fill_new(fr, spec);
    int64_t first = (spec->at + f->block_bytes - 1) / f->block_bytes;
    f->pos = f->looked_at = f->begun_at = first * f->block_bytes;
    f->skip = f->pos - spec->at;
    f->last = spec->last;
    f->claimed_end = first;
    f->claims_all =
        spec->last == INT64_MAX || spec->is_only_chance || !answer_can_continue(&f->validators);
    if (f->pos <= f->last) {
        claim_ahead(f);
        if (block_write_begin(&f->writer, f->generation, first) != 0) {
            counter_add(&fr->count.no_space, 1);
            fill_end(f);
            return ERR_NO_SPACE;
        }
        f->is_writing = true;
    }
    f->fetch = *fetch;
    *fetch = NULL;
    fetch_hand_over(f->fetch, &events, f);
    if (f->pos > f->last) {
        fill_finish(f);
    } else {
        loop_defer(fr->loop, &f->turn);
        watch_pace(f);
    }
    return 0;
}

/* Claims the run that a reader at spec->at needs. Count of blocks, 0: somebody else's already. */
static int64_t claim_run(const struct fill_spec *spec, int64_t *first)
{
    struct generation *g = spec->generation;
    int64_t block_bytes = generation_block_bytes(g);
    int64_t wanted = spec->at / block_bytes;
    int64_t blocks = spec->last / block_bytes - wanted + 1;
    int64_t count = generation_claim(g, wanted, blocks, first);
    if (count > 0 && *first != wanted) {
        generation_release(g, *first, count);
        return 0;
    }
    return count;
}

int fill_start(struct fetcher *fr, const struct fill_spec *spec)
{
    int64_t first, size = generation_length(spec->generation);
    if (generation_is_abandoned(spec->generation))
        return ERR_CHANGED;
    if (!answer_can_continue(&spec->validators)) {
        generation_abandon(spec->generation);
        return ERR_CHANGED;
    }
    int64_t count = claim_run(spec, &first);
    if (count == 0)
        return generation_is_abandoned(spec->generation) ? ERR_CHANGED : 0;
    struct fill *f = fill_new(fr, spec);
    f->pos = f->looked_at = f->begun_at = first * f->block_bytes;
    f->claimed_end = first + count;
    bool is_to_end = f->claimed_end > INT64_MAX / f->block_bytes; /* of a length not known yet */
    f->last = is_to_end ? INT64_MAX : f->claimed_end * f->block_bytes - 1;
    if (size != LENGTH_UNKNOWN && f->last > size - 1)
        f->last = size - 1;
    if (block_write_begin(&f->writer, f->generation, first) != 0) {
        counter_add(&fr->count.no_space, 1);
        fill_end(f);
        return ERR_NO_SPACE;
    }
    f->is_writing = true;
    int64_t window = first + window_blocks(f);
    if (window < f->claimed_end) {
        generation_release(f->generation, window, f->claimed_end - window);
        f->claimed_end = window;
    }
    if (size != LENGTH_UNKNOWN && expects_whole(f))
        block_runs_claim(&f->runs, f->generation);
    if (ask_rest(f, 0) != 0)
        on_broken(f, ERR_BUSY);
    return 0;
}

void fill_stop(struct fetcher *fr)
{
    while (!list_is_empty(&fr->fills))
        fill_end(LIST_THING(fr->fills.next, struct fill, link));
}
