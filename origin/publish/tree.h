/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_TREE_H
#define ORIGIN_PUBLISH_TREE_H

#include "lib/base/buf.h"
#include "origin/connect/manifest.h"

#include <sys/stat.h>

/* The files of a release as they lie in a folder, and what the hashing of them found. */
struct tree_file {
    int root_fd;                /* of the folder that it lies in; the tree's */
    struct manifest_file entry; /* path, size; digests once it is hashed */
    int64_t release_at; /* where it begins among all files one after the other; -1: it is a delta */
    struct stat seen;   /* when it was met: a file that changes meanwhile is refused */
};

#define TREE_ROOTS_MAX 2
struct tree {
    int root_fds[TREE_ROOTS_MAX]; /* the first `roots` */
    int roots;
    struct arena mem;
    struct tree_file *files; /* in the order of their paths */
    size_t count, room;
    int64_t bytes;
    uint8_t (*pieces)[DIGEST_SHA1_BYTES]; /* of the manifest, once hashed */
    size_t piece_count;
};

/* tree_open: an empty one. tree_add: walks a folder, whose files are put among the others. Links
 * and special files are refused, by name: a release is what its bytes are. 0, or ERR_NOT_FOUND
 * (also where it has no files), ERR_DENIED, ERR_IO, ERR_TOO_BIG and why. */
void tree_open(struct tree *t);
MUST_USE int tree_add(struct tree *t, const char *folder, struct buf *why);
void tree_close(struct tree *t);

/* tree_file_open: a descriptor for reading, or ERR_CHANGED, ERR_IO. Threads: any.
 * tree_file_is_unchanged: since it was met. */
MUST_USE int tree_file_open(const struct tree_file *f);
bool tree_file_is_unchanged(const struct tree_file *f, int fd);

#endif
