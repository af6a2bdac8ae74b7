/* SPDX-License-Identifier: MIT
 *
 * The connector for a folder of files: finding and holding them. Their bytes are folder_body.c's.
 * Opening is tried without waiting first (RESOLVE_CACHED: the names are in the kernel's cache) and
 * goes to an I/O thread only when it would wait. */
#include "origin/connect/folder_inner.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "origin/connect/folder_body.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct open_job {
    struct iojob job; /* first */
    struct connector_find *find;
    struct folder *folder;
    char *path; /* relative, zero-terminated */
    int fd, errnum;
};

struct folder *folder_of(struct connector *c)
{
    return CONTAINER_OF(c, struct folder, connector);
}

int folder_open(int at, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };
    long fd = syscall(SYS_openat2, at, path, &how, sizeof how);
    return fd >= 0 ? (int)fd : -errno;
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static int open_to_read(const struct folder *f, const char *path, bool cached_only)
{
    return folder_open(f->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                       cached_only ? RESOLVE_CACHED : 0);
}

bool folder_path(struct span path, char out[FOLDER_PATH_MAX])
{
    struct span relative = path;
    while (relative.n > 0 && relative.p[0] == '/')
        relative = span_skip(relative, 1);
    if (relative.n == 0 || relative.n >= FOLDER_PATH_MAX ||
        memchr(relative.p, 0, relative.n) != NULL)
        return false;
    memcpy(out, relative.p, relative.n);
    out[relative.n] = 0;
    return true;
}

int folder_err(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ENXIO: /* a socket */
        return ERR_NOT_FOUND;
    case EXDEV: /* leaves the folder */
    case ELOOP:
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return ERR_BUSY;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    default:
        return ERR_IO;
    }
}

static sec_t seconds_of(const struct stat *st)
{
    return (sec_t)st->st_mtim.tv_sec;
}

static struct folder_content *content_of(struct content *c)
{
    return CONTAINER_OF(c, struct folder_content, content);
}

static struct body *body_by_sendfile(struct content *c, struct loop *home, int64_t from,
                                     int64_t len)
{
    return folder_body_create(content_of(c), home, from, len);
}

static struct body *body_by_copy(struct content *c, struct loop *home, int64_t from, int64_t len)
{
    return folder_copy_create(content_of(c), home, from, len);
}

static void close_content(struct content *c)
{
    folder_content_leave(content_of(c));
}

static const struct content_ops sendfile_ops = {body_by_sendfile, close_content};
static const struct content_ops copy_ops = {body_by_copy, close_content};

static struct content *content_create(const struct folder *f, int fd, const struct stat *st)
{
    struct folder_content *c = mem_zalloc(sizeof *c);
    *c = (struct folder_content){.content.ops = f->uses_sendfile ? &sendfile_ops : &copy_ops,
                                 .magic = FOLDER_CONTENT_MAGIC,
                                 .refs = 1,
                                 .fd = fd,
                                 .st = *st,
                                 .io = f->io};
    return &c->content;
}

/* Fills in what was found and hands it over; takes fd. */
static void found(struct connector_find *find, const struct folder *f, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        find->done(find, ERR_NOT_FOUND);
        return;
    }
    find->size_bytes = st.st_size;
    find->last_modified = seconds_of(&st);
    snprintf(find->etag, sizeof find->etag, "\"%llx-%llx\"", (unsigned long long)st.st_size,
             (unsigned long long)st.st_mtim.tv_sec * NSEC_PER_SEC +
                 (unsigned long long)st.st_mtim.tv_nsec);
    find->content_type[0] = '\0';
    find->has_sha256 = false;
    find->content = content_create(f, fd, &st);
    find->done(find, 0);
}

static void open_failed(struct connector_find *find, int errnum)
{
    int err = folder_err(errnum);
    if (err != ERR_NOT_FOUND)
        LOG_WARN_LIMITED("open-failed", "path=\"%.*s\" reason=\"%s\"", SPAN_FMT(find->path),
                         strerror(errnum));
    find->done(find, err);
}

static void open_run(struct iojob *j)
{
    struct open_job *o = CONTAINER_OF(j, struct open_job, job);
    int fd = open_to_read(o->folder, o->path, false);
    o->fd = fd;
    o->errnum = fd < 0 ? -fd : 0;
}

static void open_done(struct iojob *j)
{
    struct open_job *o = CONTAINER_OF(j, struct open_job, job);
    struct connector_find *find = o->find;
    const struct folder *f = o->folder;
    int fd = o->fd, errnum = o->errnum;
    mem_free(o->path);
    mem_free(o);
    if (fd >= 0)
        found(find, f, fd);
    else
        open_failed(find, errnum);
}

static void open_on_pool(struct folder *f, struct connector_find *find, const char *path)
{
    struct open_job *o = mem_zalloc(sizeof *o);
    *o = (struct open_job){
        .job = {.run = open_run, .done = open_done}, .find = find, .folder = f, .fd = -1};
    o->path = mem_strdup(path);
    if (iopool_submit(f->io, find->home, &o->job) == 0)
        return;
    mem_free(o->path);
    mem_free(o);
    find->done(find, ERR_BUSY);
}

static void folder_find(struct connector *c, struct connector_find *find)
{
    struct folder *f = folder_of(c);
    char path[FOLDER_PATH_MAX];
    if (!folder_path(find->path, path)) {
        find->done(find, ERR_NOT_FOUND);
        return;
    }
    int fd = open_to_read(f, path, true);
    if (fd >= 0)
        found(find, f, fd);
    else if (fd == -EAGAIN)
        open_on_pool(f, find, path);
    else
        open_failed(find, -fd);
}

static void folder_destroy(struct connector *c)
{
    struct folder *f = folder_of(c);
    if (f->root_fd >= 0)
        close(f->root_fd);
    mem_free(f);
}

static const struct connector_ops ops = {
    .name = "folder",
    .find = folder_find,
    .list = folder_list,
    .put = folder_put,
    .remove = folder_remove,
    .destroy = folder_destroy,
};

int folder_create(struct connector **out, const struct folder_spec *spec, struct buf *why)
{
    *out = NULL;
    int fd = open(spec->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        buf_printf(why, "folder \"%s\": %s\n", spec->path, strerror(errno));
        return folder_err(errno);
    }
    struct folder *f = mem_zalloc(sizeof *f);
    f->connector.ops = &ops;
    f->uses_sendfile = spec->uses_sendfile;
    f->root_fd = fd;
    f->io = spec->io;
    int probe = open_to_read(f, ".", false);
    if (probe < 0) {
        buf_printf(why, "folder \"%s\": cannot be read beneath itself: %s%s\n", spec->path,
                   strerror(-probe), probe == -ENOSYS ? " (openat2 needs Linux 5.6 or later)" : "");
        folder_destroy(&f->connector);
        return ERR_IO;
    }
    close(probe);
    *out = &f->connector;
    return 0;
}
