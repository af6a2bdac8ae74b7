/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_FOLDER_BODY_H
#define ORIGIN_CONNECT_FOLDER_BODY_H

#include "lib/net/iopool.h"
#include "origin/connect/connector.h"

#include <sys/stat.h>

/* An open file and how it was when it was opened. folder_content_create takes fd.
 * folder_content_close gives back the asker's hold; the file closes with its last body. */
struct content *folder_content_create(int fd, const struct stat *st, struct iopool *io);
void folder_content_close(struct content *content);
struct body *folder_body_create(struct content *content, struct loop *home, int64_t from,
                                int64_t len);

#endif
