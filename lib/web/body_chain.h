/* SPDX-License-Identifier: MIT */
#ifndef LIB_WEB_BODY_CHAIN_H
#define LIB_WEB_BODY_CHAIN_H

#include "lib/web/body.h"

/* Several bodies as one, each asked for only when the one before it has ended: so that of a
 * multipart
 * answer one part at a time holds anything. Threads: as body.h. */
struct body_chain_source {
    /* The i-th body (0, 1, ...), NULL after the last. Called once for each i, in order. */
    struct body *(*next)(void *ctx, int i);
    void (*close)(void *ctx); /* once, when the chain closes; may be NULL */
    void *ctx;
};
struct body *body_chain(const struct body_chain_source *source);

#endif
