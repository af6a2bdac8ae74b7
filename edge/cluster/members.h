/* SPDX-License-Identifier: MIT */
#ifndef EDGE_CLUSTER_MEMBERS_H
#define EDGE_CLUSTER_MEMBERS_H

#include "edge/cluster/peer.h"
#include "lib/base/option.h"

/* The edges of this place, and which of them should hold a key: the one of the highest score by
 * weighted rendezvous (lib/base/hrw.h). All of them give the same answer, as scores come from the
 * members' URLs; when one is dead its keys, and no others, fall to the next. A key in great demand
 * has several owners, so that no single node carries it. Threads: any; a short lock. */
#define MEMBERS_MAX 64

struct cluster_options {
    const char *url;               /* of this node, as it stands among siblings; "": none */
    struct option_texts siblings;  /* URLs; may have this node's own */
    bool joins;                    /* those of the control plane's place, too */
    const char *ca;                /* PEM file of whom we trust with https; "": the system's */
    const char *certificate, *key; /* PEM files of this node; "": none is shown */
    int64_t hot_per_s;             /* asks of one key a second that one owner is enough for */
};
extern const struct option_section cluster_section; /* single */
MUST_USE int cluster_check(const struct cluster_options *options,
                           const struct option_config *config, struct buf *why);

struct members;
struct members *members_create(struct peers *peers) __attribute__((returns_nonnull));
void members_destroy(struct members **m); /* NULL is fine */
/* members_configure: as the file says now; options outlives m. 0, or what is wrong with the files
 * for https, with a line in why, and nothing has changed. */
MUST_USE int members_configure(struct members *m, const struct cluster_options *options,
                               struct buf *why);

/* members_set: who there is besides what the file says, all of it; weights as in the control plane.
 * The one that is this node is marked. Those that were there before keep their state. */
struct member_spec {
    struct span url;
    double weight;
    bool is_self;
};
void members_set(struct members *m, const struct member_spec *v, size_t count);

/* members_owner: a reference to the member to ask for key, or NULL: this node is an owner itself,
 * or stands alone. rate: asks for this key a second here; pick: any number, chooses one of several
 * owners. */
struct peer *members_owner(struct members *m, uint64_t key, double rate, uint32_t pick);

#endif
