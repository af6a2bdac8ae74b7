/* SPDX-License-Identifier: MIT
 *
 * A fill: from the socket of an origin straight into blocks of the store. How far it may run is
 * told by the readers of the generation, wherever they are; when it breaks it asks for the rest
 * from the exact byte on, where the validator proves that the rest is of the same bytes.
 *
 *    run of blocks:   |==present==|==filling>..|..claimed..|   absent   |  next one not absent
 *                                  ^pos         ^claimed_end            ^ last
 *
 * `last` shrinks when a block that is claimed or present already is met: another brings it. Where
 * no second request can fetch bytes of this generation (no strong validator, an origin that
 * ignores ranges, no length), everything is claimed at once: all readers wait for this fill. */
#include "edge/upstream/fill.h"

#include "edge/upstream/answer.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define TURN_BYTES  (512 * 1024) /* read in one turn of the loop, so that others get theirs */
#define LOOK_BYTES  (128 * 1024) /* between looks at where the readers are */
#define RESUMES_MAX 4            /* in a row without a byte */
#define ETAG_ROOM   1024

struct fill {
    uint32_t magic;
    bool is_paused, is_writing, claims_all, is_ending, has_no_reader;
    uint8_t resumes;
    struct list link; /* fetcher->fills */
    struct fetcher *fetcher;
    struct source *source;
    struct generation *generation;
    struct fetch *fetch;
    struct validators validators; /* etag: in etag */
    int64_t block_bytes;
    int64_t pos, last;   /* next byte to store; the last one (INT64_MAX: unknown) */
    int64_t skip;        /* bytes of the body at hand that come before pos */
    int64_t claimed_end; /* the block after the last claimed one; blocks from pos's on are ours */
    int64_t looked_at;   /* pos when readers were last looked for */
    int64_t alone_at;    /* pos when the last reader was gone */
    struct block_writer writer;
    struct generation_fill watch;
    struct timer grace;
    struct loop_task turn;
    char etag[ETAG_ROOM];
};
#define FILL_MAGIC 0xf1110c17U

static void flow(struct fill *f);
static int ask_rest(struct fill *f, uint32_t tried);

static int64_t block_of(const struct fill *f, int64_t pos)
{
    return pos / f->block_bytes;
}

static void fill_free(struct fill *f)
{
    source_unref(&f->source);
    generation_unref(&f->generation);
    f->magic = 0;
    mem_free(f);
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
    fetch_end(&f->fetch);
    timer_finish(&f->grace);
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

static int64_t window_blocks(const struct fill *f)
{
    int64_t ahead = source_site(f->source)->read_ahead_bytes / f->block_bytes;
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
    const struct site *site = source_site(f->source);
    int64_t ahead = site->read_ahead_bytes, furthest = 0;
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
        timer_set(&f->grace, site->grace_ms);
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
    if (n > 0)
        f->skip -= n;
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

static void on_broken(struct fill *f, int err)
{
    if (!answer_can_continue(&f->validators) || ++f->resumes > RESUMES_MAX) {
        fill_fail(f, err);
        return;
    }
    counter_add(&f->fetcher->count.fill_resumes, 1);
    err = ask_rest(f, 0);
    if (err != 0)
        fill_fail(f, err);
}

/* One step. False: nothing more now (or f is gone). */
static bool flow_step(struct fill *f)
{
    ssize_t n;
    if (f->skip > 0) {
        n = skip_some(f);
    } else {
        if (f->pos - f->looked_at >= LOOK_BYTES || f->is_paused)
            f->is_paused = must_pause(f);
        if (f->is_paused) {
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
        if (f->skip == 0 && !f->is_writing && f->pos > f->last) {
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
        err = ask_rest(f, fetch_tried(fetch));
        if (err != 0)
            fill_fail(f, err);
        return;
    }
    if (f->last == INT64_MAX && answer.size >= 0) {
        f->last = answer.size - 1;
        generation_end(f->generation, answer.size);
    }
    f->skip = f->pos - answer.at;
    f->is_paused = true;
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
    fill_fail(ctx, err);
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

static void keep_validators(struct fill *f, const struct validators *v)
{
    f->validators = *v;
    if (v->etag.p == NULL)
        return;
    if (v->etag.n > sizeof(f->etag)) { /* nobody's; then this generation cannot be continued */
        f->validators.etag = SPAN_NONE;
        f->validators.last_modified = -1;
        return;
    }
    memcpy(f->etag, v->etag.p, v->etag.n);
    f->validators.etag = span_make(f->etag, v->etag.n);
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
    f->pos = f->looked_at = first * f->block_bytes;
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
    if (f->pos > f->last)
        fill_finish(f);
    else
        loop_defer(fr->loop, &f->turn);
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
    f->pos = f->looked_at = first * f->block_bytes;
    f->claimed_end = first + count;
    f->last = f->claimed_end * f->block_bytes - 1;
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
    int err = ask_rest(f, 0);
    if (err != 0)
        fill_fail(f, err);
    return err;
}

void fill_stop(struct fetcher *fr)
{
    while (!list_is_empty(&fr->fills))
        fill_end(LIST_THING(fr->fills.next, struct fill, link));
}
