/* SPDX-License-Identifier: MIT
 *
 * Coding for the client that came first. What it makes lies in chunks: all of them while a copy is
 * to be kept, else those that the client has not read yet. It codes in short turns of the loop, so
 * that other connections of the worker get theirs.
 *
 *   first ─> chunk ─> chunk ─> chunk ─> last
 *                      ^ now, at: what the client reads        ^ filled */
#include "edge/encode/encode_body.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/codec/zstd_stream.h"

#define CHUNK_BYTES ((size_t)32 * 1024)
#define PIECE_BYTES ((size_t)32 * 1024)  /* given to zstd at once */
#define TURN_BYTES  ((size_t)128 * 1024) /* coded in one turn of the loop */
#define WINDOW_NS   ((nsec_t)NSEC_PER_SEC)

struct chunk {
    struct chunk *next;
    size_t filled;
    uint8_t bytes[CHUNK_BYTES];
};

struct encode_body {
    struct body body; /* first */
    struct body *from;
    struct encode_spec spec;
    struct zstd_stream *zstd;
    struct chunk *first, *last, *now;
    size_t at;              /* in now */
    uint64_t in, out, read; /* bytes taken, made, read by the client */
    uint64_t flushed;       /* of `in`: what can be read whatever comes */
    bool is_kept;           /* all chunks still are, and are paid for */
    bool is_ended;          /* nothing more comes from `from` */
    bool is_over;           /* the table was told */
    bool is_hungry;         /* the client waits */
    int err;
    struct loop_task turn;
};

int encode_load_permille(struct encode_load *l, nsec_t now)
{
    nsec_t passed = now - l->since;
    if (passed >= WINDOW_NS) {
        l->permille = (int)(l->spent_ns * 1000 / (uint64_t)passed);
        l->spent_ns = 0;
        l->since = now;
    }
    int now_permille = (int)(l->spent_ns * 1000 / (uint64_t)WINDOW_NS);
    return l->permille > now_permille ? l->permille : now_permille;
}

static void load_add(struct encode_load *l, nsec_t now, uint64_t spent_ns)
{
    (void)encode_load_permille(l, now);
    l->spent_ns += spent_ns;
}

/* Chunks */

static void drop_first(struct encode_body *b)
{
    struct chunk *c = b->first;
    b->first = c->next;
    if (b->last == c)
        b->last = NULL;
    mem_free(c);
}

/* From here on only what the client has still to read is held. */
static void keep_no_more(struct encode_body *b)
{
    if (!b->is_kept)
        return;
    b->is_kept = false;
    for (struct chunk *c = b->first; c != NULL; c = c->next)
        encoded_release(b->spec.table, sizeof(*c));
    while (b->first != b->now)
        drop_first(b);
}

static struct chunk *chunk_with_room(struct encode_body *b)
{
    if (b->last != NULL && b->last->filled < CHUNK_BYTES)
        return b->last;
    if (b->is_kept && !encoded_reserve(b->spec.table, sizeof(struct chunk)))
        keep_no_more(b);
    struct chunk *c = mem_alloc(sizeof(*c));
    c->next = NULL;
    c->filled = 0;
    if (b->last != NULL)
        b->last->next = c;
    else
        b->first = c;
    if (b->now == NULL)
        b->now = c;
    b->last = c;
    return c;
}

/* The next bytes for the client; false: there are none. */
static bool has_more(struct encode_body *b)
{
    while (b->now != NULL && b->at == b->now->filled && b->now->next != NULL) {
        b->now = b->now->next;
        b->at = 0;
        if (!b->is_kept)
            drop_first(b);
    }
    return b->now != NULL && b->at < b->now->filled;
}

/* The end */

static struct encoded *copy_of(const struct encode_body *b)
{
    struct encoded *e = encoded_create(b->spec.table, b->out);
    size_t at = 0;
    for (const struct chunk *c = b->first; e != NULL && c != NULL; c = c->next) {
        memcpy(e->bytes + at, c->bytes, c->filled);
        at += c->filled;
    }
    return e;
}

/* The only place that tells the table. */
static void tell_table(struct encode_body *b)
{
    if (b->is_over)
        return;
    b->is_over = true;
    b->spec.load->running--;
    bool is_whole = b->is_ended && b->err == 0;
    if (b->spec.table == NULL)
        return;
    if (is_whole && !b->spec.is_worth(b->in, b->out)) {
        encoded_give_up(b->spec.table, b->spec.id, true);
    } else if (is_whole && b->is_kept) {
        struct encoded *e = copy_of(b);
        encoded_keep(b->spec.table, b->spec.id, &e);
    } else {
        encoded_give_up(b->spec.table, b->spec.id, false);
    }
    keep_no_more(b);
}

/* Coding */

static int code(struct encode_body *b, struct zstd_step step)
{
    nsec_t began = clock_mono_ns();
    int err = 0;
    while (!step.is_done && err == 0) {
        struct chunk *c = chunk_with_room(b);
        step.out = c->bytes + c->filled;
        step.room = CHUNK_BYTES - c->filled;
        ptrdiff_t n = zstd_stream_write(b->zstd, &step);
        err = n < 0 ? (int)n : 0;
        c->filled += n > 0 ? (size_t)n : 0;
        b->out += n > 0 ? (uint64_t)n : 0;
    }
    nsec_t now = clock_mono_ns();
    load_add(b->spec.load, now, (uint64_t)(now - began));
    return err;
}

