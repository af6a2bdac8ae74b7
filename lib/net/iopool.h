/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_IOPOOL_H
#define LIB_NET_IOPOOL_H

#include "lib/net/loop.h"

/* Threads for calls that block (opening files, cold reads, SQLite). A job is embedded in something
 * bigger, which belongs to the pool from submit until done() was called on the submitter's loop. */
struct iopool;
struct iojob {
    struct mail mail; /* first: brings it home */
    struct list link;
    struct loop *home;
    void (*run)(struct iojob *j);  /* on a pool thread; may block */
    void (*done)(struct iojob *j); /* on home's thread */
};

struct iopool *iopool_create(int threads, size_t queue_bound);
/* iopool_destroy: finishes what is queued, joins the threads. done() calls may still be in mail. */
void iopool_destroy(struct iopool **p);
/* 0, or ERR_BUSY: queue_bound jobs wait already. Threads: any loop's. */
MUST_USE int iopool_submit(struct iopool *p, struct loop *home, struct iojob *j);

#endif
