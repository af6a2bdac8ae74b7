/* SPDX-License-Identifier: MIT
 *
 * Bytes of an open file as a body, through memory: a window is read, then the file is looked at,
 * and
 * only if it is unchanged is the window offered. A write updates the file's times before it touches
 * its bytes, so what was read before an unchanged look is of the version that was opened.
 * Runs on the asking loop; only copy_run runs on an I/O thread, where a read would wait for a
 * disk. */
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "origin/connect/folder_body.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define WINDOW_BYTES (256 << 10)

struct folder_copy {
    struct body body;
    struct folder_content *content;
    struct loop *home;
    int64_t at, end;      /* not yet read: [at, end) */
    uint8_t *window;      /* WINDOW_BYTES, or the job's while one reads */
    size_t given, filled; /* in window: [given, filled) is to be sent */
    struct copy_job *under_way;
    int err;
};

/* Outlives its body when that closes meanwhile. */
struct copy_job {
    struct iojob job;          /* first */
    struct folder_copy *owner; /* NULL: gone */
    struct folder_content *content;
    uint8_t *window;
    int64_t from;
    size_t wanted;
    ssize_t got; /* or -errno */
};

static struct folder_copy *copy_of(struct body *b)
{
    return CONTAINER_OF(b, struct folder_copy, body);
}

static size_t wanted_of(const struct folder_copy *b)
{
    return b->end - b->at < WINDOW_BYTES ? (size_t)(b->end - b->at) : WINDOW_BYTES;
}

/* got: bytes now in the window, or -errno. */
static void take(struct folder_copy *b, ssize_t got)
{
    if (got < 0)
        LOG_WARN_LIMITED("read-failed", "reason=\"%s\"", strerror((int)-got));
    if (got <= 0) {
        b->err = got < 0 ? ERR_IO : ERR_CHANGED; /* it ended early: it was cut */
        return;
    }
    if (!folder_content_is_unchanged(b->content)) {
        b->err = ERR_CHANGED;
        return;
    }
    b->given = 0;
    b->filled = (size_t)got;
    b->at += got;
}

static void copy_run(struct iojob *j)
{
    struct copy_job *c = CONTAINER_OF(j, struct copy_job, job);
    c->got = pread(c->content->fd, c->window, c->wanted, c->from);
    if (c->got < 0)
        c->got = -errno;
}

static void copy_done(struct iojob *j)
{
    struct copy_job *c = CONTAINER_OF(j, struct copy_job, job);
    struct folder_copy *b = c->owner;
    if (b != NULL) {
        b->window = c->window;
        b->under_way = NULL;
        take(b, c->got);
    } else {
        mem_free(c->window);
    }
    folder_content_leave(c->content);
    mem_free(c);
    if (b != NULL)
        body_ready(&b->body);
}

static int read_on_pool(struct folder_copy *b)
{
    struct copy_job *c = mem_zalloc(sizeof *c);
    *c = (struct copy_job){.job = {.run = copy_run, .done = copy_done},
                           .owner = b,
                           .content = b->content,
                           .window = b->window,
                           .from = b->at,
                           .wanted = wanted_of(b)};
    if (iopool_submit(b->content->io, b->home, &c->job) == 0) {
        b->content->refs++;
        b->window = NULL;
        b->under_way = c;
        return ERR_AGAIN;
    }
    /* The pool is full: the worker may as well wait for the disk as break an answer in its
     * middle. */
    copy_run(&c->job);
    take(b, c->got);
    mem_free(c);
    return 0;
}

static int read_window(struct folder_copy *b)
{
    struct iovec v = {b->window, wanted_of(b)};
    ssize_t got = preadv2(b->content->fd, &v, 1, b->at, RWF_NOWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EOPNOTSUPP))
        return read_on_pool(b);
    take(b, got < 0 ? -errno : got);
    return 0;
}

static int copy_peek(struct body *body, struct body_piece *out)
{
    struct folder_copy *b = copy_of(body);
    if (b->under_way != NULL)
        return ERR_AGAIN;
    if (b->err == 0 && b->given == b->filled && b->at < b->end) {
        int rc = read_window(b);
        if (rc != 0)
            return rc;
    }
    if (b->err != 0)
        return b->err;
    if (b->given == b->filled)
        return 0;
    *out = (struct body_piece){.mem = b->window + b->given, .fd = -1, .len = b->filled - b->given};
    return 1;
}

static void copy_advance(struct body *body, size_t n)
{
    struct folder_copy *b = copy_of(body);
    b->given += n;
    CHECK(b->given <= b->filled);
}

static void copy_close(struct body *body)
{
    struct folder_copy *b = copy_of(body);
    if (b->under_way != NULL)
        b->under_way->owner = NULL;
    folder_content_leave(b->content);
    mem_free(b->window);
    mem_free(b);
}

static const struct body_ops copy_ops = {"folder-copy", copy_peek, copy_advance, copy_close};

struct body *folder_copy_create(struct folder_content *content, struct loop *home, int64_t from,
                                int64_t len)
{
    CHECK_OBJ(content, FOLDER_CONTENT_MAGIC);
    CHECK(from >= 0 && len >= 0 && from + len <= content->st.st_size);
    struct folder_copy *b = mem_zalloc(sizeof *b);
    content->refs++;
    *b = (struct folder_copy){.body = {.ops = &copy_ops},
                              .content = content,
                              .home = home,
                              .at = from,
                              .end = from + len,
                              .window = mem_alloc(WINDOW_BYTES)};
    return &b->body;
}
