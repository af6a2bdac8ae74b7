/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_RELEASE_DOC_H
#define ORIGIN_CONNECT_RELEASE_DOC_H

#include "lib/net/iopool.h"
#include "origin/connect/connector.h"
#include "origin/connect/mirror_doc.h"

/* A document made of a release's manifest, given as what a look-up found: written on an I/O thread,
 * since that of a whole release may take milliseconds. Embedded in its owner, which keeps the
 * manifest as it is until `over`. */
struct release_doc {
    /* in */
    struct mirror_doc what;
    enum mirror_kind kind;
    struct connector_find *asked; /* filled when it is written; its done() is the owner's to call */
    void (*over)(struct release_doc *d, int err);
    /* private */
    struct iojob job;
    struct buf text;
    int err;
};
/* release_doc_start: over() follows, perhaps from inside (ERR_BUSY). */
void release_doc_start(struct release_doc *d, struct iopool *io);

#endif
