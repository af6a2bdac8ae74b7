/* SPDX-License-Identifier: MIT */
#ifndef EDGE_CLUSTER_MCACHE_H
#define EDGE_CLUSTER_MCACHE_H

#include "lib/base/buf.h"
#include "lib/base/option.h"
#include "lib/net/loop.h"

/* memcached servers, shared by the edges that name the same ones in the same order: keys are spread
 * by ketama. The library blocks, so it is called on threads of its own with short deadlines; what
 * does not get through in time, or finds the queue full, is a miss. A server that failed is left
 * alone for a second, then tried by a question that nobody waits for. Values are not looked at.
 * Threads: open and close main's; the rest the user's own. */
struct mcache_options {
    struct option_texts servers; /* "127.0.0.1:11211"; none: not used */
    int64_t timeout_ms;          /* of one call */
    int64_t item_max_bytes;      /* larger values are not put */
    int64_t threads;
};
extern const struct option_section mcache_section; /* single */

struct mcache;
/* mcache_open: 0 and *out (NULL where no server is named), or ERR_CONFIG and a line in why. Does
 * not connect. options outlives it. mcache_close: after every user is finished; NULL is fine. */
MUST_USE int mcache_open(struct mcache **out, const struct mcache_options *options,
                         struct buf *why);
void mcache_close(struct mcache **m);
void mcache_write_metrics(struct mcache *m, struct buf *out); /* NULL is fine */

/* One worker's way to it. */
struct mcache_user {
    struct mcache *shared; /* NULL: there is none */
    struct loop *loop;
    uint32_t running; /* calls on their way */
};
void mcache_user_init(struct mcache_user *u, struct mcache *m, struct loop *l);
/* mcache_user_finish: waits for what is on its way (a deadline or two). */
void mcache_user_finish(struct mcache_user *u);

/* mcache_get: done comes once, not from inside, with the value (takes: mem_free) or NULL.
 * NULL returned: a miss at once, and done does not come. mcache_forget: done does not come. */
struct mcache_get;
typedef void (*mcache_fn)(void *ctx, uint8_t *value, size_t bytes);
struct mcache_get *mcache_get(struct mcache_user *u, const char *key, mcache_fn done, void *ctx);
void mcache_forget(struct mcache_get **g);

/* mcache_room: memory for a value to be put, or NULL: too large, or not now. mcache_put:
 * takes it; nobody hears what became of it. ttl_s: it is of no use afterwards. */
uint8_t *mcache_room(struct mcache_user *u, size_t bytes);
void mcache_put(struct mcache_user *u, const char *key, uint8_t *value, size_t bytes, sec_t ttl_s);

#endif
