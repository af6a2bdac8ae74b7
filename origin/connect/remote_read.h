/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_READ_H
#define ORIGIN_CONNECT_REMOTE_READ_H

#include "origin/connect/remote_ask.h"

/* A GET (or HEAD) of an object and the bytes that follow. The storage may answer with more than was
 * asked for (200 to a range): what stands before the range is skipped, so that the bytes read are
 * always [from, to). Everything on its loop. */
struct remote_read {
    /* in */
    struct remote_ask ask; /* remote_ask_init by remote_read_init */
    int64_t from, to;      /* to: -1: the end */
    void (*done)(struct remote_read *r, int err);
    void (*readable)(struct remote_read *r); /* may be NULL */
    void *owner;
    /* out, from done() with 0 on */
    int64_t at, end, skip; /* the bytes still to come: [at, end), after `skip` others */
    char *path;            /* owned */
    char range[48];
};

/* remote_read_init: path is copied. Conditions may be added to the ask before the start. */
void remote_read_init(struct remote_read *r, struct remote_loop *at, enum method method,
                      struct span path);
void remote_read_start(struct remote_read *r, int64_t from, int64_t to);
/* remote_read_take: > 0 bytes; 0: all of [from, to) was read; ERR_AGAIN; or broken. */
ssize_t remote_read_take(struct remote_read *r, void *dst, size_t room);
void remote_read_end(struct remote_read *r);

#endif
