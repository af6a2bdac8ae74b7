/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_UPSTREAM_H
#define EDGE_UPSTREAM_UPSTREAM_H

#include "edge/cluster/peer.h"
#include "lib/site/site.h"
#include "edge/upstream/gate.h"
#include "lib/web/client.h"

#include <stdatomic.h>

/* The origins of every site, how to reach them and how they have been doing. One snapshot belongs
 * to one configuration: sites, origins and the configuration's memory live and leave together.
 * Immutable but for health, which all workers share. Threads: any; destroy by the last unref. */
struct upstream_origin {
    struct client_target target;
    struct span name;  /* "127.0.0.1:9000": logs and Proxy-Status */
    uint32_t order;    /* those of the lowest order are asked first .. */
    double weight;     /* .. and share the resources between them by weight */
    uint64_t hash;     /* of its name */
    struct gate *gate; /* NULL: as many requests at once as come */
    /* Monotonic ms; each holds while it is later than now. */
    _Atomic int64_t held_until;  /* failed a moment ago: asked after the others */
    _Atomic int64_t rests_until; /* wants to be left alone (Retry-After): not asked */
    _Atomic int64_t probe_at;    /* broken: nobody asks until then, and then one */
    _Atomic int64_t whole_until; /* is known to answer a range with the whole */
    _Atomic uint32_t failures;   /* in a row; a success ends the row */
    _Atomic int64_t row_began;   /* when the row's first came */
    _Atomic bool is_unfit;       /* by its own word: health.h */
};

struct upstream {
    const struct site *site;
    struct upstream_origin *origins; /* by order */
    size_t count;
    struct peer **shields; /* edges in front of them, in order of preference; references */
    size_t shield_count;
    _Atomic int32_t spent_retries; /* in thousandths: see upstream_may_retry */
};

struct upstream_set {
    uint32_t magic;
    _Atomic uint32_t refs;
    struct option_config *config;
    int file_lines; /* of its text that stand in the file; what follows came from elsewhere */
    struct site_table *sites;
    struct signings *signings;  /* that its sites point into; NULL: none */
    struct upstream *upstreams; /* by site->index */
    struct tls_client **tls;    /* by site->index; NULL where no origin is https */
};
#define UPSTREAM_SET_MAGIC 0x5e7f0a11U

/* upstream_set_create: takes *config on success (0); on failure (ERR_CONFIG, ERR_CERTIFICATE and
 * lines in why) it stays the caller's. sites: its records. peers: outlives the set. The creator
 * holds the reference. */
MUST_USE int upstream_set_create(struct upstream_set **out, struct option_config **config,
                                 const struct option_records *sites, struct peers *peers,
                                 struct buf *why);
void upstream_set_ref(struct upstream_set *set);
void upstream_set_unref(struct upstream_set **set);
struct upstream *upstream_of(struct upstream_set *set, const struct site *site);

/* An origin is
 *
 *   WELL ─ fails ─> HELD for 1 s ─ 5 in a row ─> BROKEN: one probe a second
 *     └──── "Retry-After" ─> RESTING <────────┘     └─ any success ─> WELL
 *
 * and UNFIT besides, as long as health.h finds it so: that is as if it rested.
 *
 * upstream_choose: whom to ask next: of those that are WELL and not `tried` (bit i: origin i), or
 * BROKEN with their probe due, the lowest order, and there one that has room, by the resource's
 * key and the weights (rendezvous: a resource stays where it is while its origin is well); else the
 * HELD one that comes up soonest, else one that is RESTING; NULL: nobody may be asked now.
 * upstream_take: the same, and the probe is taken. At most 32 origins count. */
struct upstream_origin *upstream_choose(const struct upstream *u, uint32_t tried, uint64_t key,
                                        msec_t now);
struct upstream_origin *upstream_take(struct upstream *u, uint32_t tried, uint64_t key, msec_t now);
uint32_t upstream_index(const struct upstream *u, const struct upstream_origin *o);
const char *upstream_state_name(const struct upstream_origin *o, msec_t now); /* "held" */
bool upstream_is_broken(const struct upstream_origin *o);
/* upstream_shield: the first that may be asked, or NULL.
 * upstream_is_down: every origin is BROKEN or RESTING, and there is no such shield.
 * upstream_is_due: one of them may be asked all the same, because its probe is due. */
struct peer *upstream_shield(const struct upstream *u);
bool upstream_is_down(const struct upstream *u, msec_t now);
bool upstream_is_due(const struct upstream *u, msec_t now);

/* How it went. err: ERR_PROTOCOL, ERR_TRUNCATED and the like hold the origin back, but only one
 * that cannot be had (refused, unresolved; silent for a second at least) breaks. An answer of any
 * status breaks nothing: a 503 may be about one resource. upstream_hold: others come first. */
void upstream_succeeded(struct upstream_origin *o);
void upstream_failed(struct upstream_origin *o, int err, msec_t now);
void upstream_hold(struct upstream_origin *o, msec_t now);
void upstream_rest(struct upstream_origin *o, msec_t until);
void upstream_set_fit(struct upstream_origin *o, bool is_fit);
/* Whether ranges came back whole lately. */
void upstream_note_ranges(struct upstream_origin *o, bool are_ignored, msec_t now);
bool upstream_ignores_ranges(const struct upstream_origin *o, msec_t now);

/* Retries are a share of what is asked, never more than the origins can bear: each request of
 * clients gives back a fifth of one, and ten may come at once. */
void upstream_count_request(struct upstream *u);
bool upstream_may_retry(struct upstream *u); /* true: one is spent */

#endif
