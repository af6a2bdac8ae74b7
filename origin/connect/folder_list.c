/* SPDX-License-Identifier: MIT
 *
 * Listing a folder, page by page in the order of names, on an I/O thread. Links are not followed;
 * what is being stored is not listed. */
#include "origin/connect/folder_inner.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64
#define FOUND_MAX 10000000 /* files that one page looks at */

struct list_job {
    struct iojob job; /* first */
    struct folder *folder;
    struct connector_list *list;
    struct connector_entry *found; /* the page: the first ones after list->after, unordered */
    size_t count, room, looked_at;
    bool is_cut;
    int err;
};

static int by_path(const void *a, const void *b)
{
    const struct connector_entry *x = a, *y = b;
    return span_cmp(x->path, y->path);
}

/* Keeps the page's worth of first ones: at twice that, the later half goes. */
static void shorten(struct list_job *j)
{
    qsort(j->found, j->count, sizeof *j->found, by_path);
    j->is_cut = j->is_cut || j->count > CONNECTOR_LIST_MAX;
    for (size_t i = CONNECTOR_LIST_MAX; i < j->count; i++)
        mem_free((char *)(uintptr_t)j->found[i].path.p);
    if (j->count > CONNECTOR_LIST_MAX)
        j->count = CONNECTOR_LIST_MAX;
}

/* What is stored anew is another file; what is written in place has another time. */
static uint64_t mark_of(const struct stat *st)
{
    const uint64_t told[] = {st->st_ino, (uint64_t)st->st_mtim.tv_sec,
                             (uint64_t)st->st_mtim.tv_nsec};
    return hash64(told, sizeof told);
}

static void take(struct list_job *j, char *path, const struct stat *st)
{
    struct span text = span_of(path);
    if (!span_starts(text, j->list->prefix) || span_cmp(text, j->list->after) <= 0) {
        mem_free(path);
        return;
    }
    if (j->count == 2 * CONNECTOR_LIST_MAX)
        shorten(j);
    j->found[j->count++] =
        (struct connector_entry){.path = text, .size_bytes = st->st_size, .mark = mark_of(st)};
}

/* Whether nothing below this folder (its path with a '/' at its end) can be of the page: all of it
 * stands before, or behind what is the page already. So a page of many looks at few folders. */
static bool is_apart(const struct list_job *j, const char *folder)
{
    struct span path = span_of(folder), after = j->list->after;
    if (span_cmp(path, after) < 0 && !span_starts(after, path))
        return true;
    return j->is_cut && span_cmp(path, j->found[CONNECTOR_LIST_MAX - 1].path) > 0;
}

static void walk(struct list_job *j, int fd, const char *path, int depth);

static void look_inside(struct list_job *j, int at, const char *name, char *path, int depth)
{
    char *inside = mem_printf("%s/", path);
    int fd = is_apart(j, inside) ? -1 : folder_open(at, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd >= 0)
        walk(j, fd, path, depth + 1);
    mem_free(inside);
}

static void look_at(struct list_job *j, int at, const char *folder, const char *name, int depth)
{
    struct stat st;
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return; /* gone meanwhile */
    char *path = mem_printf("%s/%s", folder, name);
    if (S_ISDIR(st.st_mode)) {
        look_inside(j, at, name, path, depth);
        mem_free(path);
    } else if (S_ISREG(st.st_mode) && strncmp(name, ".byeori-put-", 12) != 0) {
        take(j, path, &st);
    } else {
        mem_free(path);
    }
}

/* Takes fd. */
static void walk(struct list_job *j, int fd, const char *path, int depth)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        j->err = ERR_IO;
        return;
    }
    for (struct dirent *d; j->err == 0 && (d = readdir(dir)) != NULL;) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (++j->looked_at > FOUND_MAX || depth > DEPTH_MAX)
            j->err = ERR_TOO_BIG;
        else
            look_at(j, dirfd(dir), path, d->d_name, depth);
    }
    closedir(dir);
}

/* From the folder that the prefix names, up to its last '/'. */
static void list_run(struct iojob *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    char *path = mem_strndup(j->list->prefix.p, j->list->prefix.n), *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
    else
        path[0] = '\0';
    const char *relative = path + strspn(path, "/");
    int fd = folder_open(j->folder->root_fd, relative[0] != '\0' ? relative : ".",
                         O_RDONLY | O_DIRECTORY, 0);
    if (fd >= 0)
        walk(j, fd, path, 0);
    else
        j->err = fd == -ENOENT || fd == -ENOTDIR ? 0 : folder_err(-fd);
    shorten(j);
    mem_free(path);
}

static void list_done(struct iojob *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    struct connector_list *l = j->list;
    int err = j->err;
    l->entries = arena_alloc(&l->mem, (j->count + 1) * sizeof *l->entries);
    l->count = 0;
    l->next = SPAN_NONE;
    for (size_t i = 0; i < j->count; i++) {
        struct connector_entry e = j->found[i];
        e.path = arena_dup(&l->mem, e.path);
        mem_free((char *)(uintptr_t)j->found[i].path.p);
        if (!arena_overflowed(&l->mem))
            l->entries[l->count++] = e;
    }
    if (j->is_cut && l->count > 0)
        l->next = l->entries[l->count - 1].path;
    if (err == 0 && arena_overflowed(&l->mem))
        err = ERR_TOO_BIG;
    mem_free(j->found);
    mem_free(j);
    l->done(l, err);
}

void folder_list(struct connector *c, struct connector_list *l)
{
    struct list_job *j = mem_zalloc(sizeof *j);
    *j = (struct list_job){
        .job = {.run = list_run, .done = list_done}, .folder = folder_of(c), .list = l};
    j->found = mem_zarray(2 * CONNECTOR_LIST_MAX + 1, sizeof *j->found);
    int err = iopool_submit(j->folder->io, l->home, &j->job);
    if (err == 0)
        return;
    mem_free(j->found);
    mem_free(j);
    l->done(l, err);
}
