/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_DELTA_H
#define ORIGIN_PUBLISH_DELTA_H

#include "lib/net/iopool.h"
#include "origin/connect/connector.h"
#include "origin/publish/tree.h"

/* Deltas from an earlier release: for each file that both have at the same path and that differs,
 * "<path>.dcz-<sha256 of the old one>" in a folder of its own: the new content as a difference from
 * the old, a Dictionary-Compressed Zstandard stream (RFC 9842 s.2.1). Who has the old file says so
 * (Available-Dictionary) and gets that. Old files above ZSTD_DELTA_BASE_MAX get none, and a delta
 * that is no better than nine tenths of its file is not kept. Each job holds an old file in memory,
 * and tables of zstd that may be as large. Runs on the caller's loop, which has entered the
 * storage; compression runs on I/O threads. */
struct delta_run;
struct deltas {
    /* in */
    struct connector *from;
    struct loop *home;
    struct iopool *io;
    const struct tree *tree; /* hashed */
    struct span name;        /* of the earlier release */
    const char *folder;      /* where they are written; empty */
    int level;               /* of zstd */
    uint32_t jobs;           /* files at a time */
    void (*done)(struct deltas *d, int err);
    /* out */
    size_t count;                 /* made and kept */
    int64_t new_bytes, dcz_bytes; /* of those: of the files, of the deltas */
    struct buf why;               /* of an error; the owner's to finish */
    /* private */
    struct delta_run *run;
};
/* deltas_start: done follows, perhaps from inside. */
void deltas_start(struct deltas *d);

#endif
