/* SPDX-License-Identifier: MIT
 *
 * Bytes of an open file as a body, in windows. Before a window is offered
 *   - the file is looked at again: size, mtime or ctime differ: it was written in place, and the
 * body
 *     breaks, so that bytes of two versions never meet in one answer;
 *   - its ends are probed in the page cache (RWF_NOWAIT): a window that would make the worker
 * wait for
 *     a disk is read by an I/O thread first.
 * Runs on the asking loop; only warm_run runs on an I/O thread. */
#include "origin/connect/folder_body.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define WINDOW_BYTES (1 << 20)
#define WARM_BYTES   (64 << 10)

struct folder_body {
    struct body body;
    struct folder_content *content;
    struct loop *home;
    int64_t at, end;      /* still to send: [at, end) */
    int64_t window_end;   /* checked up to here */
    struct warm *warming; /* a read on an I/O thread, or NULL */
};

/* Outlives its body when that closes meanwhile. */
struct warm {
    struct iojob job;          /* first */
    struct folder_body *owner; /* NULL: gone */
    struct folder_content *content;
    int64_t from, to;
    int errnum;
};

static struct folder_body *folder_body_of(struct body *b)
{
    return CONTAINER_OF(b, struct folder_body, body);
}

/* Whether the byte at `at` can be read without waiting. A file system that cannot tell (EOPNOTSUPP)
 * is taken at its word that it does not matter. */
static bool is_cached(const struct folder_content *c, int64_t at)
{
    char byte;
    struct iovec v = {&byte, 1};
    return preadv2(c->fd, &v, 1, at, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

static void warm_run(struct iojob *j)
{
    struct warm *w = CONTAINER_OF(j, struct warm, job);
    char scratch[WARM_BYTES];
    for (int64_t at = w->from; at < w->to;) {
        size_t n = w->to - at < WARM_BYTES ? (size_t)(w->to - at) : WARM_BYTES;
        ssize_t got = pread(w->content->fd, scratch, n, at);
        if (got <= 0) {
            w->errnum = got < 0 ? errno : EIO;
            return;
        }
        at += got;
    }
}

static void warm_done(struct iojob *j)
{
    struct warm *w = CONTAINER_OF(j, struct warm, job);
    struct folder_body *b = w->owner;
    int errnum = w->errnum;
    int64_t to = w->to;
    folder_content_leave(w->content);
    mem_free(w);
    if (b == NULL)
        return;
    b->warming = NULL;
    /* A read that failed is met again, and reported, by the send itself. */
    if (errnum != 0)
        LOG_WARN_LIMITED("read-failed", "reason=\"%s\"", strerror(errnum));
    b->window_end = to;
    body_ready(&b->body);
}

/* True: on its way; false: the pool is full, and the worker may as well wait for the disk itself
 * than
 * break an answer in its middle. */
static bool warm_start(struct folder_body *b, int64_t to)
{
    struct warm *w = mem_zalloc(sizeof *w);
    *w = (struct warm){.job = {.run = warm_run, .done = warm_done},
                       .owner = b,
                       .content = b->content,
                       .from = b->at,
                       .to = to};
    b->content->refs++;
    if (iopool_submit(b->content->io, b->home, &w->job) == 0) {
        b->warming = w;
        return true;
    }
    b->content->refs--;
    mem_free(w);
    return false;
}

static int folder_body_peek(struct body *body, struct body_piece *out)
{
    struct folder_body *b = folder_body_of(body);
    if (b->warming != NULL)
        return ERR_AGAIN;
    if (!folder_content_is_unchanged(b->content))
        return ERR_CHANGED;
    if (b->at >= b->end)
        return 0;
    if (b->at >= b->window_end) {
        int64_t to = b->end - b->at < WINDOW_BYTES ? b->end : b->at + WINDOW_BYTES;
        if ((!is_cached(b->content, b->at) || !is_cached(b->content, to - 1)) && warm_start(b, to))
            return ERR_AGAIN;
        b->window_end = to;
    }
    *out = (struct body_piece){
        .mem = NULL, .fd = b->content->fd, .from = b->at, .len = (size_t)(b->window_end - b->at)};
    return 1;
}

static void folder_body_advance(struct body *body, size_t n)
{
    struct folder_body *b = folder_body_of(body);
    b->at += (int64_t)n;
    CHECK(b->at <= b->window_end);
}

static void folder_body_close(struct body *body)
{
    struct folder_body *b = folder_body_of(body);
    if (b->warming != NULL)
        b->warming->owner = NULL;
    folder_content_leave(b->content);
    mem_free(b);
}

static const struct body_ops folder_body_ops = {"folder", folder_body_peek, folder_body_advance,
                                                folder_body_close};

struct body *folder_body_create(struct folder_content *content, struct loop *home, int64_t from,
                                int64_t len)
{
    CHECK_OBJ(content, FOLDER_CONTENT_MAGIC);
    CHECK(from >= 0 && len >= 0 && from + len <= content->st.st_size);
    struct folder_body *b = mem_zalloc(sizeof *b);
    content->refs++;
    *b = (struct folder_body){.body = {.ops = &folder_body_ops},
                              .content = content,
                              .home = home,
                              .at = from,
                              .end = from + len,
                              .window_end = from};
    return &b->body;
}
