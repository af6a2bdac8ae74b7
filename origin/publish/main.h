/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_MAIN_H
#define ORIGIN_PUBLISH_MAIN_H

#include "lib/base/buf.h"
#include "lib/net/iopool.h"
#include "origin/connect/connector.h"

/* byeori-origin publish: the command line around publish.h. Exit codes: 0 published (or there
 * already), 1 failed, 2 usage.
 *
 * open: the storage that `store` names, a folder or a configuration file; io outlives it. 0, or an
 * error and why. */
typedef int (*publish_open_fn)(const char *store, struct iopool *io, struct connector **out,
                               struct buf *why);
int publish_main(int argc, char **argv, publish_open_fn open);

#endif
