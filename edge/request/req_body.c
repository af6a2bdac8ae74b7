/* SPDX-License-Identifier: MIT
 *
 * The bytes of an object on their way to one client. Follows the generation: what is there is sent
 * from where it lies, what is coming is waited for, what nobody brings is asked for. Where the
 * store has no room, or took away a block that was being read, the rest comes past the store, so
 * that a slow client neither holds memory nor makes upstream send a block twice.
 *
 * A view pins a segment only between peek and advance. The body outlives its client where a mail is
 * on its way to it, hence its own references. Runs on its worker's thread. */
#include "edge/request/req.h"

#include "edge/store/generation.h"
#include "edge/upstream/fetch_body.h"
#include "edge/upstream/fill.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#define TRIES_MAX  3            /* fills in a row that bring nothing */
#define MOVE_BYTES (256 * 1024) /* between telling the fills where this reader is */
#define SPARE_MAX  256          /* bodies that a worker keeps for the next requests */

struct object_body {
    struct body body; /* first */
    struct req *r;    /* NULL: closed */
    struct req_worker *worker;
    struct object_body *next_spare;
    struct object *object;
    struct generation *generation;
    int64_t pos, last; /* last INT64_MAX: not known yet */
    int64_t told_pos;
    int64_t begun_block;              /* the block that a byte was read of; -1: none yet */
    int64_t brought_from, brought_to; /* blocks that were not here when it turned to upstream */
    int64_t disk_block;               /* the block that came from a disk for this reader; -1 */
    msec_t dry_since; /* when it first turned to upstream without a byte; 0: it flows */
    uint8_t tries;
    bool is_own_wish; /* nobody was bringing them when it did */
    bool has_view, is_waiting, is_attached;
    struct block_view view;
    struct block_waiter waiter;
    struct timer patience; /* while it waits for upstream */
    msec_t waits_since;
    int64_t waits_at;
    bool has_patience_set;
    bool is_late; /* it has waited for long at one byte: the rest comes past the store */
    struct generation_reader reader;
    struct body *rest; /* from pos on, past the store */
};

static int64_t block_at(const struct object_body *b)
{
    return b->pos / generation_block_bytes(b->generation);
}

static void attach(struct object_body *b)
{
    if (b->is_attached)
        return;
    b->is_attached = true;
    b->reader.pos = b->told_pos = b->pos;
    b->reader.last = b->last;
    b->reader.is_background = b->r->is_errand;
    generation_reader_attach(b->generation, &b->reader);
}

static void detach(struct object_body *b)
{
    if (b->is_attached)
        generation_reader_detach(b->generation, &b->reader);
    b->is_attached = false;
}

static void tell(struct object_body *b)
{
    if (!b->is_attached || b->told_pos == b->pos)
        return;
    b->told_pos = b->pos;
    generation_reader_move(b->generation, &b->reader, b->pos);
}

static void view_give_back(struct object_body *b)
{
    if (b->has_view)
        block_view_release(&b->view);
    b->has_view = false;
}

static struct object_body *body_take(struct req_worker *w)
{
    struct object_body *b = w->spare_bodies;
    if (b == NULL)
        return mem_alloc(sizeof(*b));
    w->spare_bodies = b->next_spare;
    w->spare_body_count--;
    return b;
}

static void free_spare_bodies(struct req_worker *w)
{
    while (w->spare_bodies != NULL) {
        struct object_body *b = w->spare_bodies;
        w->spare_bodies = b->next_spare;
        mem_free(b);
    }
    w->spare_body_count = 0;
}

static void body_free(struct object_body *b)
{
    struct req_worker *w = b->worker;
    generation_unref(&b->generation);
    object_unref(&b->object);
    if (w->spare_body_count == SPARE_MAX) {
        mem_free(b);
        return;
    }
    b->next_spare = w->spare_bodies;
    w->spare_bodies = b;
    w->spare_body_count++;
    w->free_spare_bodies = free_spare_bodies;
}

static void rest_ready(void *ctx)
{
    struct object_body *b = ctx;
    body_ready(&b->body);
}

static bool is_brought(const struct object_body *b)
{
    int64_t block = block_at(b);
    return block >= b->brought_from && block < b->brought_to;
}

/* It comes upon the block at pos, which others wanted before it. */
static bool is_use(const struct object_body *b)
{
    return b->begun_block != block_at(b) && !(b->is_own_wish && is_brought(b));
}

/* This reader turns to upstream for the block at pos. What is absent now, up to the next block that
 * is here or coming already, comes by the fill that it waits for (edge/observe/README.md). */
