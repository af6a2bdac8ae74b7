/* SPDX-License-Identifier: MIT */
#ifndef EDGE_REQUEST_ERRAND_H
#define EDGE_REQUEST_ERRAND_H

#include "edge/request/req_worker.h"
#include "edge/upstream/errand_terms.h"

/* A GET that no client asked for: it goes through all the steps of a request, so that it finds what
 * a client would find and brings what a client would bring, from the same tiers, once; but its body
 * goes nowhere. What is here already is left where it lies; what is absent is brought at the pace
 * of its terms, behind whoever has a client (edge/upstream/gate.h). It is on no client's account.
 *
 *   ASKING ─ an object ─> BRINGING ─ each absent run, to its end ─> done
 *      └─ anything else, a fault ────────────────┴────────────────> done: why
 *
 * Threads: the worker's. */
struct errand;

struct errand_spec {
    struct span url;            /* absolute; borrowed during the call */
    struct errand_terms *terms; /* borrowed until it is done */
    _Atomic uint64_t *brought;  /* set to the bytes that came from elsewhere, as they come */
};

struct errand_result {
    const char *why; /* NULL: all of it is here; else a constant sentence */
    bool is_lasting; /* asking again would not help */
    int status;      /* of the answer; 0: none */
    int64_t size;    /* -1: not known */
    int64_t kept_bytes;
    bool is_pinned;
};
typedef void (*errand_done_fn)(void *ctx, const struct errand_result *result);

/* errand_start: done is called once, never from inside, unless errand_cancel came before. */
struct errand *errand_start(struct req_worker *w, const struct errand_spec *spec,
                            errand_done_fn done, void *ctx) __attribute__((returns_nonnull));
void errand_cancel(struct errand **e); /* what it brought stays */
/* errand_stop: ends all of a worker's, each with a call. */
void errand_stop(struct req_worker *w);

#endif
