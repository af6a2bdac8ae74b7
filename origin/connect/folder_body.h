/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_FOLDER_BODY_H
#define ORIGIN_CONNECT_FOLDER_BODY_H

#include "origin/connect/folder_inner.h"

#include <sys/stat.h>

/* An open file and how it was when it was opened. Everything on one loop. */
struct folder_content {
    struct content content; /* first */
    uint32_t magic;
    int refs; /* the asker's and one for each body and each read under way */
    int fd;
    struct stat st;
    struct iopool *io;
};
#define FOLDER_CONTENT_MAGIC 0x0f01de40U

/* folder_content_leave: gives back one hold; the last one closes. */
void folder_content_leave(struct folder_content *c);
/* Whether the file's bytes are still those of when it was opened. */
bool folder_content_is_unchanged(const struct folder_content *c);

/* folder_body_create: for sendfile, straight from the page cache. folder_copy_create: read into
 * memory
 * first and looked at after the read, so that it is exact also for files that are overwritten in
 * place
 * without being truncated: those change under a sendfile even when it has returned, because the
 * socket's queue refers to the same pages. */
struct body *folder_body_create(struct folder_content *content, struct loop *home, int64_t from,
                                int64_t len);
struct body *folder_copy_create(struct folder_content *content, struct loop *home, int64_t from,
                                int64_t len);

#endif
