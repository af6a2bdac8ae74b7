/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_CONTENT_H
#define ORIGIN_CONNECT_REMOTE_CONTENT_H

#include "lib/http/date.h"
#include "origin/connect/remote_read.h"

/* A content of a storage across a network; shared by its asker and its bodies, on one loop. */
struct remote_content {
    struct content content; /* first */
    uint32_t magic;
    int refs;
    struct remote_loop *at;
    char *path;
    int64_t size_bytes;
    char etag[CONNECTOR_ETAG_ROOM];
    char last_modified[DATE_BYTES + 1]; /* "": none */
    struct remote_read *begun;          /* the answer that told of it, not yet read; NULL: none */
};
#define REMOTE_CONTENT_MAGIC 0x2e307e01U

/* remote_content_create: takes the answer that told of it; its body is kept to be read. */
struct content *remote_content_create(struct remote_loop *at, const struct connector_find *find,
                                      struct remote_read *answer);
/* remote_content_is: whether an answer is of this same version. */
bool remote_content_is(const struct remote_content *c, const struct response_head *head);

#endif
