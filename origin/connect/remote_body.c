/* SPDX-License-Identifier: MIT
 *
 * Contents of a storage across a network, and their bytes as bodies: read window by window as they
 * are pulled, resumed where a read breaks. Runs on the asking loop. */
#include "origin/connect/remote_body.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/http/date.h"
#include "lib/http/etag.h"
#include "origin/connect/remote_content.h"

#define WINDOW_BYTES (128 << 10)
/* Reads that end before they brought a byte, one after the other. */
#define EMPTY_READS_MAX 3

struct remote_body {
    struct body body;
    struct remote_content *content;
    int64_t at, end;
    struct remote_read *read; /* NULL: none is under way */
    bool is_unconditional;    /* conditions are not to be trusted here */
    bool is_awaited;          /* its answer has not come */
    uint8_t *window;          /* held while it holds bytes */
    size_t given, filled;
    int empty_reads, err;
};

static struct remote_body *body_of(struct body *b)
{
    return CONTAINER_OF(b, struct remote_body, body);
}

static void drop_read(struct remote_read **pr)
{
    struct remote_read *r = *pr;
    *pr = NULL;
    if (r == NULL)
        return;
    remote_read_end(r);
    mem_free(r);
}

static const struct content_ops content_ops;

struct content *remote_content_create(struct remote_loop *at, const struct connector_find *find,
                                      struct remote_read *answer)
{
    struct remote_content *c = mem_zalloc(sizeof *c);
    c->content.ops = &content_ops;
    c->magic = REMOTE_CONTENT_MAGIC;
    c->refs = 1;
    c->at = at;
    c->path = mem_strndup(find->path.p, find->path.n);
    c->size_bytes = find->size_bytes;
    memcpy(c->etag, find->etag, sizeof c->etag);
    if (find->last_modified >= 0)
        date_write(find->last_modified, c->last_modified);
    c->begun = answer;
    answer->owner = NULL;
    answer->done = NULL;
    if (answer->ask.method != METHOD_GET)
        drop_read(&c->begun);
    return &c->content;
}

static void leave_content(struct remote_content *c)
{
    CHECK_OBJ(c, REMOTE_CONTENT_MAGIC);
    if (--c->refs > 0)
        return;
    drop_read(&c->begun);
    c->magic = 0;
    mem_free(c->path);
    mem_free(c);
}

bool remote_content_is(const struct remote_content *c, const struct response_head *head)
{
    struct connector_find now = {.size_bytes = 0};
    if (remote_describe(c->at, head, &now) != 0 || now.size_bytes != c->size_bytes)
        return false;
    if (c->etag[0] != '\0')
        return strcmp(c->etag, now.etag) == 0;
    char date[DATE_BYTES + 1] = "";
    if (now.last_modified >= 0)
        date_write(now.last_modified, date);
    return strcmp(c->last_modified, date) == 0;
}

static void on_readable(struct remote_read *r)
{
    struct remote_body *b = r->owner;
    if (!b->is_awaited)
        body_ready(&b->body);
}

static void begin_read(struct remote_body *b);

/* Ceph's gateway answers 412 to the very ETag that it gives large objects on its Swift interface.
 * So such a refusal is no proof: it is asked without a condition, and the answer is compared. */
static void on_answer(struct remote_read *r, int err)
{
    struct remote_body *b = r->owner;
    b->is_awaited = false;
    if (err == ERR_CHANGED && !b->is_unconditional) {
        b->is_unconditional = true;
        drop_read(&b->read);
        begin_read(b);
        return;
    }
    if (err == 0 && !remote_content_is(b->content, remote_ask_head(&r->ask)))
        err = ERR_CHANGED;
    b->err = err == ERR_NOT_FOUND ? ERR_CHANGED : err;
    if (err != 0)
        drop_read(&b->read);
    body_ready(&b->body);
}

