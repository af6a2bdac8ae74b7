/* SPDX-License-Identifier: MIT
 *
 * An open file, held by whoever sends its bytes, and the question whether it is still the same. */
#include "lib/base/mem.h"
#include "origin/connect/folder_body.h"

#include <unistd.h>

static struct folder_content *folder_content_of(struct content *c)
{
    return CONTAINER_OF(c, struct folder_content, content);
}

static struct body *body_by_sendfile(struct content *c, struct loop *home, int64_t from,
                                     int64_t len)
{
    return folder_body_create(folder_content_of(c), home, from, len);
}

static struct body *body_by_copy(struct content *c, struct loop *home, int64_t from, int64_t len)
{
    return folder_copy_create(folder_content_of(c), home, from, len);
}

static void close_content(struct content *c)
{
    folder_content_leave(folder_content_of(c));
}

static const struct content_ops sendfile_ops = {body_by_sendfile, close_content};
static const struct content_ops copy_ops = {body_by_copy, close_content};

struct content *folder_content_create(const struct folder *f, int fd, const struct stat *st)
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

void folder_content_leave(struct folder_content *c)
{
    CHECK_OBJ(c, FOLDER_CONTENT_MAGIC);
    if (--c->refs > 0)
        return;
    close(c->fd);
    c->magic = 0;
    mem_free(c);
}

static bool same_moment(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* ctime changes with every write, but also when the file is unlinked or renamed over (its link
 * count
 * falls): that is a replacement, and the held bytes are still the old ones. */
bool folder_content_is_unchanged(const struct folder_content *c)
{
    struct stat st;
    if (fstat(c->fd, &st) != 0 || st.st_size != c->st.st_size ||
        !same_moment(&st.st_mtim, &c->st.st_mtim))
        return false;
    return same_moment(&st.st_ctim, &c->st.st_ctim) || st.st_nlink != c->st.st_nlink;
}
