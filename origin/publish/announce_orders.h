/* SPDX-License-Identifier: MIT */
/* private to origin/publish */
#ifndef ORIGIN_PUBLISH_ANNOUNCE_ORDERS_H
#define ORIGIN_PUBLISH_ANNOUNCE_ORDERS_H

#include "origin/publish/publish.h"

/* What the control plane is told of a release, order by order, as the JSON of its API. Pure. */
struct announce_orders {
    /* in */
    struct span site, name;
    const char *edges; /* NULL: nothing is prefilled */
    const struct tree *tree;
    const struct publish_changes *changes;
    /* private */
    size_t file, ending; /* of the next purge */
    size_t urls;         /* given to prefills so far */
};

/* announce_next_purge: into `body`; false: that was all. Where few files changed, each of them
 * with the documents beside it (mirror_doc.h); else all that begins as the release does. At the end
 * the documents of the release.
 * announce_next_prefill: files of the release, deltas left out, as many as one order may hold. */
bool announce_next_purge(struct announce_orders *o, struct buf *body);
bool announce_next_prefill(struct announce_orders *o, struct buf *body);

/* announce_token: what a token's file holds, without the line's end. */
struct span announce_token(struct span text);

#endif
