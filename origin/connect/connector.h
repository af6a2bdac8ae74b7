/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_CONNECTOR_H
#define ORIGIN_CONNECT_CONNECTOR_H

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/net/loop.h"
#include "lib/web/body.h"

/* One kind of storage behind one operations table: the rest of the origin never asks which kind.
 *
 * A look-up finds what stands at a path now and holds it: the content that it gives stays the same
 * bytes whatever happens at that path later, or its body breaks. It is never a mixture.
 * Paths are absolute and decoded ("/a/b c"); the connector confines them.
 * Threads: a connector is shared by all workers; what is asked of it belongs to the asking loop. */
struct connector;
struct content;

/* A content knows how its bytes come. Each kind's own begins with this. Belongs to the loop that
 * asked. */
struct content_ops {
    /* Bytes [from, from + len), which must lie within it; outlives content_close. */
    struct body *(*body)(struct content *c, struct loop *home, int64_t from, int64_t len);
    void (*close)(struct content *c);
};
struct content {
    const struct content_ops *ops;
};

static inline struct body *content_body(struct content *c, struct loop *home, int64_t from,
                                        int64_t len)
{
    return c->ops->body(c, home, from, len);
}

/* content_close: takes *c; NULL is fine. */
static inline void content_close(struct content **c)
{
    struct content *it = *c;
    *c = NULL;
    if (it != NULL)
        it->ops->close(it);
}

#define CONNECTOR_ETAG_ROOM 256
#define CONNECTOR_TYPE_ROOM 128

struct connector_find {
    /* in */
    struct span path;
    struct loop *home;
    /* Which bytes will most likely be read: a storage across a network then answers look-up and
     * first read in one exchange. A hint: others may be read, or none. */
    bool will_read;
    int64_t read_from, read_len; /* -1: to the end */
    void (*done)(struct connector_find *f, int err);
    /* out, when done() says 0 */
    struct content *content; /* the asker's: content_close */
    int64_t size_bytes;
    sec_t last_modified;                    /* -1: unknown */
    char etag[CONNECTOR_ETAG_ROOM];         /* quotes included, W/ where it is weak; "": none */
    char content_type[CONNECTOR_TYPE_ROOM]; /* as the storage has it; "": unknown */
    bool has_sha256;                        /* of the whole, as the publisher left it */
    uint8_t sha256[DIGEST_SHA256_BYTES];
    bool has_mirrors; /* a list of them stands beside it (mirror_doc.h); false before */
    /* out, when done() says ERR_BUSY */
    sec_t retry_after_s; /* 0: not told */
};

/* One page of what lies in a storage, in the order of bytes. */
struct connector_entry {
    struct span path;
    int64_t size_bytes;
    uint64_t mark; /* another one for another content, as far as the storage tells them apart */
};
struct connector_list {
    /* in */
    struct span prefix; /* of the path; what it names up to its last '/' is looked through */
    struct span after;  /* `next` of the page before; empty: the first page */
    struct loop *home;
    void (*done)(struct connector_list *l, int err);
    /* out, when done() says 0; in mem */
    struct connector_entry *entries;
    size_t count;
    struct span next; /* empty: this was the last page */
    struct arena mem; /* the asker's: initialised, and finished by it */
};
#define CONNECTOR_LIST_MAX 1000

/* A new content at a path, in place of the old one, whole or not at all. */
struct connector_put {
    /* in */
    struct span path;
    struct loop *home;
    int64_t size_bytes;
    struct span content_type; /* empty: by the path's ending, or none */
    const uint8_t *sha256;    /* of the whole, kept beside it */
    bool is_commit;           /* what was put before outlives a crash wherever this does */
    bool is_new;              /* nothing stands there: saves looking what the old one was made of */
    /* Bytes [from, from + len): asked for once or, where something had to be sent again, more
     * often. */
    struct body *(*open)(struct connector_put *p, int64_t from, int64_t len);
    void (*progress)(struct connector_put *p, int64_t sent_bytes); /* may be NULL */
    void (*done)(struct connector_put *p, int err);
};

struct connector_remove {
    struct span path;
    struct loop *home;
    void (*done)(struct connector_remove *r, int err); /* ERR_NOT_FOUND: there was nothing */
};

struct connector_ops {
    const char *name; /* as in the options */
    /* On each loop that will ask, before its first and after its last question; leave: what is
     * still under way ends with ERR_CANCELLED. NULL: not needed. */
    void (*enter)(struct connector *c, struct loop *home);
    void (*leave)(struct connector *c, struct loop *home);
    /* Never blocks; done() may come from inside. f is the connector's until then.
     * ERR_NOT_FOUND; ERR_DENIED (outside the store, or no right to read); ERR_BUSY (too many at
     * once: 503); ERR_TIMEOUT, ERR_REFUSED, ERR_IO, ... (the storage fails). */
    void (*find)(struct connector *c, struct connector_find *find);
    /* As find: never block, done() may come from inside, and the errors are the same. */
    void (*list)(struct connector *c, struct connector_list *l);
    void (*put)(struct connector *c, struct connector_put *p);
    void (*remove)(struct connector *c, struct connector_remove *r);
    void (*destroy)(struct connector *c); /* nothing is under way, no content is left */
};

struct connector {
    const struct connector_ops *ops;
};

static inline void connector_enter(struct connector *c, struct loop *home)
{
    if (c->ops->enter != NULL)
        c->ops->enter(c, home);
}

static inline void connector_leave(struct connector *c, struct loop *home)
{
    if (c->ops->leave != NULL)
        c->ops->leave(c, home);
}

static inline void connector_destroy(struct connector **c)
{
    struct connector *it = *c;
    *c = NULL;
    if (it != NULL)
        it->ops->destroy(it);
}

#endif
