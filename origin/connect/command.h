/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_COMMAND_H
#define ORIGIN_CONNECT_COMMAND_H

#include "lib/base/buf.h"
#include "origin/connect/connector.h"

/* What a command line (publish, store) stands on: an open storage, one loop, and one step at a time
 * that is waited for. Embedded; everything on the thread that began it.
 *
 *     err = command_begin(&c, open, store);
 *     if (err == 0) {
 *         ops->put(c.store, &put);            its done() calls command_step_over(&c, err)
 *         err = command_wait(&c);
 *     }
 *     command_end(&c); */
#define COMMAND_IO_THREADS 4

struct iopool;
struct command {
    struct loop *home;
    struct iopool *io;
    struct connector *store;
    struct buf why; /* it could not be opened; else the owner's */
    /* private */
    int err;
    bool is_over;
};

/* The storage that `store` names, a folder or a configuration file; io outlives it. 0, or an error
 * and why. */
typedef int (*connector_open_fn)(const char *store, struct iopool *io, struct connector **out,
                                 struct buf *why);

/* command_begin: 0, or an error that `why` tells. command_end is due either way. */
MUST_USE int command_begin(struct command *c, connector_open_fn open, const char *store);
void command_end(struct command *c);
/* command_step_over: the step that was started is over; also from inside its start. */
void command_step_over(struct command *c, int err);
/* command_wait: runs the loop until the step is over; its error. */
int command_wait(struct command *c);

#endif