static void turn_to_upstream(struct object_body *b, bool is_own_wish)
{
    int64_t block = block_at(b);
    if (is_brought(b))
        return;
    b->is_own_wish = is_own_wish;
    b->brought_from = block;
    b->brought_to = generation_next_held(b->generation, block + 1);
}

/* From here on past the store. */
static int go_direct(struct object_body *b)
{
    struct req *r = b->r;
    int64_t size = generation_length(b->generation);
    struct source *source = req_source(r, false);
    if (size < 0 || source == NULL || r->is_errand) /* which brings it for the store alone */
        return ERR_NO_SPACE;
    detach(b);
    r->has_waited = true;
    struct fetch_rest rest = {.source = source,
                              .validators = object_validators(b->object),
                              .first = b->pos,
                              .last = b->last,
                              .size = size};
    b->rest = fetch_body_rest(r->worker->fetcher, &rest);
    b->rest->on_ready = rest_ready;
    b->rest->ctx = b;
    counter_add(&r->worker->count.direct, 1);
    return 0;
}

/* A fill looks for the rest as long as the site wants; one that gave up is not begun again. */
static bool has_patience(struct object_body *b)
{
    msec_t now = loop_now(b->r->worker->loop);
    if (b->dry_since == 0)
        b->dry_since = now;
    return now - b->dry_since <= b->r->site->resume_ms;
}

/* Nobody brings the block at pos. 0: look again. */
static int bring(struct object_body *b)
{
    struct source *source = req_source(b->r, false);
    if (source == NULL || ++b->tries > TRIES_MAX || !has_patience(b))
        return ERR_TRUNCATED;
    turn_to_upstream(b, true);
    if (b->begun_block == block_at(b))
        return go_direct(b); /* it was here a moment ago: room is short */
    attach(b);
    tell(b);
    struct fill_spec spec = {.generation = b->generation,
                             .source = source,
                             .validators = object_validators(b->object),
                             .object = b->object,
                             .at = b->pos,
                             .last = b->last,
                             .is_of_crowd = b->r->cache.is_collapsed && b->tries == 1};
    int err = fill_start(b->r->worker->fetcher, &spec);
    return err == ERR_NO_SPACE ? go_direct(b) : err;
}

/* Longer than a fill may take to find out by itself that nothing comes. */
static msec_t patience_of(const struct object_body *b)
{
    const struct site *site = b->r->site;
    return site->connect_ms + site->first_byte_ms + site->resume_ms;
}

/* Whoever brings the block at hand, for whomever: this client does not depend on it any longer. */
static void on_patience(struct timer *t)
{
    struct object_body *b = CONTAINER_OF(t, struct object_body, patience);
    msec_t left = b->waits_since + patience_of(b) - loop_now(b->worker->loop);
    b->has_patience_set = b->is_waiting && left > 0;
    if (b->has_patience_set)
        timer_set(t, left);
    if (!b->is_waiting || left > 0)
        return;
    if (!generation_wait_cancel(b->generation, &b->waiter))
        return; /* woken just now */
    b->is_waiting = false;
    b->is_late = true;
    body_ready(&b->body);
}

/* One timer for all that a body waits: set again only where it ends too early. */
static void watch_patience(struct object_body *b)
{
    msec_t now = loop_now(b->worker->loop);
    if (b->waits_at != b->pos)
        b->waits_since = now;
    b->waits_at = b->pos;
    if (b->patience.run == NULL)
        timer_init(&b->patience, b->worker->loop, on_patience);
    if (!b->has_patience_set)
        timer_set(&b->patience, patience_of(b));
    b->has_patience_set = true;
}

static void on_woken(struct block_waiter *w)
{
    struct object_body *b = CONTAINER_OF(w, struct object_body, waiter);
    b->is_waiting = false;
    if (b->r == NULL)
        body_free(b);
    else
        body_ready(&b->body);
}

/* ERR_AGAIN: will be woken; 0: look again. */
static int wait_here(struct object_body *b)
{
    attach(b);
    tell(b);
    if (!b->view.is_from_disk) {
        turn_to_upstream(b, false);
        b->r->has_waited = true;
    }
    b->waiter.home = loop_mailbox(b->r->worker->loop);
    b->waiter.pos = b->pos;
    b->waiter.woken = on_woken;
    if (generation_wait(b->generation, &b->waiter) != 0)
        return 0;
    b->is_waiting = true;
    if (!b->view.is_from_disk && generation_length(b->generation) != LENGTH_UNKNOWN)
        watch_patience(b);
    return ERR_AGAIN;
}

