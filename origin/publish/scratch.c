/* SPDX-License-Identifier: MIT
 *
 * Whose lock is free has no run any more. Who makes a folder locks it right after, and a sweep may
 * come between: then the new one is gone, and another is made. */
#include "origin/publish/scratch.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME     "byeori-delta-"
#define FTW_OPEN 16

static const char *home(void)
{
    const char *temporary = getenv("TMPDIR");
    return temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp";
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

static void remove_all(const char *path)
{
    (void)nftw(path, remove_one, FTW_OPEN, FTW_DEPTH | FTW_PHYS);
}

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void remove_if_left(const char *path)
{
    struct stat st;
    int fd = open_folder(path);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        remove_all(path);
    if (fd >= 0)
        close(fd);
}

static void sweep(void)
{
    DIR *d = opendir(home());
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, NAME, strlen(NAME)) != 0)
            continue;
        char *path = mem_printf("%s/%s", home(), e->d_name);
        remove_if_left(path);
        mem_free(path);
    }
    if (d != NULL)
        closedir(d);
}

static bool is_there_still(const struct scratch *s)
{
    struct stat named, held;
    return fstat(s->fd, &held) == 0 && stat(s->path, &named) == 0 && named.st_ino == held.st_ino &&
           named.st_dev == held.st_dev;
}

static bool make(struct scratch *s)
{
    snprintf(s->path, sizeof(s->path), "%s/" NAME "XXXXXX", home());
    if (mkdtemp(s->path) == NULL)
        return false;
    s->fd = open_folder(s->path);
    return s->fd >= 0 && flock(s->fd, LOCK_EX) == 0;
}

int scratch_open(struct scratch *s, struct buf *why)
{
    enum { TRIES = 100 };
    s->fd = -1;
    sweep();
    for (int tries = 0; tries < TRIES; tries++) {
        bool is_made = make(s);
        if (is_made && is_there_still(s))
            return 0;
        int failed = errno;
        if (s->fd >= 0)
            close(s->fd);
        s->fd = -1;
        if (!is_made && failed != ENOENT) {
            errno = failed;
            break;
        }
    }
    buf_printf(why, "%s: %s", s->path, strerror(errno));
    s->path[0] = '\0';
    return ERR_IO;
}

void scratch_close(struct scratch *s)
{
    if (s->path[0] == '\0')
        return;
    remove_all(s->path);
    close(s->fd);
    s->path[0] = '\0';
}