static void condition(struct remote_ask *a, const struct remote_content *c)
{
    if (c->etag[0] != '\0' && !etag_is_weak(span_of(c->etag)))
        remote_ask_field(a, SPAN("if-match"), span_of(c->etag));
    else if (c->last_modified[0] != '\0')
        remote_ask_field(a, SPAN("if-unmodified-since"), span_of(c->last_modified));
}

static void begin_read(struct remote_body *b)
{
    struct remote_read *r = mem_zalloc(sizeof *r);
    remote_read_init(r, b->content->at, METHOD_GET, span_of(b->content->path));
    r->owner = b;
    r->done = on_answer;
    r->readable = on_readable;
    if (!b->is_unconditional)
        condition(&r->ask, b->content);
    b->read = r;
    b->is_awaited = true;
    remote_read_start(r, b->at, b->end);
}

/* The read broke: the rest is asked for again, unless the last few brought nothing. */
static int resume(struct remote_body *b, int err)
{
    if (b->empty_reads++ >= EMPTY_READS_MAX || err == ERR_CANCELLED)
        return b->err = err;
    LOG_WARN_LIMITED("storage-resume", "storage=%s path=\"%s\" at=%lld reason=\"%s\"",
                     b->content->at->remote->kind->name, b->content->path, (long long)b->at,
                     err_text(err));
    drop_read(&b->read);
    begin_read(b);
    return ERR_AGAIN;
}

static int fill_window(struct remote_body *b)
{
    if (b->read == NULL)
        begin_read(b);
    if (b->is_awaited)
        return ERR_AGAIN;
    if (b->window == NULL)
        b->window = mem_alloc(WINDOW_BYTES);
    ssize_t n = remote_read_take(b->read, b->window, WINDOW_BYTES);
    if (n > 0) {
        b->at += n;
        b->given = 0;
        b->filled = (size_t)n;
        b->empty_reads = 0;
        return 0;
    }
    mem_free(b->window);
    b->window = NULL;
    return n == ERR_AGAIN ? ERR_AGAIN : resume(b, n == 0 ? ERR_TRUNCATED : (int)n);
}

static int remote_peek(struct body *body, struct body_piece *out)
{
    struct remote_body *b = body_of(body);
    if (b->given == b->filled && b->err == 0) {
        if (b->at == b->end)
            return 0;
        int err = fill_window(b);
        if (err != 0)
            return err;
    }
    if (b->err != 0)
        return b->err;
    *out = (struct body_piece){.mem = b->window + b->given, .fd = -1, .len = b->filled - b->given};
    return 1;
}

static void remote_advance(struct body *body, size_t n)
{
    struct remote_body *b = body_of(body);
    b->given += n;
    CHECK(b->given <= b->filled);
}

static void remote_close(struct body *body)
{
    struct remote_body *b = body_of(body);
    drop_read(&b->read);
    leave_content(b->content);
    mem_free(b->window);
    mem_free(b);
}

static const struct body_ops ops = {"storage", remote_peek, remote_advance, remote_close};

static struct body *remote_body(struct content *c, struct loop *home, int64_t from, int64_t len)
{
    struct remote_content *content = CONTAINER_OF(c, struct remote_content, content);
    CHECK_OBJ(content, REMOTE_CONTENT_MAGIC);
    CHECK(home == content->at->home && from >= 0 && len >= 0 && from + len <= content->size_bytes);
    struct remote_body *b = mem_zalloc(sizeof *b);
    *b = (struct remote_body){
        .body = {.ops = &ops}, .content = content, .at = from, .end = from + len};
    content->refs++;
    struct remote_read *begun = content->begun;
    if (begun != NULL && begun->at == from && begun->end >= from + len) {
        content->begun = NULL;
        begun->end = from + len;
        begun->owner = b;
        begun->readable = on_readable;
        b->read = begun;
    }
    return &b->body;
}

static void remote_content_close(struct content *c)
{
    leave_content(CONTAINER_OF(c, struct remote_content, content));
}

static const struct content_ops content_ops = {remote_body, remote_content_close};
