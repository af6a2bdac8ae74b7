/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_FLIGHT_H
#define EDGE_UPSTREAM_FLIGHT_H

#include "edge/policy/freshness.h"
#include "edge/upstream/collapse.h"
#include "edge/upstream/fetch.h"

/* A flight: the one fetch of a key for everybody who waits for it. Belongs to no client: asks
 * upstream, decides by policy whether the answer may be stored, makes the object, starts the fill
 * that brings its bytes, and lands. The client that led may leave; the flight goes on.
 * Threads: its worker's. */
struct flight;

/* What the leader alone gets when the flight lands (a crowd gets collapse_waiter). */
struct flight_result {
    enum collapse_outcome outcome;
    int err;
    struct object *object; /* OBJECT: a reference, takes */
    /* PASS: the answer at hand, head and unread body; takes; NULL where it was not wanted.
     * at: which byte its body begins with, -1: it is no range that we made up. */
    struct fetch *fetch;
    int64_t at;
    enum storable why;  /* PASS: why not stored; STORABLE_YES: there was no room */
    int status;         /* of upstream's answer; 0: none */
    struct span origin; /* asked last; borrowed during the call */
    bool is_stored, is_revalidated;
    /* OBJECT: fields that came and that the object does not keep: the leader's alone. Borrowed
     * during the call. */
    const struct fields *withheld;
};
/* All of them for the leader; a crowd is told by collapse. */
struct flight_events {
    /* An interim answer, before landed; head is borrowed during the call. flight_forget is fine. */
    void (*informed)(void *ctx, const struct response_head *head);
    void (*landed)(void *ctx, struct flight_result *r);
};

struct flight_spec {
    struct source *source;              /* referenced */
    struct hash128 flight_key;          /* as joined in collapse with LEAD */
    const struct request_head *request; /* Vary's values, Authorization; copied by source */
    struct store_key key;               /* copied */
    struct object *stale;               /* to be validated; referenced; NULL: none */
    /* blocks wanted first (a range on a cold object): bytes [first, last], as fetch_ask has them;
     * both -1: the whole. */
    int64_t first, last;
};
/* flight_start: landed is called once, never from inside, unless flight_forget came before.
 * events NULL: nobody leads. */
struct flight *flight_start(struct fetcher *fr, const struct flight_spec *spec,
                            const struct flight_events *events, void *ctx);
void flight_forget(struct flight *f); /* the leader left: no call; an answer not stored is cut */

/* flight_stop: ends all of a worker's flights; who waits gets ERR_CANCELLED. */
void flight_stop(struct fetcher *fr);

/* flight_cold_range: what to ask for so that the blocks of a client's first range come:
 * out[0], out[1] in the sense of first and last above. Pure. */
struct range_spec;
void flight_cold_range(const struct range_spec *spec, int64_t block_bytes, int64_t out[2]);

#endif
