/* SPDX-License-Identifier: MIT
 *
 * A command line's storage and its steps. */
#include "origin/connect/command.h"

#include "lib/net/iopool.h"

#include <signal.h>

#define IO_QUEUE 4096
#define WHY_MAX  8192

int command_begin(struct command *c, connector_open_fn open, const char *store)
{
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    *c = (struct command){.home = loop_create(), .io = iopool_create(COMMAND_IO_THREADS, IO_QUEUE)};
    CHECK(c->home != NULL);
    buf_init(&c->why, WHY_MAX);
    int err = open(store, c->io, &c->store, &c->why);
    if (err != 0)
        connector_destroy(&c->store);
    else
        connector_enter(c->store, c->home);
    return err;
}

void command_end(struct command *c)
{
    if (c->store != NULL)
        connector_leave(c->store, c->home);
    loop_deliver(c->home);
    iopool_destroy(&c->io);
    connector_destroy(&c->store);
    loop_destroy(&c->home);
    buf_finish(&c->why);
}

void command_step_over(struct command *c, int err)
{
    c->err = err;
    c->is_over = true;
    loop_stop(c->home);
}

/* A step that was over at once has stopped a loop that did not run yet, so a run may end early. */
int command_wait(struct command *c)
{
    while (!c->is_over)
        loop_run(c->home);
    c->is_over = false;
    return c->err;
}
