/* SPDX-License-Identifier: MIT */
/* private to origin */
#ifndef ORIGIN_ORIGIN_STORE_H
#define ORIGIN_ORIGIN_STORE_H

#include "lib/net/iopool.h"
#include "origin/connect/connector.h"
#include "origin/origin_options.h"

/* origin_store_open: the folder or the storage that the options name, for the server and for the
 * publisher. 0, or an error and why. o and io outlive it. */
MUST_USE int origin_store_open(struct connector **out, const struct origin_options *o,
                               const char *file, struct iopool *io, struct buf *why);

#endif