static void give_piece(struct object_body *b, struct body_piece *out)
{
    int64_t left = b->last == INT64_MAX ? INT64_MAX : b->last - b->pos + 1;
    size_t len = left < (int64_t)b->view.len ? (size_t)left : b->view.len;
    *out =
        (struct body_piece){.mem = b->view.mem, .fd = b->view.fd, .from = b->view.from, .len = len};
}

/* 1: there is a view; 0: the end; ERR_EXISTS: the rest is direct; else as peek. */
static int look(struct object_body *b)
{
    for (;;) {
        int n = is_use(b) ? generation_use(b->generation, b->pos, &b->view)
                          : generation_view(b->generation, b->pos, &b->view);
        if (n == ERR_NOT_FOUND)
            n = bring(b);
        else if (n == ERR_AGAIN)
            n = b->is_late ? go_direct(b) : wait_here(b);
        else if (n == ERR_BUSY || n == ERR_NO_SPACE)
            n = go_direct(b);
        else if (n == 0)
            return b->last == INT64_MAX ? 0 : ERR_TRUNCATED;
        if (n == 1) {
            b->has_view = true;
            b->tries = 0;
            b->dry_since = 0;
            b->begun_block = block_at(b);
            if (b->view.is_from_disk)
                b->disk_block = b->begun_block;
        }
        if (n != 0)
            return n;
        if (b->rest != NULL)
            return ERR_EXISTS;
    }
}

static int peek(struct body *body, struct body_piece *out)
{
    struct object_body *b = (struct object_body *)body;
    if (b->is_waiting)
        return ERR_AGAIN;
    if (b->pos > b->last)
        return 0;
    if (b->rest == NULL && !b->has_view) {
        int n = look(b);
        if (n != 1 && n != ERR_EXISTS)
            return n;
    }
    if (b->rest != NULL)
        return body_peek(b->rest, out);
    give_piece(b, out);
    if (b->last != INT64_MAX && (int64_t)out->len < b->last - b->pos + 1)
        attach(b); /* more than lies here: fills should know where this reader is */
    return 1;
}

/* The block that a disk gave for this reader is read to its end. */
static void spend(struct object_body *b)
{
    int64_t block = b->disk_block, each = generation_block_bytes(b->generation);
    if (b->pos < (block + 1) * each && b->pos != generation_length(b->generation))
        return;
    b->disk_block = -1;
    generation_spend(b->generation, b->is_attached ? &b->reader : NULL, block);
}

static void advance(struct body *body, size_t n)
{
    struct object_body *b = (struct object_body *)body;
    enum ledger_source source = LEDGER_MEMORY;
    if (b->rest != NULL)
        source = req_source_of_tier(fetch_body_tier(b->rest));
    else if (is_brought(b))
        source = req_source_of_tier((enum tier)b->view.mark);
    else if (b->disk_block == block_at(b))
        source = LEDGER_DISK;
    b->r->by_source[source] += n;
    b->pos += (int64_t)n;
    if (b->rest != NULL) {
        body_advance(b->rest, n);
        return;
    }
    view_give_back(b);
    if (b->disk_block >= 0)
        spend(b);
    if (b->pos - b->told_pos >= MOVE_BYTES)
        tell(b);
}

static void close_body(struct body *body)
{
    struct object_body *b = (struct object_body *)body;
    view_give_back(b);
    detach(b);
    body_close(&b->rest);
    timer_finish(&b->patience);
    b->r = NULL;
    if (b->is_waiting && !generation_wait_cancel(b->generation, &b->waiter))
        return; /* the mail on its way frees it */
    body_free(b);
}

static const struct body_ops ops = {"object", peek, advance, close_body};

struct body *req_body(struct req *r, int64_t first, int64_t last)
{
    struct object_body *b = body_take(r->worker);
    *b = (struct object_body){.body.ops = &ops,
                              .r = r,
                              .worker = r->worker,
                              .object = r->object,
                              .generation = r->object->generation,
                              .pos = first,
                              .last = last,
                              .begun_block = -1,
                              .waits_at = -1,
                              .disk_block = -1,
                              .brought_to = r->is_new ? INT64_MAX : 0,
                              .is_own_wish = r->is_new && !r->cache.is_collapsed};
    object_ref(b->object);
    generation_ref(b->generation);
    if (!r->cache.is_hit)
        attach(b); /* a fill is on its way: it should not think that nobody reads */
    return &b->body;
}
