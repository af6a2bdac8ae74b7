/* SPDX-License-Identifier: MIT */
#ifndef EDGE_CLUSTER_PEER_H
#define EDGE_CLUSTER_PEER_H

#include "lib/base/buf.h"
#include "lib/http/url.h"
#include "lib/web/client.h"

#include <stdatomic.h>

/* Another edge that this one may ask: a shield in front of the origins, a sibling of the same
 * place. Whoever asks can always do without it, so one that is in doubt is not asked:
 *
 *   WELL ─ silent ─> DOUBTED ─ its probe was not answered ─> BROKEN ─ a probe is answered ─> WELL
 *     ^──────────────── answered ─┘                              ^
 *     └── refused, or closed before an answer ───────────────────┘
 *
 * DOUBTED is still asked: an answer may take long because an origin does. Probes are the table's,
 * so no user waits for one. One record for each URL, whoever names it; it lives as long as somebody
 * refers to it. Threads: any, but where it says otherwise. */
enum peer_state { PEER_WELL, PEER_DOUBTED, PEER_BROKEN };

struct peer {
    _Atomic uint32_t refs;
    /* constant */
    struct client_target target;
    struct span name; /* "127.0.0.1:8080" */
    struct peers *home;
    /* any */
    _Atomic int state;
    _Atomic bool is_self;      /* turned out to be this node */
    _Atomic bool has_answered; /* since it last failed, or ever */
    /* the prober's own */
    struct peer_probe *probe;
    msec_t probe_at; /* the next one, while BROKEN */
};

struct peers;
struct peers *peers_create(void) __attribute__((returns_nonnull));
void peers_destroy(struct peers **ps); /* nobody may refer to a peer any more */
/* peers_get: returns a reference. tls: for https; referenced. */
struct peer *peers_get(struct peers *ps, const struct url *url, struct tls_client *tls)
    __attribute__((returns_nonnull));
void peer_ref(struct peer *p);
void peer_unref(struct peer **p);

bool peer_may_be_asked(const struct peer *p);
bool peer_is_well(const struct peer *p); /* and not in doubt */
void peer_doubt(struct peer *p);
void peer_failed(struct peer *p);   /* to be had, not in what it said */
void peer_answered(struct peer *p); /* anything */
/* peers_told: what is known of the peer at a URL, where anything certain is. */
enum peers_told { PEERS_UNKNOWN, PEERS_REACHED, PEERS_NOT_REACHED };
enum peers_told peers_told(struct peers *ps, const struct url *url);
const char *peer_state_name(const struct peer *p);

/* peers_start: from here peers in doubt are probed, on this loop. peers_stop: before the loop
 * ends. Threads: the loop's. */
void peers_start(struct peers *ps, struct loop *l, const char *node);
void peers_stop(struct peers *ps);
/* peers_write_metrics: Prometheus text. */
void peers_write_metrics(struct peers *ps, struct buf *out);

#endif
