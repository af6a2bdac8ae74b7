/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_HASHER_H
#define ORIGIN_PUBLISH_HASHER_H

#include "origin/publish/tree.h"

/* SHA-256 of each file of a tree that has none yet, and of each of its blocks, and SHA-1 of blocks
 * as torrents have them (manifest.h), in one pass, several files at a time, the largest first.
 * Blocks until it is done; call it from a thread that may. */
struct hasher_spec {
    struct tree *tree;
    int64_t block_bytes;
    int threads;
    /* Bytes done so far; on the calling thread, several times a second. May be NULL. */
    void (*progress)(void *ctx, int64_t done_bytes);
    void *ctx;
};
/* hasher_run: 0; ERR_CHANGED, ERR_IO and why: the first file that failed. */
MUST_USE int hasher_run(const struct hasher_spec *spec, struct buf *why);

#endif
