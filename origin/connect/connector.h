/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_CONNECTOR_H
#define ORIGIN_CONNECT_CONNECTOR_H

#include "lib/base/clock.h"
#include "lib/net/loop.h"
#include "lib/web/body.h"

/* One kind of storage behind one operations table: the rest of the origin never asks which kind.
 *
 * A look-up finds what stands at a path now and holds it: the content that it gives stays the same
 * bytes whatever happens at that path later, or its body breaks. It is never a mixture.
 * Threads: a connector is shared by all workers; find() and the content belong to the asking
 * loop. */
struct connector;
struct content;

#define CONNECTOR_ETAG_ROOM 64

struct connector_find {
    /* in */
    struct span
        path; /* absolute, decoded, no "." or ".." segments needed: the connector confines */
    struct loop *home;
    void (*done)(struct connector_find *f, int err);
    /* out, when done() says 0 */
    struct content *content; /* the asker's: content_close */
    int64_t size_bytes;
    sec_t last_modified;
    char etag[CONNECTOR_ETAG_ROOM]; /* strong, quotes included */
};

struct connector_ops {
    const char *name; /* as in the options */
    /* Never blocks; done() may come from inside. f is the connector's until then.
     * ERR_NOT_FOUND; ERR_DENIED (outside the store, or no right to read); ERR_BUSY (too many at
     * once: 503); ERR_IO. */
    void (*find)(struct connector *c, struct connector_find *f);
    /* Bytes [from, from + len) of a content, which must stay open for as long. */
    struct body *(*body)(struct content *content, struct loop *home, int64_t from, int64_t len);
    void (*content_close)(struct content *content);
    void (*destroy)(struct connector *c); /* no look-up and no content may be left */
};

struct connector {
    const struct connector_ops *ops;
};

static inline void connector_destroy(struct connector **c)
{
    struct connector *it = *c;
    *c = NULL;
    if (it != NULL)
        it->ops->destroy(it);
}

#endif
