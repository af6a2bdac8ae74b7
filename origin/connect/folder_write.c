/* SPDX-License-Identifier: MIT
 *
 * Storing and removing in a folder. A content is written into a file without a name (O_TMPFILE),
 * which goes with its writer whatever ends that; it gets its name when it is whole, so that it is
 * there whole or not at all. On file systems that have no such files it is written beside its place
 * and renamed. Bytes are pulled on the loop and written on an I/O thread. */
#include "origin/connect/folder_inner.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_BYTES (1 << 20)
#define NAME_ROOM  64

/* One content on its way; the I/O thread and the loop have it in turn. */
struct store_job {
    struct iojob job; /* first */
    struct folder *folder;
    struct connector_put *put;
    char path[FOLDER_PATH_MAX];
    char temporary[NAME_ROOM]; /* in the same folder; "": it has no name there */
    const char *name;          /* in path */
    int parent_fd, fd;
    struct body *body;
    struct body_piece piece; /* len 0: none */
    bool is_last;
    int err;
};

/* The folder that a path stands in, made where it is not there. A descriptor, or -errno. */
static int open_parent(struct store_job *s)
{
    int at = dup(s->folder->root_fd);
    char *segment = s->path;
    for (char *slash; at >= 0 && (slash = strchr(segment, '/')) != NULL; segment = slash + 1) {
        *slash = '\0';
        int made = segment[0] == '\0' ? 0 : mkdirat(at, segment, 0755);
        int errnum = made != 0 ? errno : 0;
        int next = errnum != 0 && errnum != EEXIST
                       ? -errnum
                       : folder_open(at, segment[0] == '\0' ? "." : segment, O_PATH | O_DIRECTORY,
                                     RESOLVE_NO_SYMLINKS);
        *slash = '/';
        close(at);
        at = next;
    }
    s->name = segment;
    return at >= 0 ? at : at == -1 ? -errno : at;
}

static void choose_name(struct store_job *s)
{
    uint8_t random[8];
    char hex[2 * sizeof random + 1];
    digest_random(random, sizeof random);
    digest_hex(random, sizeof random, hex);
    snprintf(s->temporary, sizeof s->temporary, ".byeori-put-%s", hex);
}

/* A file without a name gets one by its descriptor, which is a path only where /proc is mounted. */
static int open_nameless(const struct store_job *s)
{
    if (access("/proc/self/fd", X_OK) == 0)
        return openat(s->parent_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644);
    errno = EOPNOTSUPP;
    return -1;
}

