/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_SCRATCH_H
#define ORIGIN_PUBLISH_SCRATCH_H

#include "lib/base/buf.h"

/* private to origin/publish: a folder for files that go with the run, in TMPDIR (/tmp). It is
 * locked while its run lives, so that the next run finds those of runs that were killed, and
 * removes them.
 * Threads: one at a time. Blocks. */
struct scratch {
    char path[4096]; /* "": there is none */
    int fd;
};

/* scratch_open: a new, empty one: 0, or ERR_IO and a sentence in why. scratch_close: removes it
 * with all that is in it; one zeroed, or that did not open, is fine. */
MUST_USE int scratch_open(struct scratch *s, struct buf *why);
void scratch_close(struct scratch *s);

#endif
