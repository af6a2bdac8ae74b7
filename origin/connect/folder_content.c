/* SPDX-License-Identifier: MIT
 *
 * An open file, held by whoever sends its bytes, and the question whether it is still the same. */
#include "lib/base/mem.h"
#include "origin/connect/folder_body.h"

#include <unistd.h>

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
