/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_PREFILL_H
#define LIB_PROTO_PREFILL_H

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

/* What is ordered to be brought to edges before anybody asks, and how far that is: lib/proto's
 * README describes every field. Pure. Decoded spans live as long as `mem`. */
#define PREFILL_URLS_MAX     10000
#define PREFILL_BODY_BYTES   ((size_t)768 << 10) /* of an order, as JSON */
#define PREFILL_ID_BYTES     32                  /* letters, digits, '-' */
#define PREFILL_PARALLEL     4                   /* where the order does not say */
#define PREFILL_PARALLEL_MAX 16
#define PREFILL_PIN_MAX_S    ((uint64_t)366 * 86400)

struct prefill_order {
    struct span id;      /* empty: none was given */
    uint64_t rate_per_s; /* bytes, of each edge; 0: no bound */
    msec_t pin_until;    /* wall; 0: nothing is pinned */
    uint32_t parallel;   /* URLs at a time */
    struct span *urls;   /* absolute */
    size_t url_count;
};
/* prefill_order_read: o: an object of `in`, whose faults stick there. prefill_order_write: as
 * members of an object that is open. */
void prefill_order_read(struct json_in *in, const struct json_t *o, msec_t now_wall,
                        struct prefill_order *out, struct arena *mem);
void prefill_order_write(const struct prefill_order *order, struct json_out *o);

#define PREFILL_STATES(X)                                                                          \
    X(WAITING, "waiting") /* to be asked for, or to be tried again */                              \
    X(RUNNING, "running")                                                                          \
    X(DONE, "done")                                                                                \
    X(FAILED, "failed") /* a job: some of it */                                                    \
    X(CANCELLED, "cancelled")
enum prefill_state {
#define X(id, name) PREFILL_##id,
    PREFILL_STATES(X)
#undef X
};
const char *prefill_state_name(enum prefill_state s);
static inline bool prefill_is_over(enum prefill_state s)
{
    return s == PREFILL_DONE || s == PREFILL_FAILED || s == PREFILL_CANCELLED;
}

/* How far one job is on one edge. */
#define PREFILL_SUMS(X)                                                                            \
    X(urls, "how many it has")                                                                     \
    X(done, "of them, those that are here")                                                        \
    X(failed, "of them, those that cannot be had, or kept")                                        \
    X(size_bytes, "of those whose size is known")                                                  \
    X(kept_bytes, "of them, those that are here")                                                  \
    X(brought_bytes, "that this run brought from elsewhere")                                       \
    X(pinned_bytes, "that stay until the deadline")
struct prefill_report {
    struct span id;
    enum prefill_state state;
#define X(name, meaning) uint64_t name;
    PREFILL_SUMS(X)
#undef X
    struct span fault; /* of the URL that failed last: "URL: why"; empty: none has */
};
#define PREFILL_FAULT_BYTES 512
void prefill_report_write(const struct prefill_report *r, struct json_out *o); /* members */
void prefill_report_read(struct json_in *in, const struct json_t *o, struct prefill_report *out,
                         struct arena *mem);

#endif
