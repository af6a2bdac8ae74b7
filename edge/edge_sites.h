/* SPDX-License-Identifier: MIT */
#ifndef EDGE_EDGE_SITES_H
#define EDGE_EDGE_SITES_H

#include "edge/upstream/upstream.h"

/* The sites that this edge serves: those of its own file, and those of the control plane's document
 * that the file does not name. Main thread. */

/* edge_sites_make: 0 and *out, or ERR_* and lines in why. */
struct given;
struct edge_sites_from {
    struct option_config *config; /* in force, or about to be; its file is not read again */
    struct span document;         /* JSON of the control plane; empty: none */
    const struct given *given;    /* what else stands in it; NULL: nothing */
    int64_t block_max_bytes;      /* of the store; sites with larger blocks get these. 0: any */
};
MUST_USE int edge_sites_make(struct upstream_set **out, const struct edge_sites_from *from,
                             struct peers *peers, struct buf *why);

#endif
