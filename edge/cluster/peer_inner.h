/* SPDX-License-Identifier: MIT
 * private to edge/cluster: the table of peers */
#ifndef EDGE_CLUSTER_PEER_INNER_H
#define EDGE_CLUSTER_PEER_INNER_H

#include "edge/cluster/peer.h"
#include "lib/base/map.h"

#include <pthread.h>

struct peers {
    pthread_mutex_t lock;
    struct map *by_url; /* -> struct peer; under the lock, also while its last reference goes */
    /* the prober's */
    struct timer tick;
    struct client *client; /* NULL: not started */
    const char *node;
    struct list probes;
};

#endif