static int begin(struct store_job *s)
{
    s->parent_fd = open_parent(s);
    if (s->parent_fd < 0)
        return -s->parent_fd;
    s->fd = open_nameless(s);
    if (s->fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return s->fd < 0 ? errno : 0;
    choose_name(s);
    s->fd = openat(s->parent_fd, s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (s->fd < 0)
        s->temporary[0] = '\0';
    return s->fd < 0 ? errno : 0;
}

static int link_as(struct store_job *s, const char *name)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", s->fd);
    return linkat(AT_FDCWD, self, s->parent_fd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* A name that is free is given by a link, at once; one that is taken changes hands by a rename. */
static int put_in_place(struct store_job *s)
{
    if (s->temporary[0] == '\0') {
        int errnum = link_as(s, s->name);
        if (errnum != EEXIST)
            return errnum;
        choose_name(s);
        errnum = link_as(s, s->temporary);
        if (errnum != 0) {
            s->temporary[0] = '\0';
            return errnum;
        }
    }
    if (renameat(s->parent_fd, s->temporary, s->parent_fd, s->name) != 0)
        return errno;
    s->temporary[0] = '\0';
    return 0;
}

static int write_piece(struct store_job *s)
{
    loff_t from = s->piece.from;
    size_t left = s->piece.len;
    const uint8_t *at = s->piece.mem;
    while (left > 0) {
        ssize_t n = at != NULL ? write(s->fd, at, left)
                               : copy_file_range(s->piece.fd, &from, s->fd, NULL, left, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        at = at != NULL ? at + n : NULL;
        left -= (size_t)n;
    }
    return 0;
}

static int finish(struct store_job *s)
{
    struct stat st;
    if (fstat(s->fd, &st) != 0 || st.st_size != s->put->size_bytes)
        return EIO;
    if (s->put->is_commit && (syncfs(s->fd) != 0))
        return errno;
    int errnum = put_in_place(s);
    if (errnum != 0)
        return errnum;
    return s->put->is_commit && syncfs(s->fd) != 0 ? errno : 0;
}

static void store_run(struct iojob *j)
{
    struct store_job *s = CONTAINER_OF(j, struct store_job, job);
    int errnum = s->fd < 0 ? begin(s) : 0;
    if (errnum == 0 && s->piece.len > 0)
        errnum = write_piece(s);
    if (errnum == 0 && s->is_last)
        errnum = finish(s);
    s->err = errnum != 0 ? folder_err(errnum) : 0;
}

static void over(struct store_job *s, int err)
{
    struct connector_put *put = s->put;
    if (s->temporary[0] != '\0')
        (void)unlinkat(s->parent_fd, s->temporary, 0);
    if (s->fd >= 0)
        close(s->fd);
    if (s->parent_fd >= 0)
        close(s->parent_fd);
    body_close(&s->body);
    mem_free(s);
    put->done(put, err);
}

static void pull(void *ctx);

static void store_done(struct iojob *j)
{
    struct store_job *s = CONTAINER_OF(j, struct store_job, job);
    if (s->err != 0 || s->is_last) {
        over(s, s->err);
        return;
    }
    if (s->piece.len > 0) {
        body_advance(s->body, s->piece.len);
        if (s->put->progress != NULL)
            s->put->progress(s->put, (int64_t)s->piece.len);
    }
    pull(s);
}

static void pull(void *ctx)
{
    struct store_job *s = ctx;
    s->piece.len = 0;
    int got = s->body != NULL ? body_peek(s->body, &s->piece) : 0;
    if (got == ERR_AGAIN)
        return;
    if (got < 0) {
        over(s, got);
        return;
    }
    s->is_last = got == 0;
    if (s->piece.len > STEP_BYTES)
        s->piece.len = STEP_BYTES;
    int err = iopool_submit(s->folder->io, s->put->home, &s->job);
    if (err != 0)
        over(s, err);
}

void folder_put(struct connector *c, struct connector_put *p)
{
    struct store_job *s = mem_zalloc(sizeof *s);
    *s = (struct store_job){.job = {.run = store_run, .done = store_done},
                            .folder = folder_of(c),
                            .put = p,
                            .parent_fd = -1,
                            .fd = -1};
    if (!folder_path(p->path, s->path)) {
        over(s, ERR_DENIED);
        return;
    }
    if (p->size_bytes > 0) {
        s->body = p->open(p, 0, p->size_bytes);
        s->body->on_ready = pull;
        s->body->ctx = s;
    }
    pull(s);
}

struct remove_job {
    struct iojob job; /* first */
    struct folder *folder;
    struct connector_remove *remove;
    char path[FOLDER_PATH_MAX];
    int err;
};

static void remove_run(struct iojob *j)
{
    struct remove_job *r = CONTAINER_OF(j, struct remove_job, job);
    char *slash = strrchr(r->path, '/');
    if (slash != NULL)
        *slash = '\0';
    int parent =
        folder_open(r->folder->root_fd, slash != NULL ? r->path : ".", O_PATH | O_DIRECTORY, 0);
    int errnum = parent < 0 ? -parent : 0;
    if (errnum == 0 && unlinkat(parent, slash != NULL ? slash + 1 : r->path, 0) != 0)
        errnum = errno;
    if (parent >= 0)
        close(parent);
    r->err = errnum != 0 ? folder_err(errnum) : 0;
}

static void remove_done(struct iojob *j)
{
    struct remove_job *r = CONTAINER_OF(j, struct remove_job, job);
    struct connector_remove *remove = r->remove;
    int err = r->err;
    mem_free(r);
    remove->done(remove, err);
}

void folder_remove(struct connector *c, struct connector_remove *remove)
{
    struct remove_job *r = mem_zalloc(sizeof *r);
    r->job = (struct iojob){.run = remove_run, .done = remove_done};
    r->folder = folder_of(c);
    r->remove = remove;
    int err = folder_path(remove->path, r->path) ? 0 : ERR_NOT_FOUND;
    if (err == 0)
        err = iopool_submit(r->folder->io, remove->home, &r->job);
    if (err == 0)
        return;
    mem_free(r);
    remove->done(remove, err);
}