static void finish(struct encode_body *b, int err)
{
    b->err = err;
    b->is_ended = true;
    tell_table(b);
    body_close(&b->from);
    zstd_stream_destroy(&b->zstd);
}

/* Nothing more comes for now: who reads need not wait for it to get what has come. */
static void flush(struct encode_body *b)
{
    if (b->flushed == b->in || has_more(b))
        return;
    b->flushed = b->in;
    int err = code(b, (struct zstd_step){.is_flush = true});
    if (err != 0)
        finish(b, err);
}

/* Takes the next piece. False: none is there now, or all are coded. */
static bool code_piece(struct encode_body *b)
{
    struct body_piece piece;
    if (b->is_ended)
        return false;
    int n = body_peek(b->from, &piece);
    if (n == ERR_AGAIN) {
        flush(b);
        return false;
    }
    if (n == 1 && piece.mem == NULL)
        n = ERR_UNSUPPORTED;
    if (n != 1) {
        finish(b, n < 0 ? n : code(b, (struct zstd_step){.is_end = true}));
        return false;
    }
    size_t len = piece.len < PIECE_BYTES ? piece.len : PIECE_BYTES;
    int err = code(b, (struct zstd_step){.in = span_make(piece.mem, len)});
    body_advance(b->from, len);
    b->in += len;
    if (b->in > (uint64_t)b->spec.max)
        keep_no_more(b);
    if (err != 0)
        finish(b, err);
    return err == 0;
}

/* As far as a turn goes, or until the client has something where nothing is kept. */
static void run(struct encode_body *b)
{
    uint64_t began = b->in;
    bool goes_on = true;
    while (goes_on && b->in - began < TURN_BYTES && (b->is_kept || !has_more(b)))
        goes_on = code_piece(b);
    if (goes_on && (b->is_kept || !has_more(b)))
        loop_defer(b->spec.loop, &b->turn);
}

static void wake_client(struct encode_body *b)
{
    if (!b->is_hungry || !(has_more(b) || b->is_ended))
        return;
    b->is_hungry = false;
    body_ready(&b->body);
}

static void on_turn(struct loop_task *t)
{
    struct encode_body *b = CONTAINER_OF(t, struct encode_body, turn);
    run(b);
    wake_client(b);
}

static void on_from_ready(void *ctx)
{
    struct encode_body *b = ctx;
    loop_defer(b->spec.loop, &b->turn);
}

static int peek(struct body *body, struct body_piece *out)
{
    struct encode_body *b = (struct encode_body *)body;
    if (!has_more(b) && !b->is_ended)
        run(b);
    if (has_more(b)) {
        *out = (struct body_piece){
            .mem = b->now->bytes + b->at, .fd = -1, .len = b->now->filled - b->at};
        return 1;
    }
    if (b->is_ended)
        return b->err;
    b->is_hungry = true;
    return ERR_AGAIN;
}

static void advance(struct body *body, size_t n)
{
    struct encode_body *b = (struct encode_body *)body;
    CHECK(n <= b->now->filled - b->at);
    b->at += n;
    b->read += n;
}

static void close_body(struct body *body)
{
    struct encode_body *b = (struct encode_body *)body;
    loop_undefer(&b->turn);
    tell_table(b);
    body_close(&b->from);
    zstd_stream_destroy(&b->zstd);
    while (b->first != NULL)
        drop_first(b);
    mem_free(b);
}

static const struct body_ops encode_ops = {"encode", peek, advance, close_body};

struct body *encode_body(const struct encode_spec *spec, struct body **from)
{
    struct zstd_stream *zstd = zstd_stream_create(spec->level, spec->size);
    if (zstd == NULL) {
        if (spec->table != NULL)
            encoded_give_up(spec->table, spec->id, false);
        return NULL;
    }
    struct encode_body *b = mem_zalloc(sizeof(*b));
    b->body.ops = &encode_ops;
    b->spec = *spec;
    b->zstd = zstd;
    b->from = *from;
    *from = NULL;
    b->from->on_ready = on_from_ready;
    b->from->ctx = b;
    b->is_kept = spec->table != NULL;
    loop_task_init(&b->turn, on_turn);
    spec->load->running++;
    return &b->body;
}

/* A copy that is here */

struct copy_body {
    struct body body; /* first */
    struct encoded *copy;
    size_t at;
};

static int copy_peek(struct body *body, struct body_piece *out)
{
    struct copy_body *b = (struct copy_body *)body;
    if (b->at == b->copy->size)
        return 0;
    *out =
        (struct body_piece){.mem = b->copy->bytes + b->at, .fd = -1, .len = b->copy->size - b->at};
    return 1;
}

static void copy_advance(struct body *body, size_t n)
{
    ((struct copy_body *)body)->at += n;
}

static void copy_close(struct body *body)
{
    struct copy_body *b = (struct copy_body *)body;
    encoded_unref(&b->copy);
    mem_free(b);
}

static const struct body_ops copy_ops = {"encoded", copy_peek, copy_advance, copy_close};

struct body *encoded_body(struct encoded **e)
{
    struct copy_body *b = mem_zalloc(sizeof(*b));
    b->body.ops = &copy_ops;
    b->copy = *e;
    *e = NULL;
    return &b->body;
}
