/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_FETCH_H
#define ORIGIN_CONNECT_FETCH_H

#include "lib/base/buf.h"
#include "origin/connect/connector.h"

/* A small content of a storage, whole, in memory. Embedded; on its loop. */
struct connector_fetch {
    /* in */
    struct connector *from;
    struct span path;
    struct loop *home;
    size_t max_bytes;
    /* Once, perhaps from inside connector_fetch_start. ERR_TOO_BIG: larger than max_bytes; else as
     * find and body. */
    void (*done)(struct connector_fetch *f, int err);
    struct buf bytes; /* out; buf_finish is the owner's */
    /* private */
    struct connector_find find;
    struct body *body;
};
void connector_fetch_start(struct connector_fetch *f);

#endif
