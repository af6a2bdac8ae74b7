/* SPDX-License-Identifier: MIT
 * private to lib/daemon: the command line of every program */
#ifndef LIB_DAEMON_ARGUMENTS_H
#define LIB_DAEMON_ARGUMENTS_H

#include "lib/daemon/daemon.h"

enum arguments_do {
    ARGUMENTS_RUN,
    ARGUMENTS_CHECK,
    ARGUMENTS_HELP,
    ARGUMENTS_VERSION,
    ARGUMENTS_MARKDOWN,
    ARGUMENTS_COUNTERS,
};

struct arguments {
    enum arguments_do what;
    bool is_reformat;
    const char *config_file; /* NULL only where none is needed */
};

/* arguments_read: 0, or ERR_SYNTAX and a line in why. */
MUST_USE int arguments_read(struct arguments *out, const struct daemon_program *program, int argc,
                            char **argv, struct buf *why);
/* arguments_answer: the text for what needs no configuration (HELP .. COUNTERS). */
void arguments_answer(enum arguments_do what, const struct daemon_program *program,
                      struct buf *out);

#endif
