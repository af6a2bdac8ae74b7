/* SPDX-License-Identifier: MIT
 * private to edge/upstream: the part of a fetch that is about other edges */
#ifndef EDGE_UPSTREAM_PEER_TURN_H
#define EDGE_UPSTREAM_PEER_TURN_H

#include "edge/upstream/source.h"
#include "edge/upstream/tier.h"

/* Other edges are asked before the origins, and nothing is lost when one fails: the next is asked.
 * An answer may take long because an origin does, so silence alone condemns nobody: after a while
 * the peer is in doubt, its prober finds out, and only a dead one is given up, before its answer or
 * in the middle of its body. Threads: its fetch's. */
struct peer_turn {
    struct peer *peer; /* being asked, or whose body is being read; a reference; NULL: an origin */
    enum tier tier;    /* of who is asked */
    uint32_t done;     /* tiers that were asked or passed by, bit by bit */
    bool is_hungry;    /* somebody waits for a byte */
    bool is_given_up;  /* the owner's: dead in the middle of its body */
    const struct site *site;
    struct call *call; /* the owner's; borrowed; NULL between two */
    uint64_t seen_bytes;
    msec_t moved_at, doubt_at;
    struct timer watch;
    void (*on_dead)(struct peer_turn *t); /* silent, and its probe was not answered */
};

/* peer_turn_take: whom to ask now; false: none (any more): the origins. is_reload: as fetch_ask. */
struct fetcher;
bool peer_turn_take(struct peer_turn *t, struct fetcher *fr, const struct source *s,
                    bool is_reload);
/* peer_turn_watch: the call is made. peer_turn_leave: it is not the peer's any more; fine at any
 * time. */
void peer_turn_watch(struct peer_turn *t, struct loop *l, struct call *c);
void peer_turn_leave(struct peer_turn *t);

/* What only edges are told. */
struct peer_ask {
    const struct source *source;
    struct purge_clock *purges;
    enum tier tier;
    bool is_reload;
};
void peer_turn_fields(const struct peer_ask *ask, struct fields *fs);
/* peer_turn_judge: what the status says of the peer. False: its answer is no use: ask the next. */
bool peer_turn_judge(const struct peer_turn *t, const struct source *s, int status,
                     struct span node);

#endif
