/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_FETCH_H
#define EDGE_UPSTREAM_FETCH_H

#include "edge/upstream/fetcher.h"
#include "edge/upstream/source.h"
#include "edge/upstream/tier.h"

/* One request to an upstream: tries the edges in front of its origins, then these, in order, until
 * one gives a head, then lets its body be read. Threads: its worker's.
 *
 *   ASKING  ─ head ─> ANSWERED ─ fetch_end ─> (gone)
 *      └ no origin answered ─> FAILED ─ fetch_end ─> (gone)                                     */
struct fetch;

struct fetch_events {
    void (*on_info)(void *ctx, struct fetch *f, const struct response_head *head); /* or NULL */
    void (*on_head)(void *ctx, struct fetch *f, const struct response_head *head);
    void (*on_readable)(void *ctx, struct fetch *f);
    /* No origin gave a head; fetch_end is the owner's to call. err: of the last one tried. */
    void (*on_failed)(void *ctx, struct fetch *f, int err);
};

/* What this request adds to its source. All borrowed during the call. */
struct fetch_ask {
    int64_t first, last; /* Range; first -1 and last > 0: the last `last` bytes; both -1: none */
    const struct validators *if_range; /* with a range; NULL: none */
    const struct validators *if_none;  /* revalidation; NULL: none */
    uint32_t tried;                    /* origins not to be asked */
    const struct hash128 *object_key;  /* for tiers that go by it; copied; NULL: none of them */
    bool is_reload;                    /* a client wants the origin's word: no cache's */
    struct body *body;                 /* takes; NULL: none */
    int64_t body_bytes;                /* LENGTH_UNKNOWN: chunked */
};
extern const struct fetch_ask fetch_ask_plain; /* no range, no condition, no body */

/* fetch_start: references source. Never calls back from inside. */
struct fetch *fetch_start(struct fetcher *fr, struct source *s, const struct fetch_ask *ask,
                          const struct fetch_events *events, void *ctx);
/* fetch_hand_over: another owner from here. */
void fetch_hand_over(struct fetch *f, const struct fetch_events *events, void *ctx);
/* As call_read; a body that breaks marks its origin as failed. */
ssize_t fetch_read(struct fetch *f, void *dst, size_t room);
/* What the owner found out about the origin at work: that it disregards ranges, or gives what was
 * asked; that its answer is worth nothing (err). */
void fetch_note_ranges(struct fetch *f, bool are_ignored);
void fetch_blame(struct fetch *f, int err);
/* fetch_is_of_peer: the answer is another edge's or memcached's: the origins may know better. */
bool fetch_is_of_peer(const struct fetch *f);
/* fetch_moment: of an answer of TIER_MEMCACHED: what a later purge covers is not to be believed.
 * fetch_stamp: the purges that were applied here before it was begun. */
uint64_t fetch_moment(const struct fetch *f);
const struct purge_stamp *fetch_stamp(const struct fetch *f);
enum tier fetch_tier(const struct fetch *f); /* whom the answer, or the failure, came from */
/* fetch_has_place: the origin has so many requests at once and no more, and this is one of them.
 * fetch_place_is_wanted: and somebody waits. */
bool fetch_is_queued(const struct fetch *f); /* waits for a place at an origin */
bool fetch_has_place(const struct fetch *f);
bool fetch_place_is_wanted(const struct fetch *f);
void fetch_end(struct fetch **f); /* takes *f; what is not read is cut */
const struct response_head *fetch_head(const struct fetch *f);
struct fetcher *fetch_fetcher(const struct fetch *f);
msec_t fetch_asked_wall(const struct fetch *f);       /* request_time of RFC 9111 s.4.2.3 */
msec_t fetch_answered_wall(const struct fetch *f);    /* response_time */
uint32_t fetch_tried(const struct fetch *f);          /* origins asked so far, bit by bit */
struct span fetch_origin_name(const struct fetch *f); /* the last one asked; "" none */

#endif
