/* SPDX-License-Identifier: MIT
 *
 * The files of a release: walked once, opened again by those who read them. */
#include "origin/publish/tree.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define DEPTH_MAX   64
#define ARENA_BYTES (1u << 30)

/* An open folder of the release. */
struct place {
    int fd;
    struct span path;
    int depth;
};

static int walk(struct tree *t, struct place at, struct buf *why);

static int refuse(struct buf *why, struct span path, const char *what, int err)
{
    buf_printf(why, "%.*s: %s", SPAN_FMT(path), what);
    return err;
}

static int add(struct tree *t, struct span path, const struct stat *st, struct buf *why)
{
    if (t->count >= MANIFEST_FILES_MAX || path.n > MANIFEST_PATH_MAX)
        return refuse(why, path, "too many files, or too long a name", ERR_TOO_BIG);
    if (t->count == t->room) {
        t->room = t->room == 0 ? 256 : 2 * t->room;
        t->files = mem_grow(t->files, t->room, sizeof *t->files);
    }
    t->files[t->count++] = (struct tree_file){
        .entry = {.path = path, .size_bytes = st->st_size}, .release_at = -1, .seen = *st};
    t->bytes += st->st_size;
    return 0;
}

static int look_at(struct tree *t, const struct place *at, const char *name, struct buf *why)
{
    struct stat st;
    struct span path = arena_printf(&t->mem, "%.*s/%s", SPAN_FMT(at->path), name);
    if (fstatat(at->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(why, path, strerror(errno), ERR_IO);
    if (S_ISREG(st.st_mode))
        return add(t, path, &st, why);
    if (!S_ISDIR(st.st_mode))
        return refuse(why, path, "is neither a file nor a folder", ERR_DENIED);
    struct place inside = {openat(at->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
                           path, at->depth + 1};
    return inside.fd < 0 ? refuse(why, path, strerror(errno), ERR_IO) : walk(t, inside, why);
}

/* Takes at.fd. */
static int walk(struct tree *t, struct place at, struct buf *why)
{
    int err = 0;
    DIR *dir = at.depth <= DEPTH_MAX ? fdopendir(at.fd) : NULL;
    if (dir == NULL) {
        close(at.fd);
        return refuse(why, at.path, "cannot be read, or lies too deep", ERR_IO);
    }
    for (struct dirent *d; err == 0 && (d = readdir(dir)) != NULL;)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            err = look_at(t, &at, d->d_name, why);
    closedir(dir);
    return err;
}

static int by_path(const void *a, const void *b)
{
    const struct tree_file *x = a, *y = b;
    return span_cmp(x->entry.path, y->entry.path);
}

void tree_open(struct tree *t)
{
    *t = (struct tree){.roots = 0};
    arena_init(&t->mem, ARENA_BYTES);
}

int tree_add(struct tree *t, const char *folder, struct buf *why)
{
    size_t before = t->count;
    int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return refuse(why, span_of(folder), strerror(errno), ERR_NOT_FOUND);
    CHECK(t->roots < TREE_ROOTS_MAX);
    t->root_fds[t->roots++] = root;
    struct place top = {openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), SPAN_NONE, 0};
    int err = top.fd < 0 ? ERR_IO : walk(t, top, why);
    if (err == 0 && t->count == before)
        err = refuse(why, span_of(folder), "has no files", ERR_NOT_FOUND);
    for (size_t i = before; i < t->count; i++)
        t->files[i].root_fd = root;
    if (err == 0)
        qsort(t->files, t->count, sizeof *t->files, by_path);
    return err;
}

void tree_close(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        mem_free(t->files[i].entry.blocks);
        mem_free(t->files[i].entry.pieces);
    }
    mem_free(t->pieces);
    for (int i = 0; i < t->roots; i++)
        close(t->root_fds[i]);
    mem_free(t->files);
    arena_finish(&t->mem);
}

bool tree_file_is_unchanged(const struct tree_file *f, int fd)
{
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_ino == f->seen.st_ino && now.st_size == f->seen.st_size &&
           now.st_mtim.tv_sec == f->seen.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == f->seen.st_mtim.tv_nsec;
}

int tree_file_open(const struct tree_file *f)
{
    char path[MANIFEST_PATH_MAX + 1];
    struct span relative = span_skip(f->entry.path, 1);
    memcpy(path, relative.p, relative.n);
    path[relative.n] = '\0';
    int fd = openat(f->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? ERR_CHANGED : ERR_IO;
    if (tree_file_is_unchanged(f, fd))
        return fd;
    close(fd);
    return ERR_CHANGED;
}
