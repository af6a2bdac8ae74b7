/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_STATE_STATE_H
#define CONTROL_STATE_STATE_H

#include "lib/base/buf.h"
#include "lib/base/check.h"

/* The control plane's durable facts: a value (JSON text) for each key, in a few kinds. Several
 * homes stand behind one operations table. Who writes keeps the facts in memory as well and reads
 * them back only at start, so a home needs three things: read a kind whole, change many facts
 * at once or none, and keep what it acknowledged through a crash of the process or the machine.
 * Calls block: they belong on the state's own thread (state_queue.h), or at start on the main one.
 * Threads: one at a time. */
enum state_kind {
    STATE_META,     /* schema of the facts, id of the purge log, version of the sites */
    STATE_NODE,     /* key: id            a node's record and how it was when last seen */
    STATE_SITE,     /* key: name          its document (lib/proto/README.md) */
    STATE_PURGE,    /* key: seq           20 digits, so that keys sort as numbers do */
    STATE_USAGE,    /* key: bucket/node/site   totals of five minutes */
    STATE_POSITION, /* key: node/boot/site     counters as last reported */
    STATE_TOKEN,    /* key: name          rights and digest of a token */
    STATE_AUDIT,    /* key: seq           20 digits; who changed what */
    STATE_CONFIG,   /* key: version       20 digits; a version of the configuration */
    STATE_SECRET,   /* key: SHA-256       what documents name by it (access/secrets.h) */
    STATE_PREFILL,  /* key: id            an order, and the nodes that it is for */
    STATE_KIND_COUNT
};

struct state_change {
    enum state_kind kind;
    struct span key;
    struct span value; /* p == NULL: the key is taken out (no fault where there is none) */
};

/* One fact, in the order of keys as bytes. Spans live during the call. false: enough. */
typedef bool (*state_each_fn)(void *ctx, struct span key, struct span value);

struct state;
struct state_ops {
    const char *name;
    /* All of them, or none and ERR_IO, ERR_NO_SPACE, ERR_BUSY. After 0 they survive a crash. */
    int (*commit)(struct state *s, const struct state_change *changes, size_t count);
    /* Facts of a kind whose key is at or after `from` (empty: all). 0 or ERR_IO. */
    int (*each)(struct state *s, enum state_kind kind, struct span from, state_each_fn fn,
                void *ctx);
    /* What an instance that only routes needs (meta, nodes, sites, versions) as a file of the same
     * form, written beside and renamed. 0 or ERR_IO, ERR_NO_SPACE, ERR_UNSUPPORTED. */
    int (*snapshot)(struct state *s, const char *file);
    /* What facts were before they were changed is gone from the medium as well, as far as this
     * home can. May take as long as copying all of it. 0 or ERR_IO, ERR_NO_SPACE. */
    int (*scrub)(struct state *s);
    void (*close)(struct state *s);
};

struct state {
    const struct state_ops *ops;
};

MUST_USE static inline int state_commit(struct state *s, const struct state_change *changes,
                                        size_t count)
{
    return s->ops->commit(s, changes, count);
}

MUST_USE static inline int state_each(struct state *s, enum state_kind kind, struct span from,
                                      state_each_fn fn, void *ctx)
{
    return s->ops->each(s, kind, from, fn, ctx);
}

MUST_USE static inline int state_snapshot(struct state *s, const char *file)
{
    return s->ops->snapshot(s, file);
}

MUST_USE static inline int state_scrub(struct state *s)
{
    return s->ops->scrub(s);
}

/* state_close: takes *s; NULL is fine. */
static inline void state_close(struct state **s)
{
    struct state *it = *s;
    *s = NULL;
    if (it != NULL)
        it->ops->close(it);
}

/* state_sqlite_open: a file (made where there is none, mode 0600), for one process at a time.
 * 0 and *out, or ERR_BUSY (another process has it), ERR_CORRUPT, ERR_VERSION (of a newer program),
 * ERR_DENIED, ERR_IO, with a sentence in why. */
MUST_USE int state_sqlite_open(struct state **out, const char *file, struct buf *why);
/* state_memory_create: forgets all at the end; for tests. fail_after: that many commits succeed,
 * later ones give ERR_IO; -1: all succeed. */
struct state *state_memory_create(int fail_after) __attribute__((returns_nonnull));

#endif
